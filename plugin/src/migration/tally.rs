//! What a migration took, counted as it goes, and the one line that says so.

use std::time::Duration;

use libvirt_hpc_control::estimate::Round;
use libvirt_hpc_control::sample::{JobState, Sample};
use libvirt_hpc_libvirt::stats::JobStats;

use crate::in_words;
use crate::trace::{PauseBy, PauseUnknown, Totals};

/// A sync at which the guest could have been stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stop {
    /// Time of the job, milliseconds.
    after_ms: u64,
    /// The pause it would have meant, milliseconds.
    pause_ms: u64,
}

/// Counts.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tally {
    iterations: u64,
    sent_bytes: u64,
    /// The downtime limit that plain virsh would have gone by; none where that cannot be said.
    stock_limit_ms: Option<u64>,
    first_within: Option<Stop>,
    least: Option<Stop>,
    /// The guest was stopped other than by QEMU's switchover: QEMU's own measure is then not the pause.
    stopped_otherwise: Option<PauseUnknown>,
    /// When it switched to post-copy, milliseconds of the job.
    postcopy_after_ms: Option<u64>,
    /// The job's time at the last poll, milliseconds.
    seen_ms: u64,
    /// What QEMU has throttled the guest so far: per cent x milliseconds.
    throttled_percent_ms: u64,
    /// Memory that was sent as XBZRLE deltas, and what was sent for it, bytes.
    differences_memory_bytes: u64,
    differences_sent_bytes: u64,
    final_pause_ms: Option<u64>,
    final_elapsed_ms: Option<u64>,
}

impl Tally {
    /// Counts a migration in which plain virsh would have gone by a downtime limit of `stock_limit_ms`;
    /// none if nothing can be said about that, as where our speed limit is not virsh's.
    #[must_use]
    pub fn new(stock_limit_ms: Option<u64>) -> Self {
        Self {
            stock_limit_ms,
            ..Self::default()
        }
    }

    /// A sample of the job.
    pub fn sampled(&mut self, sample: &Sample) {
        self.iterations = self.iterations.max(sample.iteration);
        self.sent_bytes = self.sent_bytes.max(sample.processed_bytes);
        let since_ms = sample.elapsed_ms.saturating_sub(self.seen_ms);
        self.seen_ms = sample.elapsed_ms;
        if sample.state == JobState::Precopy {
            self.throttled_percent_ms = self
                .throttled_percent_ms
                .saturating_add(since_ms.saturating_mul(sample.throttle_percent));
        }
    }

    /// Whether memory has been seen to flow.
    #[must_use]
    pub const fn has_begun(&self) -> bool {
        self.iterations > 0 || self.sent_bytes > 0
    }

    /// A sync, `elapsed_ms` into the job, over a link that carries `bytes_per_s`.
    pub fn synced(&mut self, round: &Round, elapsed_ms: u64, bytes_per_s: u64) {
        let Some(pause_ms) = pause_ms(round.remaining_bytes, bytes_per_s) else {
            return;
        };
        let stop = Stop {
            after_ms: elapsed_ms,
            pause_ms,
        };
        if self
            .least
            .is_none_or(|least| stop.pause_ms < least.pause_ms)
        {
            self.least = Some(stop);
        }
        if self.stock_limit_ms.is_some_and(|limit| pause_ms < limit) {
            self.first_within.get_or_insert(stop);
        }
    }

    /// The guest was suspended for the rest of the copy.
    pub fn suspended(&mut self) {
        self.stopped_otherwise
            .get_or_insert(PauseUnknown::Suspended);
    }

    /// The guest has switched to post-copy, `elapsed_ms` into the job: the first time is told.
    pub fn switched_to_postcopy(&mut self, elapsed_ms: u64) {
        self.stopped_otherwise = Some(PauseUnknown::Postcopy);
        self.postcopy_after_ms.get_or_insert(elapsed_ms);
    }

    /// The statistics of the job when it had succeeded: what QEMU itself counted.
    pub fn completed(&mut self, stats: &JobStats) {
        self.iterations = self.iterations.max(stats.memory_iteration.unwrap_or(0));
        self.sent_bytes = self.sent_bytes.max(stats.memory_processed.unwrap_or(0));
        let pages = stats.compression_pages.unwrap_or(0);
        self.differences_memory_bytes = pages.saturating_mul(stats.memory_page_size.unwrap_or(0));
        self.differences_sent_bytes = stats.compression_bytes.unwrap_or(0);
        self.final_pause_ms = stats.downtime_ms;
        self.final_elapsed_ms = stats.time_elapsed_ms;
    }

    /// The totals of a migration that took `total`.
    #[must_use]
    pub fn totals(&self, total: Duration) -> Totals {
        let unknown = self.stopped_otherwise;
        let pause_ms = self.final_pause_ms.filter(|_| unknown.is_none());
        let after_ms = self.postcopy_after_ms;
        Totals {
            total_ms: u64::try_from(total.as_millis()).unwrap_or(u64::MAX),
            pause_ms,
            pause_by: pause_ms.map(|_| PauseBy::Qemu),
            pause_unknown: unknown,
            postcopy_after_ms: after_ms,
            postcopy_took_ms: after_ms
                .zip(self.final_elapsed_ms)
                .map(|(after_ms, ended_ms)| ended_ms.saturating_sub(after_ms)),
            throttled_ms: self.throttled_percent_ms / 100,
            differences_memory_bytes: self.differences_memory_bytes,
            differences_sent_bytes: self.differences_sent_bytes,
            iterations: self.iterations,
            sent_bytes: self.sent_bytes,
        }
    }

    /// The line for a migration that has succeeded.
    #[must_use]
    pub fn report(&self, domain: &str, total: Duration) -> String {
        let totals = self.totals(total);
        let pause = in_words::pause(&totals);
        let (took, iterations) = (in_words::span(total), totals.iterations);
        let plural = if iterations == 1 { "" } else { "s" };
        let sent = in_words::mib(totals.sent_bytes);
        let lost = in_words::throttled(&totals);
        let spared = in_words::xbzrle(&totals);
        let line = format!(
            "{domain} moved in {took}: {pause}{lost}, {iterations} iteration{plural}, {sent} sent{spared}"
        );
        match self.stock() {
            Some(stock) => format!("{line}; {stock}"),
            None => line,
        }
    }

    /// What plain virsh's limit would have needed, as far as the syncs tell.
    fn stock(&self) -> Option<String> {
        let limit = self.stock_limit_ms?;
        let ms = |ms| in_words::span(Duration::from_millis(ms));
        if let Some(Stop { after_ms, pause_ms }) = self.first_within {
            let (after, pause) = (ms(after_ms), ms(pause_ms));
            return Some(format!(
                "virsh's own limit of {limit} ms was in reach after {after}, for a pause of about {pause}"
            ));
        }
        let least = ms(self.least?.pause_ms);
        Some(format!(
            "virsh's own limit of {limit} ms was never in reach: the least remaining memory would have \
             needed a pause of {least}"
        ))
    }
}

/// What sending `bytes` takes, milliseconds; none if nobody knows.
#[must_use]
pub fn pause_ms(bytes: u64, bytes_per_s: u64) -> Option<u64> {
    if bytes_per_s == 0 {
        return None;
    }
    u64::try_from(u128::from(bytes) * 1000 / u128::from(bytes_per_s)).ok()
}

#[cfg(test)]
mod tests {
    use libvirt_hpc_libvirt::stats::{FieldValue, JobType};

    use super::*;

    fn round(remaining_bytes: u64) -> Round {
        Round {
            remaining_bytes,
            ..Round::default()
        }
    }

    fn completed(downtime_ms: u64) -> JobStats {
        let number = |name: &str, number| (name.to_owned(), FieldValue::UnsignedLong(number));
        let fields = vec![
            number("downtime", downtime_ms),
            number("time_elapsed", 8_640),
            number("memory_iteration", 3),
            number("memory_processed", 540 << 20),
        ];
        JobStats::new(JobType::Completed, fields)
    }

    #[test]
    fn a_limit_never_in_reach_is_said_with_the_nearest() {
        let mut tally = Tally::new(Some(300));
        tally.synced(&round(140_000_000), 4_000, 100_000_000);
        tally.synced(&round(110_000_000), 5_000, 100_000_000);
        tally.completed(&completed(1165));
        assert_eq!(
            tally.report("vm", Duration::from_millis(5_210)),
            "vm moved in 5.21 s: paused 1.16 s, 3 iterations, 540 MiB sent; virsh's own limit of 300 ms was \
             never in reach: the least remaining memory would have needed a pause of 1.10 s"
        );
    }

    #[test]
    fn a_limit_in_reach_is_said_with_its_time() {
        let mut tally = Tally::new(Some(300));
        tally.synced(&round(29_000_000), 4_000, 100_000_000);
        tally.synced(&round(1_000_000), 5_000, 100_000_000);
        let line = tally.report("vm", Duration::from_secs(6));
        let said =
            "virsh's own limit of 300 ms was in reach after 4.00 s, for a pause of about 290 ms";
        assert!(line.ends_with(said), "{line}");
    }

    #[test]
    fn what_is_not_known_is_not_said() {
        let mut tally = Tally::new(None);
        tally.synced(&round(1), 1, 1);
        let line = tally.report("vm", Duration::from_secs(6));
        assert!(
            !line.contains("virsh") && line.contains("the pause was not measured"),
            "{line}"
        );
        let mut unknown_link = Tally::new(Some(300));
        unknown_link.synced(&round(1), 1, 0);
        assert!(!unknown_link.report("vm", Duration::ZERO).contains("virsh"));
    }

    #[test]
    fn work_that_auto_converge_took_is_said() {
        let mut tally = Tally::new(None);
        let sample = |state, elapsed_ms, throttle_percent| Sample {
            state,
            elapsed_ms,
            throttle_percent,
            ..Sample::default()
        };
        tally.sampled(&sample(JobState::Precopy, 1000, 0));
        tally.sampled(&sample(JobState::Precopy, 3000, 20));
        tally.sampled(&sample(JobState::Precopy, 4000, 30));
        tally.sampled(&sample(JobState::Switchover, 9000, 30));
        tally.completed(&completed(37));
        assert_eq!(tally.totals(Duration::ZERO).throttled_ms, 700);
        let line = tally.report("vm", Duration::from_secs(6));
        let said = "paused 37 ms, auto-converge took 700 ms of its work, 3 iterations";
        assert!(line.contains(said), "{line}");
    }

    #[test]
    fn what_differences_spared_is_said() {
        let number = |name: &str, number| (name.to_owned(), FieldValue::UnsignedLong(number));
        let fields = vec![
            number("memory_page_size", 4096),
            number("compression_pages", 25_600),
            number("compression_bytes", 20 << 20),
        ];
        let mut tally = Tally::new(None);
        tally.completed(&JobStats::new(JobType::Completed, fields));
        let line = tally.report("vm", Duration::from_secs(6));
        assert!(
            line.ends_with("0.0 MiB sent, XBZRLE sent 20 MiB for 100 MiB"),
            "{line}"
        );
    }

    #[test]
    fn qemus_pause_is_not_the_pause_of_a_suspended_guest() {
        let mut tally = Tally::new(None);
        tally.completed(&completed(37));
        assert_eq!(tally.totals(Duration::ZERO).pause_ms, Some(37));
        tally.suspended();
        let totals = tally.totals(Duration::ZERO);
        assert_eq!((totals.pause_ms, totals.pause_by), (None, None));
        let line = tally.report("vm", Duration::from_secs(6));
        assert!(line.contains("was suspended"), "{line}");
    }

    #[test]
    fn of_post_copy_it_is_said_what_is_known() {
        let mut tally = Tally::new(None);
        tally.switched_to_postcopy(5_200);
        tally.switched_to_postcopy(5_700);
        let line = tally.report("vm", Duration::from_secs(9));
        assert_eq!(
            line,
            "vm moved in 9.00 s: switched to post-copy after 5.20 s (QEMU tells no pause of post-copy), \
             0 iterations, 0.0 MiB sent"
        );
        tally.completed(&completed(2));
        let totals = tally.totals(Duration::from_secs(9));
        assert_eq!(totals.pause_ms, None, "libvirt's is not the pause");
        assert_eq!(totals.pause_unknown, Some(PauseUnknown::Postcopy));
        assert_eq!(
            (totals.postcopy_after_ms, totals.postcopy_took_ms),
            (Some(5_200), Some(3_440))
        );
        let line = tally.report("vm", Duration::from_secs(9));
        let said = "switched to post-copy after 5.20 s and had all of its memory 3.44 s later (QEMU tells \
                    no pause of post-copy), 3 iterations";
        assert!(line.contains(said), "{line}");
    }
}
