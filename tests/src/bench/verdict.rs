//! What is claimed, and whether these results bear it out.

use super::compare::Overall;
use super::laws::{Class, LAWS, OURS};

/// J over the oracle's, at most: in geometric mean, and ever.
const REGRET_MEAN: f64 = 1.10;
const REGRET_WORST: f64 = 1.4;

/// Total time over that of the fastest law that always completes, at most.
const TOTAL: f64 = 1.1;

/// A claim and its figure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Verdict {
    /// What is claimed.
    pub(super) claim: &'static str,
    /// What was measured, and against whom it could not be.
    pub(super) figure: String,
    /// Whether it holds; none if too little was measured to say.
    pub(super) met: Option<bool>,
}

/// The laws that a claim is about: those with a figure, and those without one, with the reason.
#[derive(Debug, Default)]
struct Rivals {
    judged: Vec<(&'static str, f64)>,
    left_out: Vec<(&'static str, &'static str)>,
}

/// All claims, judged.
#[must_use]
pub(super) fn verdicts(laws: &[Overall]) -> Vec<Verdict> {
    let Some(ours) = laws.iter().find(|o| o.law.name == OURS) else {
        return Vec::new();
    };
    let of_ours = |o: &Overall| no_ratio(o, ours);
    let completes = |o: &Overall| {
        let reason = (!o.always_completes()).then_some("not every run moved its guest");
        reason.or_else(|| of_ours(o))
    };
    vec![
        Verdict {
            claim: "Every migration under ours completes",
            figure: format!("{} of {}", ours.completed.0, ours.completed.1),
            met: Some(ours.always_completes()),
        },
        at_most(
            "J of ours over the oracle's, geometric mean, at most 1.10",
            ours.regret[0].mean,
            REGRET_MEAN,
        ),
        at_most(
            "J of ours over the oracle's, at worst 1.4",
            ours.regret[0].worst,
            REGRET_WORST,
        ),
        Rivals::of(laws, of_ours, |o| o.j_over_ours[0]).above(
            "J of every other pre-copy law above ours, geometric mean",
            1.0,
            |ratio| format!("{ratio:.2}"),
        ),
        Rivals::of(laws, completes, |o| o.pause_over_ours).above(
            "Pause of every law that always completes above ours, geometric mean",
            1.0,
            |ratio| format!("{ratio:.2}"),
        ),
        Rivals::of(laws, completes, |o| o.total_over_ours).fastest(),
        Rivals::of(laws, of_ours, |o| o.delay_less_ours_ms).above(
            "The application's delay under every other pre-copy law above that under ours, mean",
            0.0,
            |gap_ms| format!("{:+.2} s", gap_ms / 1e3),
        ),
    ]
}

/// Why a law has nothing that could be compared with ours.
fn no_ratio(rival: &Overall, ours: &Overall) -> Option<&'static str> {
    if rival.cells.0 == 0 {
        return Some("most of its runs ended nowhere");
    }
    (ours.cells.0 == 0).then_some("most runs of ours ended nowhere")
}

impl Rivals {
    /// All other laws of pre-copy: `reason` says why one is left out, `figure` is what it is compared by.
    fn of(
        laws: &[Overall],
        reason: impl Fn(&Overall) -> Option<&'static str>,
        figure: impl Fn(&Overall) -> Option<f64>,
    ) -> Self {
        let mut rivals = Self::default();
        for law in LAWS
            .iter()
            .filter(|law| matches!(law.class, Class::Precopy | Class::Throttling))
        {
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
    fn least(&self) -> Option<(&'static str, f64)> {
        let least = self.judged.iter().min_by(|a, b| a.1.total_cmp(&b.1));
        least.copied()
    }

    /// Every rival's figure is above `bound`.
    fn above(self, claim: &'static str, bound: f64, written: impl Fn(f64) -> String) -> Verdict {
        let nearest = self.least();
        let failing: Vec<_> = self
            .judged
            .iter()
            .filter(|(_, figure)| *figure <= bound)
            .map(|(title, _)| *title)
            .collect();
        let mut figure = nearest.map_or("no such law".to_owned(), |(title, figure)| {
            format!("nearest: {title}, {}", written(figure))
        });
        if !failing.is_empty() {
            figure += &format!("; missed against {}", failing.join(", "));
        }
        Verdict {
            claim,
            figure: figure + &self.without(),
            met: nearest.map(|_| failing.is_empty()),
        }
    }

    fn fastest(self) -> Verdict {
        let fastest = self.least();
        let figure = fastest.map_or("no such law".to_owned(), |(title, ratio)| {
            format!("{:.2} times that of {title}", 1.0 / ratio)
        });
        Verdict {
            claim: "Total time of ours at most 1.1 times that of the fastest law that always completes",
            figure: figure + &self.without(),
            met: fastest.map(|(_, ratio)| 1.0 / ratio <= TOTAL),
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
