//! The remaining memory at each sync: the only moments at which `memory_remaining` is exact (QEMU `migration/ram.c`:
//! between syncs it counts down, and does not see newer writes).

use core::time::Duration;

use super::compression::memory_sent;
use crate::rate::per_second;
use crate::sample::{JobState, Sample};
use crate::time::Timestamp;

/// One round of pre-copy that has ended, or several if samples were further apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Round {
    /// The iteration that begins with this sync; at least 2.
    pub iteration: u64,
    /// How many syncs lie between the last sample and this one; 1 if none was missed.
    pub syncs: u64,
    /// When the sync was, as exactly as known.
    pub at: Timestamp,
    /// Remaining memory right after the sync, bytes: R in `docs/control-law.md`.
    pub remaining_bytes: u64,
    /// Duration of the round or rounds.
    pub duration: Duration,
    /// Bytes sent in that time, on the wire.
    pub sent_bytes: u64,
    /// Memory sent by them, bytes: more, if compressed.
    pub memory_bytes: u64,
    /// Memory pending at the beginning of the round and not sent in it, bytes; zero if syncs were missed.
    pub unsent_bytes: u64,
    /// Memory done, bytes: more than `memory_bytes` where pages were zero, which are hardly sent.
    pub done_bytes: u64,
}

impl Round {
    /// The rate of the round, bytes on the wire per second.
    #[must_use]
    pub fn bytes_per_s(&self) -> u64 {
        per_second(self.sent_bytes, self.duration)
    }

    /// The data sent in the round.
    #[must_use]
    pub const fn sent(&self) -> Sent {
        Sent {
            bytes: self.sent_bytes,
            memory_bytes: self.memory_bytes,
        }
    }

    /// Whether most of the memory done was zero pages: then its rate is not that of the link.
    #[must_use]
    pub const fn sent_zero_pages(&self) -> bool {
        self.done_bytes / 2 > self.memory_bytes
    }

    /// Rate of distinct pages dirtied in the round, bytes per second. A lower bound if the round was longer than the
    /// guest takes to rewrite its working set.
    #[must_use]
    pub fn unique_dirty_bytes_per_s(&self) -> u64 {
        per_second(self.remaining_bytes, self.duration)
    }
}

/// Data sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sent {
    /// Bytes on the wire.
    pub bytes: u64,
    /// Memory sent by them, bytes: more, if compressed.
    pub memory_bytes: u64,
}

/// Finds the rounds in a series of samples.
#[derive(Clone, Copy, Debug, Default)]
pub struct Rounds {
    last: Option<Sample>,
    sync: Option<Sync>,
    /// Memory sent since that sync, less the bytes sent for it.
    spared_bytes: u64,
    /// The same, including zero pages.
    zero_bytes: u64,
}

/// A sync, and the bytes sent by then.
#[derive(Clone, Copy, Debug)]
struct Sync {
    at: Timestamp,
    processed_bytes: u64,
    /// The remaining memory that it found; zero at the beginning of the first round.
    remaining_bytes: u64,
}

impl Rounds {
    /// Takes one sample in; returns the round that has ended since the last, if one has.
    pub fn update(&mut self, sample: &Sample) -> Option<Round> {
        if sample.state != JobState::Precopy || sample.iteration == 0 {
            return None;
        }
        let Some(last) = self.last.replace(*sample) else {
            self.sync = Some(Sync {
                at: sample.at,
                processed_bytes: sample.processed_bytes,
                remaining_bytes: 0,
            });
            return None;
        };
        if sample.iteration <= last.iteration {
            let sent = sample.sent_since(&last);
            let spared = memory_sent(&last, sample).saturating_sub(sent);
            self.spared_bytes = self.spared_bytes.saturating_add(spared);
            let zero = memory_done(&last, sample).saturating_sub(sent);
            self.zero_bytes = self.zero_bytes.saturating_add(zero);
            return None;
        }
        let mut sync = locate(&last, sample);
        sync.remaining_bytes = sample
            .remaining_bytes
            .saturating_add(sample.processed_bytes.saturating_sub(sync.processed_bytes));
        let before = self.sync.replace(sync);
        let syncs = sample.iteration - last.iteration;
        let spared_bytes = core::mem::take(&mut self.spared_bytes);
        let sent_bytes = before.map_or(0, |b| {
            sync.processed_bytes.saturating_sub(b.processed_bytes)
        });
        let memory_bytes = sent_bytes.saturating_add(spared_bytes);
        let zero_bytes = core::mem::take(&mut self.zero_bytes);
        let done_bytes = memory_bytes.max(sent_bytes.saturating_add(zero_bytes));
        Some(Round {
            iteration: sample.iteration,
            syncs,
            at: sync.at,
            remaining_bytes: sync.remaining_bytes,
            duration: before.map_or(Duration::ZERO, |b| sync.at.since(b.at)),
            sent_bytes,
            memory_bytes,
            unsent_bytes: before
                .filter(|_| syncs == 1)
                .map_or(0, |b| b.remaining_bytes.saturating_sub(done_bytes)),
            done_bytes,
        })
    }
}

impl Rounds {
    /// The data sent so far in the present round, by this sample, which was taken in.
    #[must_use]
    pub fn so_far(&self, sample: &Sample) -> Sent {
        let before = self.sync.map_or(0, |sync| sync.processed_bytes);
        let bytes = sample.processed_bytes.saturating_sub(before);
        Sent {
            bytes,
            memory_bytes: bytes.saturating_add(self.spared_bytes),
        }
    }
}

/// Memory done between two samples of a round; zero in the first round, in which all of memory remains.
fn memory_done(last: &Sample, now: &Sample) -> u64 {
    if last.iteration != now.iteration || now.iteration < 2 {
        return 0;
    }
    last.remaining_bytes.saturating_sub(now.remaining_bytes)
}

/// When the newest sync between `last` and `now` was, and the bytes sent by then; not what it found.
///
/// An event gives the time. Without one, the sync came when the remaining bytes of `last` were sent; if several were
/// missed, the sample itself is taken for the sync.
fn locate(last: &Sample, now: &Sample) -> Sync {
    let sent = now.sent_since(last);
    let span = now.at.since(last.at);
    match now.sync_at {
        Some(at) if at >= last.at && at <= now.at => Sync {
            at,
            processed_bytes: last.processed_bytes.saturating_add(share(
                sent,
                at.since(last.at),
                span,
            )),
            remaining_bytes: 0,
        },
        _ if now.iteration - last.iteration == 1 => {
            let before = sent.min(last.remaining_bytes);
            let wait = if sent == 0 {
                span
            } else {
                fraction(span, before, sent)
            };
            Sync {
                at: last.at.after(wait),
                processed_bytes: last.processed_bytes + before,
                remaining_bytes: 0,
            }
        }
        _ => Sync {
            at: now.at,
            processed_bytes: now.processed_bytes,
            remaining_bytes: 0,
        },
    }
}

/// The share of `bytes` that `part` is of `whole`.
fn share(bytes: u64, part: Duration, whole: Duration) -> u64 {
    if whole.is_zero() {
        return bytes;
    }
    let mixed = u128::from(bytes) * part.as_nanos() / whole.as_nanos();
    u64::try_from(mixed).unwrap_or(bytes)
}

/// The share of `span` that `part` is of `whole`, which is not zero.
fn fraction(span: Duration, part: u64, whole: u64) -> Duration {
    let nanos = span.as_nanos() * u128::from(part) / u128::from(whole.max(1));
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(at_ms: u64, iteration: u64, processed_bytes: u64, remaining_bytes: u64) -> Sample {
        Sample {
            at: Timestamp::from_nanos(at_ms * 1_000_000),
            state: JobState::Precopy,
            iteration,
            processed_bytes,
            remaining_bytes,
            ..Sample::default()
        }
    }

    #[test]
    fn the_event_tells_when_the_sync_was() {
        let mut rounds = Rounds::default();
        assert_eq!(rounds.update(&sample(0, 1, 0, 1000)), None);
        assert_eq!(rounds.update(&sample(900, 1, 900, 100)), None);
        let seen = Sample {
            sync_at: Some(Timestamp::from_nanos(1_000_000_000)),
            ..sample(1100, 2, 1100, 400)
        };
        let round = rounds.update(&seen).expect("a round");
        assert_eq!(round.at, Timestamp::from_nanos(1_000_000_000));
        assert_eq!(
            round.remaining_bytes, 500,
            "bytes sent since the sync were pending at the sync"
        );
        assert_eq!(round.duration, Duration::from_secs(1));
        assert_eq!((round.sent_bytes, round.bytes_per_s()), (1000, 1000));
        assert_eq!(round.unique_dirty_bytes_per_s(), 500);
    }

    #[test]
    fn without_an_event_the_sync_came_when_the_rest_was_sent() {
        let mut rounds = Rounds::default();
        rounds.update(&sample(0, 1, 0, 1000));
        rounds.update(&sample(900, 1, 900, 100));
        let round = rounds.update(&sample(1100, 2, 1100, 400)).expect("a round");
        assert_eq!(
            (round.at.as_nanos(), round.remaining_bytes),
            (1_000_000_000, 500)
        );
    }

    #[test]
    fn missed_syncs_are_counted_and_the_newest_is_kept() {
        let mut rounds = Rounds::default();
        rounds.update(&sample(0, 1, 0, 1000));
        let round = rounds.update(&sample(3000, 4, 3000, 300)).expect("a round");
        assert_eq!(
            (round.iteration, round.syncs, round.remaining_bytes),
            (4, 3, 300)
        );
        assert_eq!(round.duration, Duration::from_secs(3));
    }

    #[test]
    fn compressed_memory_is_more_than_what_is_sent_for_it() {
        let compressed = |at_ms, iteration, processed_bytes, remaining_bytes| Sample {
            compression_cache_bytes: 1 << 26,
            ..sample(at_ms, iteration, processed_bytes, remaining_bytes)
        };
        let mut rounds = Rounds::default();
        rounds.update(&compressed(0, 1, 0, 1000));
        rounds.update(&compressed(900, 1, 100, 0));
        let first = rounds
            .update(&compressed(1000, 2, 100, 800))
            .expect("a round");
        assert_eq!(first.memory_bytes, 100, "zero pages of the first round");
        rounds.update(&compressed(1400, 2, 200, 400));
        rounds.update(&compressed(1800, 2, 300, 0));
        let second = rounds
            .update(&compressed(2000, 3, 300, 500))
            .expect("a round");
        assert_eq!((second.sent_bytes, second.memory_bytes), (200, 800));
    }

    #[test]
    fn a_sample_of_an_earlier_or_ended_job_is_no_round() {
        let mut rounds = Rounds::default();
        rounds.update(&sample(0, 3, 0, 1000));
        assert_eq!(rounds.update(&sample(10, 2, 0, 1000)), None);
        let ended = Sample {
            state: JobState::Ended,
            ..sample(20, 9, 0, 0)
        };
        assert_eq!(rounds.update(&ended), None);
    }

    #[test]
    fn no_bytes_sent_divide_nothing() {
        let mut rounds = Rounds::default();
        rounds.update(&sample(0, 1, 5, 0));
        let round = rounds.update(&sample(100, 2, 5, 7)).expect("a round");
        assert_eq!((round.remaining_bytes, round.sent_bytes), (7, 0));
    }

    #[test]
    fn a_round_that_did_twice_what_it_sent_was_of_zero_pages() {
        for (done_bytes, zero) in [(20, false), (21, false), (22, true)] {
            let round = Round {
                memory_bytes: 10,
                done_bytes,
                ..Round::default()
            };
            assert_eq!(round.sent_zero_pages(), zero, "{done_bytes}");
        }
    }

    #[test]
    fn an_event_between_two_samples_tells_when_the_sync_was() {
        for (event_ms, at_ms, sent_bytes, remaining_bytes) in [
            (150, 150, 200, 600),
            (100, 100, 100, 700),
            (200, 200, 300, 500),
            // Of another sync: all that was sent belongs to the round that has ended.
            (99, 200, 300, 500),
            (201, 200, 300, 500),
        ] {
            let at = |ms: u64| Timestamp::from_nanos(ms * 1_000_000);
            let mut rounds = Rounds::default();
            rounds.update(&sample(0, 1, 0, 1000));
            rounds.update(&sample(100, 1, 100, 900));
            let synced = Sample {
                sync_at: Some(at(event_ms)),
                ..sample(200, 2, 300, 500)
            };
            let round = rounds.update(&synced).expect("a round");
            let found = (round.at, round.sent_bytes, round.remaining_bytes);
            assert_eq!(
                found,
                (at(at_ms), sent_bytes, remaining_bytes),
                "{event_ms}"
            );
        }
    }

    /// In the first round all of memory remains, and what is done of it says nothing.
    #[test]
    fn zero_pages_are_done_without_being_sent_after_the_first_round() {
        let mut rounds = Rounds::default();
        rounds.update(&sample(0, 1, 0, 1000));
        rounds.update(&sample(100, 1, 10, 500));
        let first = rounds.update(&sample(200, 2, 20, 400)).expect("a round");
        assert_eq!((first.sent_bytes, first.done_bytes), (20, 20));
        rounds.update(&sample(300, 2, 30, 100));
        let second = rounds.update(&sample(400, 3, 40, 200)).expect("a round");
        assert_eq!((second.sent_bytes, second.done_bytes), (20, 310));
        assert_eq!(second.unsent_bytes, 90);
    }
}
