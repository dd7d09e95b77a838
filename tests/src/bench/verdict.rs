//! What is claimed, and whether these results bear it out.

use super::compare::Overall;
use super::laws::{Class, OURS};

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
    /// What was measured.
    pub(super) figure: String,
    /// Whether it holds; none if too little was measured to say.
    pub(super) met: Option<bool>,
}

/// All claims, judged.
#[must_use]
pub(super) fn verdicts(laws: &[Overall]) -> Vec<Verdict> {
    let Some(ours) = laws.iter().find(|o| o.law.name == OURS) else {
        return Vec::new();
    };
    let rivals = |wanted: fn(&Overall) -> bool| {
        let rival = |o: &&Overall| matches!(o.law.class, Class::Precopy | Class::Throttling);
        laws.iter()
            .filter(rival)
            .filter(move |o| wanted(o))
            .collect::<Vec<_>>()
    };
    let all = rivals(|_| true);
    let completing = rivals(Overall::always_completes);
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
        above(
            "J of every other pre-copy law above ours, geometric mean",
            &all,
            |o| o.j_over_ours[0],
        ),
        above(
            "Pause of every law that always completes above ours, geometric mean",
            &completing,
            |o| o.pause_over_ours,
        ),
        fastest(&completing),
        delays(&all),
    ]
}

fn at_most(claim: &'static str, value: Option<f64>, bound: f64) -> Verdict {
    Verdict {
        claim,
        figure: value.map_or("-".to_owned(), |value| format!("{value:.3}")),
        met: value.map(|value| value <= bound),
    }
}

/// Every rival's ratio to ours is above one. A rival without one is named: it ended nowhere.
fn above(
    claim: &'static str,
    rivals: &[&Overall],
    ratio: impl Fn(&Overall) -> Option<f64>,
) -> Verdict {
    let ratios: Vec<_> = rivals
        .iter()
        .filter_map(|o| Some((o.law.title, ratio(o)?)))
        .collect();
    let nearest = ratios.iter().min_by(|a, b| a.1.total_cmp(&b.1));
    let failing: Vec<_> = ratios
        .iter()
        .filter(|(_, r)| *r <= 1.0)
        .map(|(t, _)| *t)
        .collect();
    let mut figure = nearest.map_or("no such law".to_owned(), |(title, ratio)| {
        format!("nearest: {title}, {ratio:.2}")
    });
    if !failing.is_empty() {
        figure += &format!("; missed against {}", failing.join(", "));
    }
    Verdict {
        claim,
        figure,
        met: nearest.map(|_| failing.is_empty()),
    }
}

fn fastest(completing: &[&Overall]) -> Verdict {
    let totals = completing
        .iter()
        .filter_map(|o| Some((o.law.title, o.total_over_ours?)));
    let fastest = totals.min_by(|a, b| a.1.total_cmp(&b.1));
    Verdict {
        claim: "Total time of ours at most 1.1 times that of the fastest law that always completes",
        figure: fastest.map_or("no such law".to_owned(), |(title, ratio)| {
            format!("{:.2} times that of {title}", 1.0 / ratio)
        }),
        met: fastest.map(|(_, ratio)| 1.0 / ratio <= TOTAL),
    }
}

fn delays(rivals: &[&Overall]) -> Verdict {
    let gaps: Vec<_> = rivals
        .iter()
        .filter_map(|o| Some((o.law.title, o.delay_less_ours_ms?)))
        .collect();
    let nearest = gaps.iter().min_by(|a, b| a.1.total_cmp(&b.1));
    let failing: Vec<_> = gaps
        .iter()
        .filter(|(_, gap)| *gap <= 0.0)
        .map(|(t, _)| *t)
        .collect();
    let mut figure = nearest.map_or("-".to_owned(), |(title, gap)| {
        format!("nearest: {title}, {:+.2} s", gap / 1e3)
    });
    if !failing.is_empty() {
        figure += &format!("; missed against {}", failing.join(", "));
    }
    Verdict {
        claim: "The application's delay under every other pre-copy law above that under ours, mean",
        figure,
        met: nearest.map(|_| failing.is_empty()),
    }
}
