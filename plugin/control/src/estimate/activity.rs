//! How busy the guest's processors are, and whether that comes in phases.
//!
//! Memory is seen at syncs alone, which may be seconds apart; CPU time can be read at any look. A program
//! that computes, exchanges and writes checkpoints is busy and idle by turns, and its memory changes
//! with that. A guest that is busy all the time (or spins while it waits) tells nothing.

use core::time::Duration;

use crate::sample::Sample;

/// The span over which CPU time is divided by time. The kernel counts it in ticks of 10 ms
/// (`/proc/PID/task/TID/stat`), so that half a second is true to a fiftieth.
const SPAN: Duration = Duration::from_millis(500);

/// A guest has phases if its least busy half second is below this part of its busiest, per cent. A third:
/// a host whose processors are shared takes less than that from a guest that is always busy.
const PHASES_BELOW_PERCENT: u64 = 33;

/// A moment and the CPU time used by then.
#[derive(Clone, Copy, Debug)]
struct Mark {
    sample: Sample,
    vcpu_time_ns: u64,
}

/// Follows how busy the guest is.
#[derive(Clone, Copy, Debug, Default)]
pub struct Activity {
    from: Option<Mark>,
    now: Option<Mark>,
    /// The busiest look of the present round, thousandths of a processor.
    peak: u64,
    range: Option<(u64, u64)>,
}

impl Activity {
    /// Takes one sample in.
    pub fn update(&mut self, sample: &Sample) {
        let Some(vcpu_time_ns) = sample.vcpu_time_ns else {
            return;
        };
        let mark = Mark {
            sample: *sample,
            vcpu_time_ns,
        };
        if let Some(before) = self.now.replace(mark) {
            self.peak = self.peak.max(busy(&before, &mark));
        }
        let from = *self.from.get_or_insert(mark);
        if sample.at.since(from.sample.at) < SPAN {
            return;
        }
        let busy = busy(&from, &mark);
        let (low, high) = self.range.unwrap_or((busy, busy));
        self.range = Some((low.min(busy), high.max(busy)));
        self.from = Some(mark);
    }

    /// Whether the guest has been busy and idle by turns.
    #[must_use]
    pub fn has_phases(&self) -> bool {
        self.range.is_some_and(|(low, high)| {
            u128::from(low) * 100 < u128::from(high) * u128::from(PHASES_BELOW_PERCENT)
        })
    }

    /// Ends a round; whether the guest idled throughout it, each look within a quarter of its range. On
    /// the whole would not do: a tenth of a second is enough to rewrite all. None if that is not known.
    pub fn end_round(&mut self) -> Option<bool> {
        let (low, high) = self.range?;
        let peak = core::mem::take(&mut self.peak);
        Some(peak <= low.saturating_add((high - low) / 4))
    }
}

/// How busy the guest was between two marks: thousandths of one processor.
fn busy(from: &Mark, to: &Mark) -> u64 {
    let used = to.vcpu_time_ns.saturating_sub(from.vcpu_time_ns);
    let span = to.sample.at.since(from.sample.at).as_nanos().max(1);
    u64::try_from(u128::from(used) * 1000 / span).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Timestamp;

    /// Looks every 100 ms at a guest that is so busy, per cent, in each of those.
    fn seen(percents: impl IntoIterator<Item = u64>) -> Activity {
        let (mut activity, mut used) = (Activity::default(), 0);
        for (n, percent) in percents.into_iter().enumerate() {
            let at = Timestamp::from_nanos(n as u64 * 100_000_000);
            activity.update(&Sample {
                at,
                vcpu_time_ns: Some(used),
                ..Sample::default()
            });
            used += percent * 1_000_000;
        }
        activity
    }

    #[test]
    fn busy_and_idle_by_turns_is_phases() {
        assert!(seen((0..60).map(|n| if n < 30 { 100 } else { 10 })).has_phases());
        assert!(!seen((0..60).map(|n| if n % 2 == 0 { 100 } else { 70 })).has_phases());
        assert!(!seen(core::iter::repeat_n(100, 60)).has_phases());
        assert!(!seen(core::iter::repeat_n(0, 60)).has_phases());
        assert!(!Activity::default().has_phases());
    }

    #[test]
    fn a_dip_of_a_tenth_of_a_second_is_no_phase() {
        assert!(!seen((0..60).map(|n| if n == 33 { 0 } else { 100 })).has_phases());
    }

    #[test]
    fn a_round_is_idle_if_it_was_throughout() {
        let mut activity = seen((0..20).map(|n| if n < 10 { 100 } else { 0 }));
        assert_eq!(activity.end_round(), Some(false));
        let mut look = |n: u64, used_ms: u64| {
            let at = Timestamp::from_nanos(n * 100_000_000);
            let vcpu_time_ns = Some(1_000_000_000 + used_ms * 1_000_000);
            activity.update(&Sample {
                at,
                vcpu_time_ns,
                ..Sample::default()
            });
            activity
        };
        assert_eq!(look(20, 0).end_round(), Some(true));
        look(21, 0);
        look(22, 50);
        assert_eq!(
            look(40, 50).end_round(),
            Some(false),
            "half of one look was busy"
        );
        assert_eq!(Activity::default().end_round(), None);
    }

    #[test]
    fn nothing_overflows() {
        let mut activity = Activity::default();
        for at in [0, 1, u64::MAX, 5] {
            let at = Timestamp::from_nanos(at);
            activity.update(&Sample {
                at,
                vcpu_time_ns: Some(u64::MAX - 1),
                ..Sample::default()
            });
            activity.update(&Sample {
                at,
                vcpu_time_ns: Some(0),
                ..Sample::default()
            });
            activity.end_round();
        }
        assert!(!activity.has_phases() || activity.range.is_some());
    }
}
