//! The table: a row for each law.

use serde::Serialize;

use libvirt_hpc_tests::random_cases::Kind;

use crate::contest::Judged;
use crate::cost::Cost;
use crate::entrant::Entrant;
use crate::figures::{Spread, geo_mean};

/// One law over many guests.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Row {
    pub(crate) law: String,
    /// It may switch to post-copy, which the guest's owner must allow.
    pub(crate) postcopy: bool,
    /// Of the same law with two clocks, the better one; of any other, itself.
    pub(crate) claimed: bool,
    pub(crate) completed_percent: f64,
    /// `J` over the best.
    pub(crate) j: Spread,
    /// The same without the first round.
    pub(crate) j_after_first_round: Spread,
    /// Geometric means over the guests that completed: over the best stop's, and over the adaptive law's, of the guests
    /// that completed under both.
    pub(crate) pause_over_best: Option<f64>,
    pub(crate) total_over_best: Option<f64>,
    pub(crate) pause_over_adaptive: Option<f64>,
    pub(crate) total_over_adaptive: Option<f64>,
}

/// The rows of some of the guests.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Table {
    pub(crate) guests: String,
    pub(crate) cases: usize,
    pub(crate) rows: Vec<Row>,
}

fn row(laws: &[Entrant], index: usize, judged: &[&Judged]) -> Option<Row> {
    let law = laws[index];
    let of = || judged.iter().map(|of| (&of.costs[index], &of.best));
    let completed = || of().filter(|(cost, _)| cost.completed);
    let adaptive = laws.iter().position(Entrant::is_adaptive);
    let over_adaptive = |of_cost: fn(&Cost) -> f64| {
        let both = judged
            .iter()
            .map(|of| (&of.costs[index], &of.costs[adaptive.unwrap_or(index)]))
            .filter(|(other, adaptive)| other.completed && adaptive.completed);
        adaptive.and(geo_mean(
            both.map(|(other, adaptive)| of_cost(other) / of_cost(adaptive)),
        ))
    };
    Some(Row {
        law: law.to_string(),
        postcopy: law.postcopy(),
        claimed: true,
        completed_percent: 100.0 * completed().count() as f64 / judged.len() as f64,
        j: Spread::of(of().map(|(cost, best)| cost.ratio(best)))?,
        j_after_first_round: Spread::of(
            of().map(|(cost, best)| cost.ratio_after_first_round(best)),
        )?,
        pause_over_best: geo_mean(completed().map(|(cost, best)| cost.pause_s / best.pause_s)),
        total_over_best: geo_mean(completed().map(|(cost, best)| cost.total_s / best.total_s)),
        pause_over_adaptive: over_adaptive(|cost| cost.pause_s),
        total_over_adaptive: over_adaptive(|cost| cost.total_s),
    })
}

/// The rows of `judged`; of two clocks the one with the lower mean is claimed.
fn rows(laws: &[Entrant], judged: &[&Judged]) -> Vec<Row> {
    let rows: Option<Vec<_>> = (0..laws.len())
        .map(|index| row(laws, index, judged))
        .collect();
    let mut rows = rows.unwrap_or_default();
    for index in 0..rows.len() {
        let other = laws
            .iter()
            .position(|law| law.is_other_clock_of(&laws[index]));
        let mean = |index: usize| rows[index].j.geo_mean;
        let worse = other.is_some_and(|other| (mean(other), other) < (mean(index), index));
        rows[index].claimed = !worse;
    }
    rows
}

/// All guests, and the phased ones apart.
pub(crate) fn tables(laws: &[Entrant], judged: &[Judged]) -> Vec<Table> {
    let phased = |kind: Kind| matches!(kind, Kind::Phased | Kind::Spinning);
    let table = |guests: &str, which: &dyn Fn(Kind) -> bool| {
        let judged: Vec<_> = judged.iter().filter(|of| which(of.kind)).collect();
        Table {
            guests: guests.to_owned(),
            cases: judged.len(),
            rows: rows(laws, &judged),
        }
    };
    vec![
        table("all guests", &|_| true),
        table("phased guests", &phased),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cost::Best;

    fn cost(completed: bool, j_s: f64) -> Cost {
        Cost {
            completed,
            j_s,
            first_round_s: 1.0,
            pause_s: j_s / 2.0,
            total_s: 10.0 * j_s,
            throttled_s: 0.0,
        }
    }

    fn guest(number: u64, kind: Kind, costs: [Cost; 3]) -> Judged {
        let best = Best {
            j_s: 2.0,
            pause_s: 1.0,
            total_s: 10.0,
        };
        Judged {
            kind,
            number,
            first_round_s: 10.0,
            best,
            costs: costs.to_vec(),
        }
    }

    #[test]
    fn a_row_is_of_its_law_and_a_ratio_of_who_completed() {
        let laws = ["adaptive", "proxmox", "proxmox@round"];
        let laws = laws.map(|law| law.parse::<Entrant>().expect("a law"));
        let judged = [
            guest(
                0,
                Kind::Flat,
                [cost(true, 2.0), cost(true, 8.0), cost(true, 4.0)],
            ),
            guest(
                1,
                Kind::Phased,
                [cost(true, 8.0), cost(false, 8.0), cost(true, 4.0)],
            ),
        ];
        let tables = tables(&laws, &judged);
        let [all, phased] = tables.as_slice() else {
            panic!("two tables");
        };
        assert_eq!((all.cases, phased.cases), (2, 1));
        let [adaptive, published, scaled] = all.rows.as_slice() else {
            panic!("three rows");
        };
        // Ratios of J: 1 and 4; 4 and 4; 2 and 2. Without the first round: 1 and 7.
        let near = |found: f64, expected: f64| assert!((found - expected).abs() < 1e-9);
        near(adaptive.j.geo_mean, 2.0);
        near(adaptive.j_after_first_round.max, 7.0);
        near(published.j.geo_mean, 4.0);
        near(published.completed_percent, 50.0);
        // Of the one that completed: pause 4 s over 1 s, and over the adaptive law's, 1 s.
        near(published.pause_over_best.expect("one completed"), 4.0);
        near(published.pause_over_adaptive.expect("one completed"), 4.0);
        near(published.total_over_best.expect("one completed"), 8.0);
        assert!(adaptive.claimed && scaled.claimed && !published.claimed);
        assert_eq!(phased.rows[1].pause_over_adaptive, None);
    }
}
