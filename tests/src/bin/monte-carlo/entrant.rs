//! The entrants: a law, its clock, and the options that its owner sets.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use libvirt_hpc_baseline::{Baseline, Name, all, times_ppm_for};
use libvirt_hpc_control::law::{Adaptive, Slowdown};
use libvirt_hpc_plugin::laws::AnyLaw;

/// libvirt-hpc's laws as they are written.
const ADAPTIVE: &str = "adaptive";
const OR_POSTCOPY: &str = "adaptive-or-postcopy";

/// The suffixes of a law as it is written.
const BY_ROUND: &str = "@round";
const AUTO_CONVERGE: &str = "+auto-converge";

/// Which law.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Adaptive,
    /// The same where the guest's owner allows post-copy.
    AdaptiveOrPostcopy,
    Baseline(Baseline),
}

/// An entrant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Entrant {
    kind: Kind,
    /// Its times are scaled to each guest's first round.
    by_round: bool,
    /// Switched on in addition to the owner's options.
    auto_converge: bool,
}

impl Entrant {
    /// The law that ships.
    pub(crate) const ADAPTIVE_LAW: Self = Self {
        kind: Kind::Adaptive,
        by_round: false,
        auto_converge: false,
    };

    /// The law that ships, for a guest whose owner allows post-copy.
    const OR_POSTCOPY: Self = Self {
        kind: Kind::AdaptiveOrPostcopy,
        ..Self::ADAPTIVE_LAW
    };

    const fn baseline(baseline: Baseline) -> Self {
        Self {
            kind: Kind::Baseline(baseline),
            by_round: false,
            auto_converge: false,
        }
    }

    /// The law for a guest whose first round takes `first_round`.
    pub(crate) fn build(&self, first_round: Duration) -> AnyLaw<Adaptive> {
        let adaptive = Adaptive::new(Slowdown::DEFAULT);
        match self.kind {
            Kind::Adaptive => AnyLaw::Adaptive(adaptive),
            Kind::AdaptiveOrPostcopy => AnyLaw::Adaptive(adaptive.or_postcopy()),
            Kind::Baseline(law) if self.by_round => {
                AnyLaw::Baseline(law.scaled(times_ppm_for(first_round)).build())
            }
            Kind::Baseline(law) => AnyLaw::Baseline(law.build()),
        }
    }

    /// Whether the guest is throttled until it converges.
    pub(crate) fn auto_converge(&self) -> bool {
        self.auto_converge || self.gives("--auto-converge")
    }

    /// Whether the law may switch to post-copy: its guest's owner must allow that.
    pub(crate) fn postcopy(&self) -> bool {
        self.kind == Kind::AdaptiveOrPostcopy || self.gives("--postcopy")
    }

    /// Whether it is the law that all others are compared with.
    pub(crate) fn is_adaptive(&self) -> bool {
        self.kind == Kind::Adaptive
    }

    /// Whether this is `other` with its clock scaled, or vice versa.
    pub(crate) fn is_other_clock_of(&self, other: &Self) -> bool {
        self.by_round != other.by_round
            && (self.kind, self.auto_converge) == (other.kind, other.auto_converge)
    }

    fn gives(&self, option: &str) -> bool {
        match self.kind {
            Kind::Adaptive | Kind::AdaptiveOrPostcopy => false,
            Kind::Baseline(law) => law.virsh_options().contains(&option),
        }
    }
}

/// The adaptive law and all others: with the clock as published and scaled, if it has one.
pub(crate) fn everybody() -> Vec<Entrant> {
    let listed = all().iter().map(|entry| entry.law);
    let settings = [
        "nova-force-complete=postcopy",
        "vep-248=postcopy",
        "ganeti=postcopy",
    ];
    let others = settings.iter().filter_map(|law| law.parse().ok());
    let others = listed.chain(others).filter(|law| takes_part(*law));
    let mut entrants = vec![Entrant::ADAPTIVE_LAW, Entrant::OR_POSTCOPY];
    for law in others {
        let entrant = Entrant::baseline(Baseline::as_published(law));
        entrants.push(entrant);
        if has_clock(law) {
            entrants.push(Entrant {
                by_round: true,
                ..entrant
            });
        }
        if law == Name::Stock {
            entrants.push(Entrant {
                auto_converge: true,
                ..entrant
            });
        }
    }
    entrants
}

/// A stop at one given time is no law; the best of them is the oracle.
const fn takes_part(law: Name) -> bool {
    !matches!(law, Name::ForcedStop { .. })
}

/// Whether a law follows a clock.
const fn has_clock(law: Name) -> bool {
    !matches!(
        law,
        Name::Stock
            | Name::Stock2011
            | Name::CloudStack(_)
            | Name::Ganeti { .. }
            | Name::Xen
            | Name::XcpNg
            | Name::Clark(_)
            | Name::StopAfterRoundOne
            | Name::PostcopyAfterRoundOne
            | Name::ForcedStop { .. }
    )
}

impl FromStr for Entrant {
    type Err = libvirt_hpc_baseline::ParseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (text, auto_converge) = cut(text, AUTO_CONVERGE);
        let (text, by_round) = cut(text, BY_ROUND);
        let entrant = match text {
            ADAPTIVE => Self::ADAPTIVE_LAW,
            OR_POSTCOPY => Self::OR_POSTCOPY,
            others => Self::baseline(others.parse()?),
        };
        Ok(Self {
            by_round,
            auto_converge,
            ..entrant
        })
    }
}

/// The text without its suffix, and whether it had it.
fn cut<'a>(text: &'a str, suffix: &str) -> (&'a str, bool) {
    text.strip_suffix(suffix)
        .map_or((text, false), |rest| (rest, true))
}

impl fmt::Display for Entrant {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            Kind::Adaptive => out.write_str(ADAPTIVE)?,
            Kind::AdaptiveOrPostcopy => out.write_str(OR_POSTCOPY)?,
            Kind::Baseline(law) => write!(out, "{law}")?,
        }
        let suffix = |on, suffix| if on { suffix } else { "" };
        out.write_str(suffix(self.by_round, BY_ROUND))?;
        out.write_str(suffix(self.auto_converge, AUTO_CONVERGE))
    }
}

#[cfg(test)]
mod tests {
    use libvirt_hpc_control::law::Law as _;

    use super::*;

    #[test]
    fn each_is_written_as_it_is_read() {
        let everybody = everybody();
        for entrant in &everybody {
            assert_eq!(entrant.to_string().parse(), Ok(*entrant));
            let same = everybody.iter().filter(|other| *other == entrant);
            assert_eq!(same.count(), 1, "{entrant} twice");
        }
        assert!("nobody".parse::<Entrant>().is_err());
    }

    #[test]
    fn a_law_that_may_use_post_copy_is_given_it_and_is_not_what_others_are_compared_with() {
        let may: Entrant = "adaptive-or-postcopy".parse().expect("a law");
        assert!(may.postcopy() && !may.is_adaptive() && everybody().contains(&may));
        let law = may.build(Duration::from_secs(1));
        assert_eq!(law.name(), "adaptive-or-postcopy");
        assert!(Entrant::ADAPTIVE_LAW.is_adaptive() && !Entrant::ADAPTIVE_LAW.postcopy());
    }

    #[test]
    fn the_owners_options_are_set() {
        let entrant = |text: &str| text.parse::<Entrant>().expect("a law");
        assert!(entrant("proxmox@round").auto_converge());
        assert!(entrant("stock+auto-converge").auto_converge());
        assert!(!entrant("vep-248").auto_converge() && !entrant("vep-248").postcopy());
        assert!(entrant("vep-248=postcopy").postcopy());
        assert!(entrant("proxmox").is_other_clock_of(&entrant("proxmox@round")));
        assert!(!entrant("proxmox").is_other_clock_of(&entrant("stock")));
    }
}
