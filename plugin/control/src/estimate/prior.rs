//! Prior knowledge of the guest: its writes as `hpc-estimate` or an earlier migration has seen them.
//!
//! ```text
//!   before    W(x) within some spans, and phases            the prior
//!   syncs     W(first iteration), as it should find         confirmed, or refuted for good
//!   then      W(R/B): what a further iteration would leave; whether it is worth waiting for a quiet phase
//! ```
//! What the migration itself shows outranks it. A prior of another program, or of another input, is refuted by the
//! first sync and has cost nothing. One whose phases do not come is refuted after half as long again as a busy phase.

use core::time::Duration;

use super::phases::Phases;
use super::round::Round;
use super::writes::{Trust, is_near};
use crate::rate::{in_span, per_second};
use crate::time::Timestamp;

/// The points of W(x) that are kept: from 0.1 s, twice as long each, over an hour.
const POINTS: usize = 16;

/// A busy phase may last so much longer than it did before, per cent, until the phases are not believed.
const OVERDUE_PERCENT: u32 = 150;

/// What is known of a guest before its migration; nothing by default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Prior {
    /// Spans and the bytes written within them by the busy guest, both rising; those at the end may be unused.
    points: [(Duration, u64); POINTS],
    used: usize,
    phases: Option<PhaseSpans>,
    watched: Duration,
}

/// The lengths of phases.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PhaseSpans {
    /// Of a busy one.
    pub busy: Duration,
    /// Of a quiet one.
    pub quiet: Duration,
}

impl Prior {
    /// A guest that was `watched` for so long, wrote `written` bytes within each span when it was busy, and showed
    /// `phases`. Points that do not rise are left out.
    #[must_use]
    pub fn new(
        written: impl IntoIterator<Item = (Duration, u64)>,
        phases: Option<PhaseSpans>,
        watched: Duration,
    ) -> Self {
        let mut prior = Self {
            phases,
            watched,
            ..Self::default()
        };
        for (span, bytes) in written {
            let (last, before_bytes) = prior.last().unwrap_or_default();
            if span > last && bytes >= before_bytes && prior.used < POINTS {
                prior.points[prior.used] = (span, bytes);
                prior.used += 1;
            }
        }
        prior
    }

    /// The points of W(x).
    pub fn written(&self) -> impl Iterator<Item = (Duration, u64)> + '_ {
        self.points[..self.used].iter().copied()
    }

    /// The phases.
    #[must_use]
    pub const fn phases(&self) -> Option<PhaseSpans> {
        self.phases
    }

    /// For how long the guest was watched.
    #[must_use]
    pub const fn watched(&self) -> Duration {
        self.watched
    }

    fn last(&self) -> Option<(Duration, u64)> {
        self.written().last()
    }

    /// W, no more than the truth: straight between the points, for it is concave, and no rise after the last.
    fn written_within_bytes(&self, span: Duration) -> Option<u64> {
        let (mut before, mut before_bytes) = (Duration::ZERO, 0);
        for (after, bytes) in self.written() {
            if span < after {
                let rise = per_second(bytes - before_bytes, after - before);
                return Some(before_bytes + in_span(rise, span - before));
            }
            (before, before_bytes) = (after, bytes);
        }
        (self.used > 0).then_some(before_bytes)
    }

    /// The most that may be written within `span`: all of the next point, for W may rise at once; beyond the last point
    /// it rises no faster than before it, for it is concave.
    fn most_within_bytes(&self, span: Duration) -> Option<u64> {
        let next = self.written().find(|(after, _)| span <= *after);
        let (last, bytes) = self.last()?;
        let more = || in_span(self.last_rise_bytes_per_s(), span - last);
        Some(next.map_or_else(|| bytes.saturating_add(more()), |(_, most)| most))
    }

    /// The rise of W before its last point. In a span of a guest in phases it may have been quiet in part: for it, that
    /// of all spans.
    fn last_rise_bytes_per_s(&self) -> u64 {
        let (last, bytes) = self.last().unwrap_or_default();
        let before = self.used.checked_sub(2).filter(|_| self.phases.is_none());
        let (before, before_bytes) = before.map_or_else(Default::default, |at| self.points[at]);
        per_second(bytes - before_bytes, last - before)
    }
}

/// Whether a busy phase of that `age` has lasted too long to be one of `busy`.
fn is_overdue(age: Duration, busy: Duration) -> bool {
    age > busy.saturating_mul(OVERDUE_PERCENT) / 100
}

/// A prior, and how the migration bears it out.
#[derive(Clone, Copy, Debug, Default)]
pub struct CheckedPrior {
    prior: Prior,
    trust: Trust,
    /// The sync that has confirmed it.
    since: Timestamp,
    now: Timestamp,
}

impl CheckedPrior {
    /// The prior before the migration.
    #[must_use]
    pub fn new(prior: Prior) -> Self {
        Self {
            prior,
            ..Self::default()
        }
    }

    /// Trust in it; nothing is trusted where nothing is known.
    #[must_use]
    pub const fn trust(&self) -> Trust {
        self.trust
    }

    /// Takes in the time of a sample, and the round that it has ended, if any.
    pub fn update(&mut self, now: Timestamp, round: Option<&Round>) {
        self.now = now;
        if let Some(round) = round.filter(|_| self.trust == Trust::Unconfirmed) {
            self.judge(round);
        }
    }

    /// The first sync that tells judges it. A guest in phases may have been quiet: then a later one does.
    fn judge(&mut self, round: &Round) {
        let least = self.prior.written_within_bytes(round.duration);
        let most = self.prior.most_within_bytes(round.duration);
        let (Some(least), Some(most), 1) = (least, most, round.syncs) else {
            return;
        };
        let found = round.remaining_bytes.saturating_sub(round.unsent_bytes);
        if is_near(found, found.clamp(least, most)) {
            self.trust = Trust::Confirmed;
            self.since = round.at;
        } else if found > most || self.prior.phases.is_none() {
            self.trust = Trust::Refuted;
        }
    }

    /// W, if a sync has confirmed it: bytes written within `span` by the busy guest, or at least so many.
    #[must_use]
    pub fn written_within_bytes(&self, span: Duration) -> Option<u64> {
        self.confirmed()?.written_within_bytes(span)
    }

    /// Whether the guest was watched for as long as `span`, and did the same all the time.
    #[must_use]
    pub fn is_steady(&self, span: Duration) -> bool {
        self.confirmed()
            .is_some_and(|prior| prior.phases.is_none() && span <= prior.watched)
    }

    /// The guest's phases, in a busy one since the sync that has confirmed the prior; none once that has lasted longer
    /// than it should.
    #[must_use]
    pub fn phases(&self) -> Option<Phases> {
        let spans = self.confirmed()?.phases?;
        let age = self.now.since(self.since);
        (!is_overdue(age, spans.busy)).then_some(Phases {
            idle: false,
            age,
            busy_span: Some(spans.busy),
            busy_whole: false,
            idle_span: Some(spans.quiet),
            idle_whole: false,
            busy_in_round: Duration::ZERO,
        })
    }

    /// The phases that the guest shows, with the prior's lengths of those that were not seen from beginning to end, until
    /// a busy one is overdue.
    #[must_use]
    pub fn complete(&self, seen: Phases) -> Phases {
        let spans = self.confirmed().and_then(|prior| prior.phases);
        let holds = |spans: &PhaseSpans| seen.idle || !is_overdue(seen.age, spans.busy);
        let Some(before) = spans.filter(holds) else {
            return seen;
        };
        let length =
            |span: Option<Duration>, whole, before| span.filter(|_| whole).or(Some(before));
        Phases {
            busy_span: length(seen.busy_span, seen.busy_whole, before.busy),
            idle_span: length(seen.idle_span, seen.idle_whole, before.quiet),
            ..seen
        }
    }

    fn confirmed(&self) -> Option<&Prior> {
        (self.trust == Trust::Confirmed).then_some(&self.prior)
    }
}

#[cfg(test)]
mod tests;
