//! The claims, and whether these results support them.

use super::compare::{Mean, Overall};
use super::laws::{ADAPTIVE, Class, LAWS, Law, UNCOMPRESSED, WITH_POSTCOPY, WITHOUT_COUNTERS};

/// J over the oracle's, at most: geometric mean, and worst.
const REGRET_MEAN: f64 = 1.10;
const REGRET_WORST: f64 = 1.4;

/// Total time over that of the fastest law that always completes, at most.
const TOTAL: f64 = 1.1;

/// A claim and its figure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Verdict {
    pub(super) claim: &'static str,
    /// The measurement, and laws that could not be compared.
    pub(super) figure: String,
    /// Whether it holds; none if too little was measured to say.
    pub(super) met: Option<bool>,
}

/// The laws of a claim: those with a figure, and those without one, with the reason.
#[derive(Debug, Default)]
struct Rivals {
    judged: Vec<(&'static str, Figure)>,
    left_out: Vec<(&'static str, &'static str)>,
}

/// The figure by which a law is compared.
#[derive(Clone, Debug)]
struct Figure {
    value: f64,
    written: String,
}

impl Figure {
    fn ratio(value: f64) -> Self {
        Self {
            value,
            written: format!("{value:.2}"),
        }
    }

    fn gap(gap: Mean) -> Self {
        Self {
            value: gap.mean,
            written: gap.in_seconds() + " s",
        }
    }
}

/// Other stacks' laws with pre-copy.
fn precopy(law: &Law) -> bool {
    matches!(law.class, Class::Precopy | Class::Throttling)
}

/// All claims, judged.
#[must_use]
pub(super) fn verdicts(laws: &[Overall]) -> Vec<Verdict> {
    let Some(adaptive) = laws.iter().find(|o| o.law.name == ADAPTIVE) else {
        return Vec::new();
    };
    let of_adaptive = |o: &Overall| no_ratio(o, adaptive);
    let completes = |o: &Overall| {
        let reason = (!o.always_completes()).then_some("not every run moved its guest");
        reason.or_else(|| of_adaptive(o))
    };
    let uncompressed = laws
        .iter()
        .find(|o| o.law.name == UNCOMPRESSED)
        .and_then(|o| o.j_over_adaptive[0]);
    let pause = |o: &Overall| o.pause_over_adaptive.map(Figure::ratio);
    let delay = |o: &Overall| o.delay_less_adaptive_ms.map(Figure::gap);
    vec![
        Verdict {
            claim: "Every migration under the adaptive law completes",
            figure: format!("{} of {}", adaptive.completed.0, adaptive.completed.1),
            met: Some(adaptive.always_completes()),
        },
        at_most(
            "J of adaptive over the oracle's, geometric mean, at most 1.10",
            adaptive.regret[0].mean,
            REGRET_MEAN,
        ),
        at_most(
            "J of adaptive over the oracle's, at worst 1.4",
            adaptive.regret[0].worst,
            REGRET_WORST,
        ),
        Rivals::of(laws, precopy, of_adaptive, |o| {
            o.j_over_adaptive[0].map(Figure::ratio)
        })
        .above(
            "Every other pre-copy law has a higher J than adaptive, geometric mean",
            1.0,
        ),
        Rivals::of(laws, precopy, of_adaptive, |o| {
            o.cost_over_adaptive.map(Figure::ratio)
        })
        .above(
            "The same, counting the work lost to throttling",
            1.0,
        ),
        Rivals::of(laws, |law| precopy(law) && !law.compresses(), of_adaptive, |o| {
            Some(Figure::ratio(o.j_over_adaptive[0]? / uncompressed?))
        })
        .above(
            "Every law without XBZRLE has a higher J than adaptive without it",
            1.0,
        ),
        Rivals::of(laws, precopy, completes, pause).above(
            "Every law that always completes pauses the guest longer than adaptive, geometric mean",
            1.0,
        ),
        Rivals::of(laws, |law| law.class == Class::Precopy, completes, pause).above(
            "The same, without the laws that throttle the guest",
            1.0,
        ),
        Rivals::of(laws, precopy, completes, |o| {
            o.total_over_adaptive.map(Figure::ratio)
        })
        .fastest(),
        Rivals::of(laws, precopy, of_adaptive, delay).above(
            "Every other pre-copy law delays the application longer than adaptive, mean",
            0.0,
        ),
        Rivals::of(laws, |law| law.class == Class::Postcopy, of_adaptive, delay).above(
            "Post-copy after iteration 1, where it is allowed, delays the application longer than adaptive, mean",
            0.0,
        ),
    ]
}

/// Why a law cannot be compared with the adaptive one.
fn no_ratio(rival: &Overall, adaptive: &Overall) -> Option<&'static str> {
    if rival.cells.0 == 0 {
        return Some("most of its runs did not complete");
    }
    (adaptive.cells.0 == 0).then_some("most runs of adaptive did not complete")
}

impl Rivals {
    /// All laws of others that are `meant`: `reason` says why one is left out, `figure` gives the value compared.
    fn of(
        laws: &[Overall],
        meant: impl Fn(&Law) -> bool,
        reason: impl Fn(&Overall) -> Option<&'static str>,
        figure: impl Fn(&Overall) -> Option<Figure>,
    ) -> Self {
        let mut rivals = Self::default();
        let own = [ADAPTIVE, UNCOMPRESSED, WITHOUT_COUNTERS, WITH_POSTCOPY];
        let other = |law: &&Law| meant(law) && !own.contains(&law.name);
        for law in LAWS.iter().filter(other) {
            let run = laws.iter().find(|o| o.law.name == law.name);
            let found = run.ok_or("not run").and_then(|o| {
                reason(o).map_or(Ok(()), Err)?;
                figure(o).ok_or("no guest on a link has this figure of both")
            });
            match found {
                Ok(figure) => rivals.judged.push((law.title, figure)),
                Err(reason) => rivals.left_out.push((law.title, reason)),
            }
        }
        rivals
    }

    /// The one with the least figure.
    fn least(&self) -> Option<&(&'static str, Figure)> {
        let least = |a: &&(_, Figure), b: &&(_, Figure)| a.1.value.total_cmp(&b.1.value);
        self.judged.iter().min_by(least)
    }

    /// Every rival's figure is above `bound`.
    fn above(self, claim: &'static str, bound: f64) -> Verdict {
        let nearest = self.least();
        let failing: Vec<_> = self
            .judged
            .iter()
            .filter(|(_, figure)| figure.value <= bound)
            .map(|(title, _)| *title)
            .collect();
        let mut words = nearest.map_or("no such law".to_owned(), |(title, figure)| {
            format!("nearest: {title}, {}", figure.written)
        });
        if !failing.is_empty() {
            words += &format!("; missed against {}", failing.join(", "));
        }
        Verdict {
            claim,
            figure: words + &self.without(),
            met: nearest.map(|_| failing.is_empty()),
        }
    }

    fn fastest(self) -> Verdict {
        let fastest = self.least();
        let ratio = fastest.map(|(title, other)| (title, 1.0 / other.value));
        let words = ratio.map_or("no such law".to_owned(), |(title, ratio)| {
            format!("{ratio:.2} times that of {title}")
        });
        Verdict {
            claim: "Total time of adaptive at most 1.1 times that of the fastest law that always completes",
            figure: words + &self.without(),
            met: ratio.map(|(_, ratio)| ratio <= TOTAL),
        }
    }

    /// Those left out, each with the reason.
    fn without(&self) -> String {
        let each = |(title, reason): &(&str, &str)| format!("{title} ({reason})");
        let all: Vec<_> = self.left_out.iter().map(each).collect();
        if all.is_empty() {
            return String::new();
        }
        format!("; left out: {}", all.join(", "))
    }
}

fn at_most(claim: &'static str, value: Option<f64>, bound: f64) -> Verdict {
    Verdict {
        claim,
        figure: value.map_or("-".to_owned(), |value| format!("{value:.3}")),
        met: value.map(|value| value <= bound),
    }
}
