//! What is known at a sample, in small cases: 64 ms apart, at whose multiples the curve has its points; MiB and pages.

use super::*;

const MIB: u64 = 1 << 20;
const MIB_PAGES: u64 = MIB / Faults::PAGE_BYTES;
const STEP_MS: u64 = 64;

/// A migration from sample to sample.
struct Steps {
    writes: Writes,
    sample: Sample,
    pages: u64,
}

impl Steps {
    /// So much memory begins to flow.
    fn new(total_mib: u64) -> Self {
        let mut steps = Self {
            writes: Writes::default(),
            sample: Sample {
                at: at(1000),
                state: JobState::Precopy,
                iteration: 1,
                total_bytes: total_mib * MIB,
                ..Sample::default()
            },
            pages: 7_000_000,
        };
        steps.poll(total_mib, None);
        steps
    }

    /// The same after a first round of 1152 ms, in which 4 MiB were written in each step, 32 of all were not sent, and
    /// 80 found.
    fn after_first_round(more_pages: u64) -> Self {
        let mut steps = Self::new(1024);
        (0..18).for_each(|_| steps.step(32, 4 * MIB_PAGES));
        steps.sync(STEP_MS, 80, more_pages);
        assert_eq!(steps.writes.trust(), Trust::Confirmed);
        steps
    }

    fn poll(&mut self, remaining_mib: u64, round: Option<&Round>) {
        self.sample.remaining_bytes = remaining_mib * MIB;
        self.sample.faults = Some(Faults {
            at: self.sample.at,
            pages: self.pages,
        });
        self.writes.update(&self.sample, round);
    }

    fn go_on(&mut self, more_pages: u64) {
        self.sample.at = self.sample.at.after(Duration::from_millis(STEP_MS));
        self.pages += more_pages;
    }

    /// The next sample, with so much remaining and so many more pages written.
    fn step(&mut self, remaining_mib: u64, more_pages: u64) {
        self.go_on(more_pages);
        self.poll(remaining_mib, None);
    }

    /// The same, after a sync that was so long ago and found so much.
    fn sync(&mut self, ago_ms: u64, found_mib: u64, more_pages: u64) {
        self.go_on(more_pages);
        self.sample.iteration += 1;
        let round = Round {
            iteration: self.sample.iteration,
            syncs: 1,
            at: self.sample.at.before(Duration::from_millis(ago_ms)),
            remaining_bytes: found_mib * MIB,
            ..Round::default()
        };
        self.poll(found_mib, Some(&round));
    }

    fn later(&self, ms: u64) -> Timestamp {
        self.sample.at.after(Duration::from_millis(ms))
    }

    /// Written by so long after a sync in the last step, MiB.
    fn written_mib(&self, age_ms: u64) -> Option<u64> {
        let bytes = self.writes.written_bytes(self.later(age_ms - STEP_MS));
        bytes.map(|bytes| bytes / MIB)
    }
}

/// Which wrote 4 MiB in each of 18 steps.
#[test]
fn no_more_is_expected_than_the_last_round_wrote_unless_this_one_has_outdone_it() {
    let (curve_ms, last_ms) = (512, 18 * STEP_MS);
    for (pages, age_ms, expected_mib) in [
        (MIB_PAGES, curve_ms, 8),
        (16 * MIB_PAGES, curve_ms, 32),
        // An eighth more than the curve is still no other phase; then what the whole round wrote counts, ...
        (36 * MIB_PAGES, curve_ms, 36),
        (36 * MIB_PAGES + 1, curve_ms, 72),
        (16 * MIB_PAGES, last_ms, 72),
        // ... unless it was shorter, ...
        (36 * MIB_PAGES, last_ms + 1, 648),
        // ... or has been outdone, too.
        (81 * MIB_PAGES, curve_ms, 81),
        (82 * MIB_PAGES, curve_ms, 656),
    ] {
        let steps = Steps::after_first_round(pages);
        let written_mib = steps.written_mib(age_ms);
        assert_eq!(
            written_mib,
            Some(expected_mib),
            "{pages} pages, {age_ms} ms"
        );
    }
}

/// They were written long before or not at all.
#[test]
fn what_the_first_round_leaves_unsent_is_written_as_any_other_memory() {
    let mut steps = Steps::new(1024);
    steps.step(512, 256 * MIB_PAGES);
    let found = steps.writes.next_sync_bytes(steps.sample.at);
    assert_eq!(found, Some((256 + 512 - 256 / 4) * MIB));
}

/// 64 MiB in 1024 ms, of which an eighth is 128 pages in a step. 32 MiB are unsent.
#[test]
fn unsent_pages_are_written_anew_once_hardly_others_are() {
    for (last_pages, found_mib) in [(0, 64), (127, 64), (128, 96), (1024, 96)] {
        let mut steps = Steps::after_first_round(64 * MIB_PAGES - last_pages);
        (0..14).for_each(|_| steps.step(32, 0));
        steps.step(32, last_pages);
        let found = steps.writes.sync_on_demand_bytes(steps.sample.at);
        assert_eq!(found, Some(found_mib * MIB), "{last_pages}");
    }
}

/// What was written before it is none of this round's, but the rate over a shorter time is of no use.
#[test]
fn the_rate_is_measured_from_a_sync_that_is_at_least_40_ms_ago() {
    for (ago_ms, span_ms) in [(64, 64), (48, 48), (40, 40), (39, 64)] {
        let mut steps = Steps::new(1024);
        (0..3).for_each(|_| steps.step(32, 0));
        steps.sync(ago_ms, 80, 12 * MIB_PAGES);
        let rate = steps.writes.rate_now();
        assert_eq!(rate, 12 * MIB * 1000 / span_ms, "{ago_ms}");
    }
}

#[test]
fn writes_are_counted_from_the_first_iteration_on() {
    let mut steps = Steps::new(1024);
    steps.writes = Writes::default();
    steps.sample.iteration = 0;
    steps.poll(1024, None);
    steps.sample.iteration = 1;
    steps.step(1024, 5 * MIB_PAGES);
    steps.step(1024, 5 * MIB_PAGES);
    assert_eq!(steps.writes.written_bytes(steps.sample.at), Some(5 * MIB));
}

#[test]
fn a_counter_that_begins_anew_in_the_first_round_is_known_again_after_the_sync() {
    let mut steps = Steps::new(1024);
    steps.step(900, 5 * MIB_PAGES);
    steps.pages = 0;
    for _ in 0..4 {
        steps.step(900, 5 * MIB_PAGES);
        assert_eq!(steps.writes.written_bytes(steps.sample.at), None);
    }
    steps.sync(STEP_MS, 640, 5 * MIB_PAGES);
    assert_eq!(steps.writes.written_bytes(steps.sample.at), Some(5 * MIB));
}

/// 64 MiB are sent in each step, and 8 written.
#[test]
fn a_counter_that_begins_anew_leaves_known_what_is_sent() {
    let mut steps = Steps::new(1024);
    steps.step(960, 8 * MIB_PAGES);
    steps.step(896, 8 * MIB_PAGES);
    steps.pages = 0;
    steps.step(832, 8 * MIB_PAGES);
    steps.sync(STEP_MS, 640, 8 * MIB_PAGES);
    let found = steps.writes.sync_on_demand_bytes(steps.later(STEP_MS));
    assert_eq!(found, Some((640 - 64 + 16) * MIB));
}

/// All that is sent is written anew: in the first round, of which that tells nothing, and in the second.
#[test]
fn in_rounds_of_many_chunks_a_quiet_guest_shows_once_it_was_seen_to_rewrite_what_is_sent() {
    const GIB: u64 = 1024;
    let mut steps = Steps::new(20 * GIB);
    let round = |steps: &mut Steps| {
        (0..20).for_each(|n| steps.step((19 - n) * GIB, GIB * MIB_PAGES));
        assert!(!steps.writes.counts_all());
        (steps.writes.shows_quiet(), steps.writes.quiet())
    };
    assert_eq!(round(&mut steps), (false, None));
    steps.sync(STEP_MS, 20 * GIB, GIB * MIB_PAGES);
    assert_eq!(
        (steps.writes.shows_quiet(), steps.writes.quiet()),
        (false, None)
    );
    assert_eq!(round(&mut steps), (true, Some(false)));
}
