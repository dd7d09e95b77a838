//! A migration as the guest's users saw it, from the heartbeats of both hosts.

use crate::listen::Heard;
use serde::{Deserialize, Serialize};

/// How long before the move the undisturbed speed of the guest is measured, in nanoseconds.
pub const BASELINE_NS: u64 = 3_000_000_000;

/// A heartbeat and the host that heard it.
#[derive(Clone, Debug)]
pub struct At<'a> {
    /// Name of the host.
    pub host: &'a str,
    /// The heartbeat.
    pub heard: Heard,
}

/// The measurements of one move (or of an attempt). Times are of the hosts' monotonic clock.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct Report {
    /// Whether the guest's heartbeat went from one host to another.
    pub moved: bool,
    /// The host that heard the guest last.
    pub host: String,
    /// From the last heartbeat on the old host to the first on the new one, in ms.
    pub pause_ms: Option<f64>,
    /// Longest silence since the beginning, in ms, for any cause.
    pub longest_gap_ms: f64,
    /// When that silence began, in ms after the beginning.
    pub longest_gap_at_ms: f64,
    /// From the beginning to the first heartbeat on the new host, in ms.
    pub arrived_after_ms: Option<f64>,
    /// Pages rewritten per second in the 3 s before the beginning, as far as the workload ran.
    pub steps_per_s_before: Option<f64>,
    /// Pages rewritten per second from the beginning to the pause.
    pub steps_per_s_during: Option<f64>,
    /// Pages rewritten per second after the pause.
    pub steps_per_s_after: Option<f64>,
    /// Work lost from the beginning to the arrival, in ms of the guest's undisturbed speed. Means
    /// something only for a workload without phases.
    pub work_lost_ms: Option<f64>,
    /// How much later than undisturbed the application got to the same point of its work, in ms, some time after the
    /// arrival; see [`crate::delay`]. `None` if that was not requested.
    pub delay_ms: Option<f64>,
    /// Pages, and verifications of a kernel, that the guest found corrupt.
    pub corrupt_pages: u64,
    /// Hosts on which the domain runs according to libvirt; anything but 1 is a defect.
    pub running_copies: u64,
    /// Verifications of all memory completed since the beginning.
    pub verified: u64,
    /// Heartbeats heard since the beginning, and lost on the way.
    pub beats: usize,
    /// Sequence numbers missing among them.
    pub beats_missing: u64,
}

/// Measures the move that began at `since_ns`. `beats` are of one guest, of both hosts, in order of time, from
/// [`BASELINE_NS`] before the beginning. `None` if nothing was heard since.
#[must_use]
pub fn measure(beats: &[At<'_>], since_ns: u64) -> Option<Report> {
    let begin = beats.partition_point(|b| b.heard.at_ns < since_ns);
    let (before, after) = beats.split_at(begin);
    let ready = before
        .iter()
        .position(|b| b.heard.beat.ready)
        .unwrap_or(before.len());
    let (first, last) = (after.first()?, after.last()?);
    let ms_after = |at_ns: u64| ms(at_ns.saturating_sub(since_ns));
    let gap = after.windows(2).max_by_key(|w| span(w));
    let switch = after.windows(2).position(|w| w[0].host != w[1].host);
    let mut report = Report {
        moved: switch.is_some(),
        host: last.host.to_owned(),
        longest_gap_ms: gap.map_or(0.0, |w| ms(span(w))),
        longest_gap_at_ms: gap.map_or(0.0, |w| ms_after(w[0].heard.at_ns)),
        steps_per_s_before: speed(&before[ready..]),
        steps_per_s_during: speed(&after[..switch.map_or(after.len(), |s| s + 1)]),
        corrupt_pages: last.heard.beat.corrupt,
        verified: last
            .heard
            .beat
            .verified
            .saturating_sub(first.heard.beat.verified),
        beats: after.len(),
        beats_missing: after.windows(2).map(missing).sum(),
        ..Report::default()
    };
    if let Some(switch) = switch {
        let arrived = &after[switch + 1];
        report.pause_ms = Some(ms(span(&after[switch..=switch + 1])));
        report.arrived_after_ms = Some(ms_after(arrived.heard.at_ns));
        report.steps_per_s_after = speed(&after[switch + 1..]);
        report.work_lost_ms = report
            .steps_per_s_before
            .and_then(|rate| lost_ms(first, arrived, rate));
    }
    Some(report)
}

fn lost_ms(first: &At<'_>, arrived: &At<'_>, rate: f64) -> Option<f64> {
    let took = arrived.heard.at_ns.saturating_sub(first.heard.at_ns);
    let done = arrived
        .heard
        .beat
        .steps
        .saturating_sub(first.heard.beat.steps);
    (rate > 0.0).then(|| ms(took) - float(done) / rate * 1e3)
}

fn speed(beats: &[At<'_>]) -> Option<f64> {
    let (first, last) = (&beats.first()?.heard, &beats.last()?.heard);
    let ns = last.at_ns.saturating_sub(first.at_ns);
    (ns > 0).then(|| float(last.beat.steps.saturating_sub(first.beat.steps)) / float(ns) * 1e9)
}

fn span(pair: &[At<'_>]) -> u64 {
    pair[1].heard.at_ns.saturating_sub(pair[0].heard.at_ns)
}

fn missing(pair: &[At<'_>]) -> u64 {
    (pair[1].heard.beat.seq).saturating_sub(pair[0].heard.beat.seq + 1)
}

pub(crate) fn ms(ns: u64) -> f64 {
    (float(ns) / 1e4).round() / 1e2
}

#[expect(
    clippy::cast_precision_loss,
    reason = "nanoseconds, pages and steps stay far below 2^53"
)]
pub(crate) fn float(n: u64) -> f64 {
    n as f64
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::beat::Beat;

    pub(crate) const MS: u64 = 1_000_000;

    pub(crate) fn at(host: &str, ms: u64, seq: u64, steps: u64) -> At<'_> {
        let beat = format!("g {seq} 0 {steps} 0 0 0 1").parse::<Beat>();
        let (at_ns, beat) = (ms * MS, beat.expect("it is a heartbeat"));
        let heard = Heard { at_ns, beat };
        At { host, heard }
    }

    #[test]
    fn a_move_is_measured_from_both_hosts() {
        let mut beats: Vec<_> = (0..=100).map(|n| at("alpha", n * 10, n, n * 100)).collect();
        beats.extend((0..=50).map(|n| at("beta", 1300 + n * 10, 101 + n, 10_000 + n * 100)));
        let report = measure(&beats, 500 * MS).expect("beats were heard");
        assert!(report.moved);
        assert_eq!(report.host, "beta");
        assert_eq!(report.pause_ms, Some(300.0));
        assert_eq!(report.arrived_after_ms, Some(800.0));
        assert_eq!(report.steps_per_s_before, Some(10_000.0));
        assert_eq!(report.steps_per_s_after, Some(10_000.0));
        assert_eq!(report.work_lost_ms, Some(300.0));
        assert_eq!(report.beats_missing, 0);
    }

    #[test]
    fn without_a_move_only_gaps_are_told() {
        let heard = [(0, 0, 0), (10, 1, 1), (60, 3, 2)];
        let beats = heard.map(|(ms, seq, steps)| at("alpha", ms, seq, steps));
        let report = measure(&beats, 0).expect("beats were heard");
        assert!(!report.moved);
        let gap = (report.longest_gap_ms, report.longest_gap_at_ms);
        assert_eq!(gap, (50.0, 10.0));
        assert_eq!((report.pause_ms, report.beats_missing), (None, 1));
    }

    #[test]
    fn silence_is_no_report() {
        assert!(measure(&[at("alpha", 5, 0, 0)], 10 * MS).is_none());
    }
}
