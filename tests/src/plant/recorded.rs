//! A recorded migration as a guest: its writes within a round, over its rounds, and its busy times.
//!
//! ```text
//! trace --> rounds (x, R)   --fit--> W(x) of the busy guest, of the quiet one --+--> Guest: any law, in
//!       \-> processor time  -------> phases, and their cycle if one is seen ----+    closed loop
//! ```
//! A sync shows how many distinct bytes were written in the round before it: a point of the working-set
//! curve W(x) (docs/control-law.md, section 1). The curve between and beyond the points is that of a set of S bytes
//! written at a rate, at random or from end to end, whichever comes nearest to all of them.

mod curve;
mod phases;
mod rounds;

use std::time::Duration;

use libvirt_hpc_plugin::trace::Record;

use super::guest::{Access, Guest, Writer};
use curve::{Curves, fit};
use phases::{Phase, phases};
pub use rounds::{RoundSeen, Seen, see};

/// Size of the chunks: a few tens of pages, small enough for rounds of 10 ms, bytes.
const CHUNK_BYTES: u64 = 32 << 10;

/// A guest learnt from a trace.
#[derive(Clone, Debug)]
pub struct RecordedGuest {
    total_bytes: u64,
    data_bytes: u64,
    curves: Curves,
    phases: Vec<Phase>,
}

impl RecordedGuest {
    /// The guest whose migration these records are of; none if they hold no whole round.
    #[must_use]
    pub fn from_trace(records: &[Record]) -> Option<Self> {
        let seen = see(records)?;
        let phases = phases(&seen.marks);
        let curves = fit(&seen.rounds, &phases, seen.data_bytes);
        let Seen {
            total_bytes,
            data_bytes,
            ..
        } = seen;
        Some(Self {
            total_bytes,
            data_bytes,
            curves,
            phases,
        })
    }

    /// How many rounds of its guest a trace shows.
    #[must_use]
    pub fn rounds_of(records: &[Record]) -> usize {
        see(records).map_or(0, |seen| seen.rounds.len())
    }

    /// The guest, when a migration begins this much later in its life than the recorded one (earlier if
    /// negative, in seconds).
    #[must_use]
    pub fn guest(&self, later_s: f64) -> Guest {
        let memory = |busy: bool| self.curves.access(busy);
        // This writes nothing: it keeps a processor busy, as the recorded guest did.
        let compute = |busy: bool| match busy {
            true => Access::Flat { bytes: 0 },
            false => Access::Idle,
        };
        Guest::new(self.total_bytes)
            .chunks(self.total_bytes / CHUNK_BYTES)
            .non_zero(self.data_bytes)
            .with(self.writer(memory, later_s))
            .with(self.writer(compute, later_s))
            .with(Writer::steady(self.curves.background()))
    }

    /// One program that does `access` in the busy phases and in the quiet ones.
    fn writer(&self, access: impl Fn(bool) -> Access, later_s: f64) -> Writer {
        if let Some((cycle, into)) = phases::cycle(&self.phases) {
            let period: Duration = cycle.iter().map(|phase| phase.span).sum();
            let into_s = (into.as_secs_f64() + later_s).rem_euclid(period.as_secs_f64());
            let phases = cycle.map(|phase| (phase.span, access(phase.busy)));
            return Writer::phases(phases).starting_into(Duration::from_secs_f64(into_s));
        }
        // The last phase goes on.
        let last = self.phases.last().is_none_or(|phase| phase.busy);
        let seen = self
            .phases
            .iter()
            .map(|phase| (phase.span, access(phase.busy)));
        Writer::phases(seen.chain([(Duration::MAX / 2, access(last))]))
            .starting_into(Duration::from_secs_f64(later_s.max(0.0)))
    }
}
