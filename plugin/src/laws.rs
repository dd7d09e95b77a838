//! The laws by name.

use std::fmt;
use std::str::FromStr;

use libvirt_hpc_baseline::{Baseline, BaselineLaw, Name, ParseError};
use libvirt_hpc_control::law::{Adaptive, Decision, Law, Slowdown, View, WithXbzrle};
use serde::{Deserialize, Serialize};

/// The name of [`Adaptive`].
const ADAPTIVE: &str = "adaptive";

/// The name of [`Adaptive::without_counters`].
const WITHOUT_COUNTERS: &str = "adaptive-without-counters";

/// The name of [`Adaptive::or_postcopy`].
const OR_POSTCOPY: &str = "adaptive-or-postcopy";

/// Which law decides, as options and traces name it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum LawName {
    /// [`Adaptive`].
    #[default]
    Adaptive,
    /// [`Adaptive::or_postcopy`]: the owner or the user allows post-copy.
    AdaptiveOrPostcopy,
    /// [`Adaptive::without_counters`], to see what they are worth.
    AdaptiveWithoutCounters,
    /// A law of another stack.
    Baseline(Baseline),
}

impl LawName {
    /// libvirt's and QEMU's settings stay as they are.
    pub const STOCK: Self = Self::Baseline(Baseline::as_published(Name::Stock));

    /// The name as it is written, without settings.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Adaptive => ADAPTIVE,
            Self::AdaptiveOrPostcopy => OR_POSTCOPY,
            Self::AdaptiveWithoutCounters => WITHOUT_COUNTERS,
            Self::Baseline(baseline) => baseline.law.as_str(),
        }
    }

    /// Whether it is libvirt-hpc's own, which takes what is known of the guest into account.
    #[must_use]
    pub const fn is_adaptive(self) -> bool {
        !matches!(self, Self::Baseline(_))
    }

    /// The law of that name, for an application that pre-copy slows down by `slowdown_ppm` parts per
    /// million.
    #[must_use]
    pub fn build(self, slowdown_ppm: u64) -> AnyLaw {
        let slowdown = Slowdown::from_ppm(slowdown_ppm);
        let adaptive = Adaptive::new(slowdown);
        let with_xbzrle = |law| AnyLaw::Adaptive(WithXbzrle::new(law, slowdown));
        match self {
            Self::Adaptive => with_xbzrle(adaptive),
            Self::AdaptiveOrPostcopy => with_xbzrle(adaptive.or_postcopy()),
            Self::AdaptiveWithoutCounters => with_xbzrle(adaptive.without_counters()),
            Self::Baseline(baseline) => AnyLaw::Baseline(baseline.build()),
        }
    }

    /// Whether it switches to post-copy, which the migration must have been started with.
    #[must_use]
    pub fn needs_postcopy(self) -> bool {
        match self {
            Self::Adaptive | Self::AdaptiveWithoutCounters => false,
            Self::AdaptiveOrPostcopy => true,
            Self::Baseline(baseline) => baseline.virsh_options().contains(&"--postcopy"),
        }
    }
}

impl fmt::Display for LawName {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Baseline(baseline) => baseline.fmt(out),
            own => out.write_str(own.as_str()),
        }
    }
}

impl FromStr for LawName {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        match text {
            ADAPTIVE => Ok(Self::Adaptive),
            OR_POSTCOPY => Ok(Self::AdaptiveOrPostcopy),
            WITHOUT_COUNTERS => Ok(Self::AdaptiveWithoutCounters),
            other => other.parse().map(Self::Baseline),
        }
    }
}

impl TryFrom<String> for LawName {
    type Error = ParseError;

    fn try_from(text: String) -> Result<Self, ParseError> {
        text.parse()
    }
}

impl From<LawName> for String {
    fn from(law: LawName) -> Self {
        law.to_string()
    }
}

/// The name of each law.
pub fn names() -> impl Iterator<Item = &'static str> {
    let others = libvirt_hpc_baseline::all().iter();
    [ADAPTIVE, OR_POSTCOPY, WITHOUT_COUNTERS]
        .into_iter()
        .chain(others.map(|entry| entry.name()))
}

/// How each law is written, and what it is.
pub fn descriptions() -> impl Iterator<Item = (String, &'static str)> {
    let own = [
        (
            ADAPTIVE,
            "the default: stop when one more iteration no longer pays",
        ),
        (
            OR_POSTCOPY,
            "the same, switching to post-copy where that costs less: the default where the policy allows it",
        ),
        (
            WITHOUT_COUNTERS,
            "the same without KVM's page faults, to see what they are worth",
        ),
    ];
    let others = libvirt_hpc_baseline::all().iter();
    own.into_iter()
        .map(|(name, about)| (name.to_owned(), about))
        .chain(others.map(|entry| (entry.usage(), entry.about)))
}

/// Any of the laws; `A` is the adaptive one.
#[derive(Clone, Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "one of them exists in a process, for its whole life"
)]
pub enum AnyLaw<A = WithXbzrle<Adaptive>> {
    /// See [`Adaptive`].
    Adaptive(A),
    /// See [`BaselineLaw`].
    Baseline(BaselineLaw),
}

impl<A: Law> Law for AnyLaw<A> {
    fn name(&self) -> &'static str {
        match self {
            Self::Adaptive(law) => law.name(),
            Self::Baseline(law) => law.name(),
        }
    }

    fn decide(&mut self, view: &View) -> Decision {
        match self {
            Self::Adaptive(law) => law.decide(view),
            Self::Baseline(law) => law.decide(view),
        }
    }

    fn wants_writes(&self) -> bool {
        match self {
            Self::Adaptive(law) => law.wants_writes(),
            Self::Baseline(law) => law.wants_writes(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_law_goes_by_its_own_name() {
        assert_eq!(names().count(), libvirt_hpc_baseline::all().len() + 3);
        for name in names() {
            let law: LawName = name.parse().expect(name);
            assert_eq!((law.as_str(), law.build(100_000).name()), (name, name));
            let written = serde_json::to_string(&law).expect("a name");
            assert_eq!(written, format!("\"{name}\""));
        }
    }

    #[test]
    fn a_trace_names_a_law_with_its_settings() {
        let law: LawName = serde_json::from_str("\"forced-stop=3.5s@2\"").expect("a law");
        assert_eq!(law.to_string(), "forced-stop=3.5s@2");
        assert_eq!(
            serde_json::from_str::<LawName>("\"stock\"").ok(),
            Some(LawName::STOCK)
        );
        assert!(serde_json::from_str::<LawName>("\"none\"").is_err());
    }

    #[test]
    fn who_switches_to_post_copy_says_so() {
        let needs = |law: &str| law.parse::<LawName>().expect(law).needs_postcopy();
        assert!(needs("ovirt-postcopy") && needs("vep-248=postcopy"));
        assert!(!needs("adaptive") && !needs("vep-248") && !needs("ovirt-minimal"));
    }
}
