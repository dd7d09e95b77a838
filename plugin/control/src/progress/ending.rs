//! The time until a migration's end, by the rules of the adaptive law.
//!
//! The parts of the interval, for R remaining and a bandwidth of B:
//!
//! ```text
//!   the round under way     what remains of it / B
//!   rounds that follow      after the first round, or while R falls: a multiple of R/B
//!   a wait                  up to the law's patience: it grows with 1/delta
//!   the pause               R/B, and what a pause takes with nothing left to send
//! ```

use core::time::Duration;

use crate::event::Cause;
use crate::law::Slowdown;
use crate::rate::{per_second, scale, span_of};
use crate::sample::{JobState, Sample};
use crate::time::Timestamp;

/// The time until the end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Remaining {
    /// No less than this.
    pub least: Duration,
    /// No more than this.
    pub most: Duration,
}

/// What a pause and libvirt's last steps take beside the memory.
const LAST_STEPS: Duration = Duration::from_millis(1_000);

/// All that follows the first round, while nothing is known of the guest's writes, per cent of that round: in the recorded
/// runs of `tests/traces` it took 7 to 180 %, in 16 of 19 no more than this.
const AFTER_FIRST_PERCENT: u32 = 125;

/// The part of the rest of the first round that certainly takes its time, per cent: zero pages take hardly any, and a
/// third of a guest's memory may be all that holds data.
const FIRST_LEAST_PERCENT: u32 = 25;

/// All that follows a round after which R may fall, per cent of R/B.
const FALLING_PERCENT: u64 = 275;

/// A wait at the default slowdown of a tenth, per cent of R/B; with another it is longer or shorter in proportion to its
/// inverse, within bounds.
const WAITING_PERCENT: u64 = 350;
const WAITING_LEAST_PERCENT: u64 = 200;
const WAITING_MOST_PERCENT: u64 = 1_500;

/// A pause is estimated to this part, per cent.
const PAUSE_LEAST_PERCENT: u64 = 70;
const PAUSE_MOST_PERCENT: u64 = 140;

/// The highest share of R that a falling R is expected to keep from round to round, per cent.
const KEPT_MOST_PERCENT: u64 = 90;

/// What is known at one sample.
#[derive(Clone, Copy, Debug)]
pub(super) struct Knowledge {
    pub(super) state: JobState,
    pub(super) storage: Storage,
    /// The guest's memory.
    pub(super) memory_bytes: u64,
    /// Still to send in this round.
    pub(super) round_bytes: u64,
    /// The link; zero while unknown.
    pub(super) bytes_per_s: u64,
    /// How fast and how slowly the rest of the round may be done: zero pages are hardly sent.
    pub(super) fastest_bytes_per_s: u64,
    pub(super) slowest_bytes_per_s: u64,
    /// How long the first round will have taken; none after it.
    pub(super) first_round: Option<Duration>,
    /// R of the last sync, and of the one before.
    pub(super) found_bytes: Option<u64>,
    pub(super) found_before_bytes: Option<u64>,
    /// The largest R so far.
    pub(super) busiest_bytes: u64,
    /// R of the next sync, if writes are counted.
    pub(super) next_bytes: Option<u64>,
    pub(super) cause: Option<Cause>,
    pub(super) slowdown: Option<Slowdown>,
    pub(super) until_deadline: Option<Duration>,
}

impl Knowledge {
    /// The interval; none while there is no bound.
    pub(super) fn remaining(&self) -> Option<Remaining> {
        match self.state {
            JobState::Setup => self.before_memory(),
            JobState::Precopy => self.in_precopy(),
            JobState::Switchover => Some(Remaining {
                least: Duration::ZERO,
                most: self.pause(self.pending_bytes(), PAUSE_MOST_PERCENT) + LAST_STEPS,
            }),
            JobState::Postcopy => self.in_postcopy(),
            JobState::Ended => Some(Remaining::default()),
        }
    }

    /// The expected time, also where nothing bounds it.
    pub(super) fn expected(&self) -> Option<Duration> {
        if let Some(Remaining { least, most }) = self.remaining() {
            return Some(least + (most - least) / 3);
        }
        let known = self.state == JobState::Precopy && self.bytes_per_s > 0;
        known.then(|| self.rest_of_round() + self.pause(self.busiest_bytes, 100))
    }

    fn before_memory(&self) -> Option<Remaining> {
        let (left, bytes_per_s) = self.storage.left()?;
        let memory = span_of(self.memory_bytes, bytes_per_s);
        Some(Remaining {
            least: left,
            most: left + left / 5 + memory + memory * AFTER_FIRST_PERCENT / 100 + LAST_STEPS,
        })
    }

    fn in_precopy(&self) -> Option<Remaining> {
        if self.bytes_per_s == 0 {
            return None;
        }
        let by_law = self.by_the_law();
        let at_deadline = self.until_deadline.map(|until| Remaining {
            least: Duration::ZERO,
            most: until + self.pause(self.pending_bytes(), PAUSE_MOST_PERCENT) + LAST_STEPS,
        });
        match (by_law, at_deadline) {
            (Some(law), Some(deadline)) => Some(Remaining {
                least: law.least.min(deadline.most),
                most: law.most.min(deadline.most),
            }),
            (law, deadline) => law.or(deadline),
        }
    }

    /// As the adaptive law goes on; none under another law, or where the policy forbids to switch over.
    fn by_the_law(&self) -> Option<Remaining> {
        let (slowdown, cause) = (self.slowdown?, self.cause?);
        match cause {
            Cause::Observing | Cause::Schedule | Cause::Ceiling => None,
            _ if self.found_bytes.is_none() => self.in_first_round(),
            Cause::FirstRound | Cause::Falling => Some(self.while_falling()),
            Cause::Waiting | Cause::Quiet => Some(self.while_waiting(slowdown)),
            Cause::Reservation | Cause::Patience | Cause::Floor => Some(self.switching_over()),
            Cause::Deadline | Cause::Order => Some(self.switching_over()),
        }
    }

    fn in_first_round(&self) -> Option<Remaining> {
        let whole = self.first_round?;
        let (soon, late) = (
            self.rest_of_round(),
            span_of(self.round_bytes, self.slowest_bytes_per_s),
        );
        let after = match self.next_bytes {
            Some(next) => self.pause(next, FALLING_PERCENT) + LAST_STEPS,
            None => whole * AFTER_FIRST_PERCENT / 100,
        };
        Some(Remaining {
            least: soon * FIRST_LEAST_PERCENT / 100,
            most: late + after + LAST_STEPS,
        })
    }

    /// Each round leaves a smaller R; the first after which that is not so ends them.
    fn while_falling(&self) -> Remaining {
        let found = self.found_bytes.unwrap_or(0);
        let least = self.rest_of_round();
        let after = match self.found_before_bytes {
            None => self.pause(found, FALLING_PERCENT),
            Some(before) => {
                let kept = scale(found, 100, before)
                    .min(100)
                    .midpoint(100)
                    .min(KEPT_MOST_PERCENT);
                self.pause(found, scale(kept, 100, 100 - kept))
            }
        };
        Remaining {
            least,
            most: least + after + LAST_STEPS,
        }
    }

    /// The guest may turn quiet at any time.
    fn while_waiting(&self, slowdown: Slowdown) -> Remaining {
        let percent = scale(WAITING_PERCENT, Slowdown::DEFAULT.ppm(), slowdown.ppm())
            .clamp(WAITING_LEAST_PERCENT, WAITING_MOST_PERCENT);
        let rest = self.rest_of_round();
        Remaining {
            least: Duration::ZERO,
            most: rest + self.pause(self.busiest_bytes, percent) + LAST_STEPS,
        }
    }

    fn switching_over(&self) -> Remaining {
        let pending = self.pending_bytes();
        Remaining {
            least: self.pause(pending, PAUSE_LEAST_PERCENT),
            most: self.pause(pending, PAUSE_MOST_PERCENT) + LAST_STEPS,
        }
    }

    fn in_postcopy(&self) -> Option<Remaining> {
        (self.bytes_per_s > 0).then(|| Remaining {
            least: Duration::ZERO,
            most: self.pause(self.round_bytes, 200) + LAST_STEPS,
        })
    }

    fn rest_of_round(&self) -> Duration {
        span_of(self.round_bytes, self.fastest_bytes_per_s)
    }

    /// What the pause has to send: what the last sync found is the measure of the guest.
    fn pending_bytes(&self) -> u64 {
        self.found_bytes.unwrap_or(self.round_bytes)
    }

    fn pause(&self, bytes: u64, percent: u64) -> Duration {
        span_of(scale(bytes, percent, 100), self.bytes_per_s)
    }
}

/// Storage that is copied before the memory.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Storage {
    first: Option<(Timestamp, u64)>,
    now: Timestamp,
    left_bytes: u64,
}

impl Storage {
    pub(super) fn follow(&mut self, sample: &Sample) {
        self.left_bytes = sample.disk_remaining_bytes;
        self.now = sample.at;
        if self.first.is_none_or(|(_, bytes)| bytes < self.left_bytes) {
            self.first = Some((sample.at, self.left_bytes));
        }
    }

    /// How long the rest takes, and at which rate, bytes per second; none before that shows.
    fn left(&self) -> Option<(Duration, u64)> {
        let (since, bytes) = self.first?;
        let copied = bytes.saturating_sub(self.left_bytes);
        let bytes_per_s = per_second(copied, self.now.since(since));
        (bytes_per_s > 0).then(|| (span_of(self.left_bytes, bytes_per_s), bytes_per_s))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MB: u64 = 1_000_000;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    /// 5 s of a round remain, 10 at the slowest, after one that found 2 s, where 3 were found before.
    fn known() -> Knowledge {
        Knowledge {
            state: JobState::Precopy,
            storage: Storage::default(),
            memory_bytes: 1000 * MB,
            round_bytes: 500 * MB,
            bytes_per_s: 100 * MB,
            fastest_bytes_per_s: 100 * MB,
            slowest_bytes_per_s: 50 * MB,
            first_round: None,
            found_bytes: Some(200 * MB),
            found_before_bytes: None,
            busiest_bytes: 300 * MB,
            next_bytes: None,
            cause: Some(Cause::Falling),
            slowdown: Some(Slowdown::DEFAULT),
            until_deadline: None,
        }
    }

    fn because(cause: Cause) -> Knowledge {
        Knowledge {
            cause: Some(cause),
            ..known()
        }
    }

    fn in_state(state: JobState) -> Knowledge {
        Knowledge { state, ..known() }
    }

    /// Of 10 s.
    fn in_first_round(next_bytes: Option<u64>) -> Knowledge {
        Knowledge {
            found_bytes: None,
            first_round: Some(ms(10_000)),
            next_bytes,
            ..known()
        }
    }

    fn under_another_law() -> Knowledge {
        Knowledge {
            slowdown: None,
            ..known()
        }
    }

    fn on_an_unknown_link(state: JobState) -> Knowledge {
        Knowledge {
            state,
            bytes_per_s: 0,
            ..known()
        }
    }

    #[test]
    fn the_interval_is_that_of_what_the_law_does_next() {
        let halved = Knowledge {
            found_before_bytes: Some(400 * MB),
            ..known()
        };
        let until_deadline = Knowledge {
            until_deadline: Some(ms(7000)),
            ..under_another_law()
        };
        for (does, knowledge, interval_ms) in [
            ("falls", known(), Some((5000, 5000 + 5500 + 1000))),
            ("falls by half", halved, Some((5000, 5000 + 6000 + 1000))),
            (
                "waits",
                because(Cause::Waiting),
                Some((0, 5000 + 10_500 + 1000)),
            ),
            (
                "stops",
                because(Cause::Reservation),
                Some((1400, 2800 + 1000)),
            ),
            (
                "has stopped",
                in_state(JobState::Switchover),
                Some((0, 2800 + 1000)),
            ),
            (
                "fetches",
                in_state(JobState::Postcopy),
                Some((0, 10_000 + 1000)),
            ),
            ("is over", in_state(JobState::Ended), Some((0, 0))),
            (
                "begins",
                in_first_round(None),
                Some((1250, 10_000 + 12_500 + 1000)),
            ),
            (
                "begins, with writes counted",
                in_first_round(Some(100 * MB)),
                Some((1250, 10_000 + 2750 + 1000 + 1000)),
            ),
            ("anything", under_another_law(), None),
            (
                "until the deadline",
                until_deadline,
                Some((0, 7000 + 2800 + 1000)),
            ),
            (
                "on an unknown link",
                on_an_unknown_link(JobState::Precopy),
                None,
            ),
            (
                "fetches on one",
                on_an_unknown_link(JobState::Postcopy),
                None,
            ),
        ] {
            let expected = interval_ms.map(|(least, most)| Remaining {
                least: ms(least),
                most: ms(most),
            });
            assert_eq!(knowledge.remaining(), expected, "{does}");
        }
    }

    #[test]
    fn a_third_of_the_interval_is_expected_and_without_one_the_round_and_the_longest_pause() {
        for (does, knowledge, expected_ms) in [
            ("waits", because(Cause::Waiting), Some(5500)),
            ("stops", because(Cause::Reservation), Some(1400 + 800)),
            ("anything", under_another_law(), Some(5000 + 3000)),
            (
                "on an unknown link",
                on_an_unknown_link(JobState::Precopy),
                None,
            ),
            ("copies no storage", in_state(JobState::Setup), None),
        ] {
            assert_eq!(knowledge.expected(), expected_ms.map(ms), "{does}");
        }
    }

    /// Left at each second, MB.
    fn left(left_mb: &[u64]) -> Option<(Duration, u64)> {
        let mut storage = Storage::default();
        for (second, left_mb) in (0..).zip(left_mb) {
            storage.follow(&Sample {
                at: Timestamp::from_nanos(second * 1_000_000_000),
                disk_remaining_bytes: left_mb * MB,
                ..Sample::default()
            });
        }
        storage.left()
    }

    #[test]
    fn storage_takes_as_long_as_it_took_since_most_was_left() {
        assert_eq!(left(&[0, 0]), None, "there is none");
        assert_eq!(left(&[1000, 1000]), None, "it has not begun");
        assert_eq!(left(&[0, 1000, 900]), Some((ms(9000), 100 * MB)));
        assert_eq!(
            left(&[1000, 1000, 900]),
            Some((ms(18_000), 50 * MB)),
            "a stall"
        );
        let another_disk = [1000, 900, 5000, 4800];
        assert_eq!(left(&another_disk), Some((ms(24_000), 200 * MB)));
    }
}
