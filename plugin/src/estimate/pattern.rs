//! Busy and quiet phases of a guest, by its vCPU time or by its writes.

use std::time::Duration;

use super::curve::{CHANCE, Reading, sampling_error};
use super::number::{NANOS_PER_S, nanos, scale};

/// The vCPU time is compared over this span, as the law does (`control/src/estimate/activity.rs`).
const SPAN_NS: u64 = NANOS_PER_S / 2;

/// A guest works in phases if its least busy span uses less than this share of its busiest, as for the law.
const QUIET_PERCENT: u64 = 33;

/// The vCPU time of all processors so far, read at some moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VcpuTime {
    /// When, ns on any clock.
    pub at_ns: u64,
    /// CPU time so far, ns.
    pub used_ns: u64,
}

/// Phases that take turns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pattern {
    /// The length of a busy phase, ns.
    pub busy_ns: u64,
    /// The length of a quiet phase, ns.
    pub quiet_ns: u64,
    /// What a quiet guest writes of what a busy one does within the same span, per cent.
    pub quiet_percent: u64,
    /// Whether the law will see them in the vCPU time; otherwise the vCPUs spin while they wait.
    pub idles: bool,
}

impl Pattern {
    /// The phases that readings show of a guest that has `total_bytes`, if they show any.
    #[must_use]
    pub fn of(vcpu: &[VcpuTime], readings: &[Reading], total_bytes: u64) -> Option<Self> {
        let shares = shares(readings, total_bytes);
        let written = quiet_percent(&shares);
        idle_phases(vcpu)
            .map(|idle| Self {
                quiet_percent: written.unwrap_or(idle.quiet_percent),
                ..idle
            })
            .or_else(|| Some(spinning_phases(&shares, written?)))
    }
}

/// What each sampled reading wrote of what the busiest would have written in its span, per cent; all of it, if it is no
/// less than chance may have made it.
fn shares(readings: &[Reading], total_bytes: u64) -> Vec<(u64, Duration)> {
    let sampled = || readings.iter().filter(|reading| reading.sampled);
    let share = |reading: &Reading| {
        // A longer span writes no less: whoever wrote more in a shorter one, or more per time in a longer, was busier.
        let others = sampled().map(|other| {
            let span = reading.span.as_nanos().min(other.span.as_nanos());
            let bytes = u128::from(other.written_bytes) * span / other.span.as_nanos().max(1);
            u64::try_from(bytes).unwrap_or(u64::MAX)
        });
        let busiest = others.max().unwrap_or(0);
        let less = busiest.saturating_sub(reading.written_bytes);
        if less as f64 <= CHANCE * sampling_error(busiest as f64, total_bytes as f64) {
            return 100;
        }
        scale(reading.written_bytes, 100, busiest)
    };
    sampled()
        .map(|reading| (share(reading), reading.span))
        .collect()
}

/// The least of the shares, if it is little enough for a phase of its own.
fn quiet_percent(shares: &[(u64, Duration)]) -> Option<u64> {
    let least = shares.iter().map(|(percent, _)| *percent).min()?;
    let writes = shares.iter().any(|(percent, _)| *percent > 0);
    (writes && least < QUIET_PERCENT).then_some(least)
}

/// Phases that show in the writes alone.
fn spinning_phases(shares: &[(u64, Duration)], quiet_percent: u64) -> Pattern {
    let readings: Vec<(bool, u64)> = shares
        .iter()
        .map(|(percent, span)| (*percent >= QUIET_PERCENT, nanos(*span)))
        .collect();
    let (busy_ns, quiet_ns) = lengths(spans_of_readings(&readings).into_iter());
    Pattern {
        busy_ns,
        quiet_ns,
        quiet_percent,
        idles: false,
    }
}

/// Busy and quiet spans that follow one another. A reading in which the guest turned is busy all the same, because a
/// moment is enough to write much: half of it was quiet, or half of one in which it turned twice.
fn spans_of_readings(readings: &[(bool, u64)]) -> Vec<(bool, u64)> {
    let is_quiet = |index: usize| readings.get(index).is_some_and(|(busy, _)| !busy);
    let mut spans = Vec::new();
    for (index, &(busy, span_ns)) in readings.iter().enumerate() {
        let after_quiet = busy && index > 0 && is_quiet(index - 1);
        let before_quiet = busy && is_quiet(index + 1);
        let turns = u64::from(after_quiet) + u64::from(before_quiet);
        let part_ns = span_ns.checked_div(2 * turns).unwrap_or(0);
        if after_quiet {
            spans.push((false, part_ns));
        }
        spans.push((busy, span_ns - turns * part_ns));
        if before_quiet {
            spans.push((false, part_ns));
        }
    }
    spans
}

/// Phases that show in the vCPU time.
fn idle_phases(vcpu: &[VcpuTime]) -> Option<Pattern> {
    let rates: Vec<(u64, u64)> = (0..vcpu.len())
        .filter_map(|index| rate_until(vcpu, index))
        .collect();
    let most = rates.iter().map(|(_, permille)| *permille).max()?;
    let least = rates.iter().map(|(_, permille)| *permille).min()?;
    let percent = scale(least, 100, most);
    if most == 0 || percent >= QUIET_PERCENT {
        return None;
    }
    let middle = least.midpoint(most);
    let spans = rates
        .windows(2)
        .map(|pair| (pair[1].1 > middle, pair[1].0 - pair[0].0));
    let (busy_ns, quiet_ns) = lengths(spans);
    Some(Pattern {
        busy_ns: busy_ns.max(SPAN_NS),
        quiet_ns: quiet_ns.max(SPAN_NS),
        quiet_percent: percent,
        idles: true,
    })
}

/// Thousandths of a processor used in the span that ends with a reading; none if that is not covered.
fn rate_until(vcpu: &[VcpuTime], index: usize) -> Option<(u64, u64)> {
    let end = vcpu[index];
    let begin = vcpu[..index]
        .iter()
        .rev()
        .find(|earlier| end.at_ns.saturating_sub(earlier.at_ns) >= SPAN_NS)?;
    let used = end.used_ns.saturating_sub(begin.used_ns);
    Some((end.at_ns, scale(used, 1000, end.at_ns - begin.at_ns)))
}

/// The mean lengths of busy and quiet phases, from spans that follow one another. The first and the last phase are not
/// whole, and count only if there is no other of their kind.
fn lengths(spans: impl Iterator<Item = (bool, u64)>) -> (u64, u64) {
    let mut phases: Vec<(bool, u64)> = Vec::new();
    for (busy, span_ns) in spans {
        match phases.last_mut() {
            Some((last, so_far_ns)) if *last == busy => {
                *so_far_ns = so_far_ns.saturating_add(span_ns)
            }
            _ => phases.push((busy, span_ns)),
        }
    }
    let whole = phases.get(1..phases.len().saturating_sub(1)).unwrap_or(&[]);
    let mean = |busy: bool| {
        let of = |phases: &[(bool, u64)]| {
            let spans = phases.iter().filter(|(kind, _)| *kind == busy);
            let spans: Vec<u64> = spans.map(|(_, span_ns)| *span_ns).collect();
            let sum = spans.iter().sum::<u64>();
            sum.checked_div(spans.len() as u64)
        };
        of(whole).or_else(|| of(&phases)).unwrap_or(0)
    };
    (mean(true), mean(false))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    /// A reading each 100 ms of a guest that uses one processor in its busy phases.
    fn vcpu(phases: &[(bool, u64)], cycles: usize) -> Vec<VcpuTime> {
        let (mut at_ns, mut used_ns) = (0, 0);
        let mut readings = vec![VcpuTime { at_ns, used_ns }];
        for (busy, ms) in phases.iter().cycle().take(cycles * phases.len()) {
            for _ in 0..ms / 100 {
                at_ns += 100 * MS;
                used_ns += if *busy { 100 * MS } else { 0 };
                readings.push(VcpuTime { at_ns, used_ns });
            }
        }
        readings
    }

    const MIB: u64 = 1 << 20;
    const TOTAL: u64 = 16 << 30;

    fn reading(seconds: u64, mib: u64) -> Reading {
        Reading {
            span: Duration::from_secs(seconds),
            written_bytes: mib.saturating_mul(MIB),
            sampled: true,
        }
    }

    /// QEMU samples 256 pages of 512 MiB: 2 MiB each.
    #[test]
    fn chance_makes_no_phases() {
        let busy = vcpu(&[(true, 8000)], 1);
        let seen = |mib: [u64; 8]| {
            let readings = mib.map(|mib| reading(1, mib));
            Pattern::of(&busy, &readings, 512 * MIB).is_some()
        };
        // Of 8 MiB, and of 32, in 4 and 16 samples.
        assert!(!seen([8, 14, 2, 8, 6, 10, 8, 4]));
        assert!(!seen([32, 44, 22, 34, 26, 36, 30, 14]));
        assert!(seen([32, 44, 22, 0, 0, 36, 30, 28]));
    }

    #[test]
    fn vcpus_that_idle_show_how_long() {
        let found = Pattern::of(&vcpu(&[(true, 3000), (false, 1500)], 2), &[], TOTAL);
        let pattern = found.expect("phases");
        assert!(pattern.idles && pattern.quiet_percent == 0);
        let near = |ns: u64, ms: u64| (ns / MS).abs_diff(ms) <= 200;
        assert!(
            near(pattern.busy_ns, 3000) && near(pattern.quiet_ns, 1500),
            "{pattern:?}"
        );
    }

    #[test]
    fn a_steady_guest_has_no_phases() {
        let steady = [
            reading(1, 100),
            reading(2, 150),
            reading(4, 200),
            reading(1, 90),
        ];
        assert_eq!(Pattern::of(&vcpu(&[(true, 8000)], 1), &steady, TOTAL), None);
        assert_eq!(
            Pattern::of(&vcpu(&[(false, 8000)], 1), &[reading(1, 0)], TOTAL),
            None
        );
        assert_eq!(Pattern::of(&[], &[], TOTAL), None);
    }

    /// As long as the readings of their kind that follow one another, and half of those in which it turned is quiet; the
    /// first and the last may be parts.
    #[test]
    fn writes_show_the_phases_of_a_guest_that_spins() {
        let (busy, quiet) = (reading(1, 600), reading(1, 20));
        let seen = |readings: &[Reading]| {
            let pattern = Pattern::of(&vcpu(&[(true, 8000)], 1), readings, TOTAL).expect("phases");
            assert!(!pattern.idles && pattern.quiet_percent < 10, "{pattern:?}");
            (pattern.busy_ns / MS, pattern.quiet_ns / MS)
        };
        assert_eq!(
            seen(&[busy, reading(2, 600), reading(4, 600), quiet]),
            (5000, 3000)
        );
        assert_eq!(
            seen(&[busy, reading(2, 30), busy, busy, busy, quiet]),
            (2000, 3000)
        );
        assert_eq!(
            seen(&[quiet, reading(2, 1200), reading(4, 2400), busy]),
            (6000, 2000)
        );
        assert_eq!(
            seen(&[quiet, busy, busy, quiet, quiet, quiet, busy]),
            (1000, 4000)
        );
        assert_eq!(seen(&[quiet, quiet, busy, quiet, quiet]), (500, 2250));
    }

    #[test]
    fn any_number_is_read() {
        let wild = [
            VcpuTime {
                at_ns: 0,
                used_ns: u64::MAX,
            },
            VcpuTime {
                at_ns: u64::MAX,
                used_ns: 0,
            },
            VcpuTime {
                at_ns: 7,
                used_ns: 7,
            },
        ];
        assert_eq!(Pattern::of(&wild, &[reading(0, u64::MAX)], TOTAL), None);
    }
}
