//! The times of the forced stops: where to search for the best stop.

use super::record::Probe;

/// Two times nearer than this part of the earlier one are one time: the test bed repeats itself no better.
const APART: f64 = 0.06;

/// How many of stock's rounds are candidates: later ones only cost.
const ROUNDS: usize = 4;

/// At most `count` stop times, milliseconds since the job began, in order: that of the adaptive law, the ends of the
/// first rounds, then times between and around them.
#[must_use]
pub(super) fn stop_times_ms(probe: &Probe, count: usize) -> Vec<u64> {
    let rounds: Vec<_> = probe.syncs_ms.iter().copied().take(ROUNDS).collect();
    let mut candidates: Vec<u64> = rounds.first().copied().into_iter().collect();
    candidates.extend(probe.ours_stop_ms);
    candidates.extend(&rounds);
    candidates.extend(rounds.windows(2).map(|w| u64::midpoint(w[0], w[1])));
    let around = |part: u64| move |at: u64| at * part / 100;
    for part in [115, 130, 85, 160, 200] {
        candidates.extend(
            probe
                .ours_stop_ms
                .or(rounds.first().copied())
                .map(around(part)),
        );
    }
    let mut chosen: Vec<u64> = Vec::new();
    for at in candidates {
        // Stock would have stopped before: no forced stop.
        let in_time = probe.stock_stop_ms.is_none_or(|stock| at < stock);
        if in_time && chosen.len() < count && chosen.iter().all(|other| apart(*other, at)) {
            chosen.push(at);
        }
    }
    chosen.sort_unstable();
    chosen
}

#[expect(
    clippy::cast_precision_loss,
    reason = "milliseconds of a run of minutes"
)]
fn apart(one: u64, other: u64) -> bool {
    one.abs_diff(other) as f64 > APART * one.min(other) as f64
}
