//! The application's progress before, during and after a run, from its heartbeats.

use std::time::Duration;

use anyhow::Result;
use libvirt_hpc_guest::delay::Delay;
use libvirt_hpc_guest::listen::Heard;
use libvirt_hpc_guest::report::At;
use serde::{Deserialize, Serialize};

use super::record::Key;

/// How long before a run its curve begins, nanoseconds.
pub(super) const LEAD_NS: u64 = 2_000_000_000;

/// The width of a curve's bins, milliseconds.
pub(super) const BIN_MS: u64 = 100;

/// A guest's progress over one run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Curve {
    /// The run.
    #[serde(flatten)]
    pub(super) key: Key,
    /// When the migration began, nanoseconds of the hosts' clock, which is also that of traces.
    pub(super) began_ns: u64,
    /// Steps done since [`LEAD_NS`] before the beginning, at the end of each [`BIN_MS`].
    pub(super) steps: Vec<u64>,
    /// When each phase began, milliseconds since [`LEAD_NS`] before the beginning, and its number.
    pub(super) phases: Vec<(u64, usize)>,
}

/// A heartbeat and the host that heard it.
pub(super) type Beat = At<'static>;

/// The heartbeats of a guest in the logs of both hosts' listeners, in order of time.
#[must_use]
pub(super) fn beats(logs: &[(&'static str, String)], guest: &str) -> Vec<Beat> {
    let heard = |line: &str| {
        let (at_ns, beat) = line.split_once(' ')?;
        let (at_ns, beat) = (at_ns.parse().ok()?, beat.parse().ok()?);
        Some(Heard { at_ns, beat })
    };
    let of_host = |(host, text): &(&'static str, String)| -> Vec<Beat> {
        let heard = text.lines().filter_map(heard);
        heard.map(|heard| At { host, heard }).collect()
    };
    let mut beats: Vec<Beat> = logs.iter().flat_map(of_host).collect();
    beats.retain(|at| at.heard.beat.guest == guest);
    beats.sort_by_key(|at| (at.heard.at_ns, at.heard.beat.seq));
    beats
}

/// How much later than undisturbed the guest finished its work, milliseconds; none if it did not arrive or was not
/// heard for all of `watch` before. In the last `watch` it is undisturbed, even after post-copy.
#[must_use]
pub(super) fn delay_ms(beats: &[Beat], began_ns: u64, watch: Duration) -> Option<f64> {
    let watch_ns = u64::try_from(watch.as_nanos()).ok()?;
    let delay = Delay {
        baseline_ns: watch_ns,
        after_ns: None,
    };
    delay.of(beats, began_ns)
}

/// When the last cycle of a guest's phases began, nanoseconds of the hosts' clock; none if no beginning was heard.
#[must_use]
pub(super) fn cycle_began_ns(beats: &[Beat]) -> Option<u64> {
    let begins = |pair: &&[Beat]| pair[0].heard.beat.phase != 0 && pair[1].heard.beat.phase == 0;
    let last = beats.windows(2).rev().find(begins)?;
    Some(last[1].heard.at_ns)
}

/// How long the application was watched since `began_ns`, milliseconds, and the steps it did.
///
/// # Errors
/// When nothing was heard of it since.
pub(super) fn watched(beats: &[Beat], began_ns: u64) -> Result<(f64, u64)> {
    let since = since(beats, began_ns);
    let (Some(first), Some(last)) = (since.first(), since.last()) else {
        anyhow::bail!("nothing was heard of the guest since the migration began");
    };
    let (first, last) = (&first.heard, &last.heard);
    let span = Duration::from_nanos(last.at_ns.saturating_sub(first.at_ns));
    let steps = last.beat.steps.saturating_sub(first.beat.steps);
    Ok((span.as_secs_f64() * 1e3, steps))
}

fn since(beats: &[Beat], at_ns: u64) -> &[Beat] {
    &beats[beats.partition_point(|at| at.heard.at_ns < at_ns)..]
}

/// The curve of a run that began at `began_ns`.
#[must_use]
pub(super) fn curve(key: &Key, beats: &[Beat], began_ns: u64) -> Curve {
    let from_ns = began_ns.saturating_sub(LEAD_NS);
    let since = since(beats, from_ns);
    let first = since.first().map_or(0, |at| at.heard.beat.steps);
    let mut curve = Curve {
        key: key.clone(),
        began_ns,
        steps: Vec::new(),
        phases: Vec::new(),
    };
    let mut done = 0;
    for At {
        heard: Heard { at_ns, beat },
        ..
    } in since
    {
        let at_ms = (at_ns - from_ns) / 1_000_000;
        // Without heartbeats there is no progress.
        while u64::try_from(curve.steps.len()).unwrap_or(u64::MAX) < at_ms / BIN_MS {
            curve.steps.push(done);
        }
        done = beat.steps.saturating_sub(first);
        if curve
            .phases
            .last()
            .is_none_or(|(_, phase)| *phase != beat.phase)
        {
            curve.phases.push((at_ms, beat.phase));
        }
    }
    curve
}
