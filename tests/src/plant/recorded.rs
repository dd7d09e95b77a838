//! A recorded migration as a guest: what it wrote within a round, over its rounds, and when it was busy.
//!
//! ```text
//! trace --> rounds (x, R)   --fit--> W(x) of the busy guest, of the quiet one --+--> Guest: any law, in
//!       \-> processor time  -------> spells, and their cycle if one is seen ----+    closed loop
//! ```
//! A sync shows how many distinct bytes were written in the round before it: a point of the working-set
//! curve W(x) (docs/control-law.md, section 1). The curve between and beyond the points is that of a set of S bytes
//! written at a rate, at random or from end to end, whichever comes nearest to all of them.

mod curve;
mod rounds;
mod spells;

use std::time::Duration;

use libvirt_hpc_plugin::trace::Record;

use super::guest::{Access, Guest, Writer};
use curve::{Curves, fit};
pub use rounds::{RoundSeen, Seen, see};
use spells::{Spell, spells};

/// Size of the chunks: a few tens of pages, small enough for rounds of 10 ms, bytes.
const CHUNK_BYTES: u64 = 32 << 10;

/// A guest learnt from a trace.
#[derive(Clone, Debug)]
pub struct RecordedGuest {
    total_bytes: u64,
    data_bytes: u64,
    curves: Curves,
    spells: Vec<Spell>,
}

impl RecordedGuest {
    /// The guest whose migration these records are of; none if they hold no whole round.
    #[must_use]
    pub fn from_trace(records: &[Record]) -> Option<Self> {
        let seen = see(records)?;
        let spells = spells(&seen.marks);
        let curves = fit(&seen.rounds, &spells, seen.data_bytes);
        let Seen {
            total_bytes,
            data_bytes,
            ..
        } = seen;
        Some(Self {
            total_bytes,
            data_bytes,
            curves,
            spells,
        })
    }

    /// How many rounds a trace shows of its guest.
    #[must_use]
    pub fn rounds_of(records: &[Record]) -> usize {
        see(records).map_or(0, |seen| seen.rounds.len())
    }

    /// The guest, when a migration begins this much later in its life than the recorded one (earlier if
    /// negative, in seconds).
    #[must_use]
    pub fn guest(&self, later_s: f64) -> Guest {
        let memory = |busy: bool| self.curves.access(busy);
        // Nothing is written by it: it keeps a processor busy, as the recorded guest did.
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

    /// One program that does `access` in the busy spells and in the quiet ones.
    fn writer(&self, access: impl Fn(bool) -> Access, later_s: f64) -> Writer {
        if let Some((cycle, into)) = spells::cycle(&self.spells) {
            let period: Duration = cycle.iter().map(|spell| spell.span).sum();
            let into_s = (into.as_secs_f64() + later_s).rem_euclid(period.as_secs_f64());
            let phases = cycle.map(|spell| (spell.span, access(spell.busy)));
            return Writer::phases(phases).starting_into(Duration::from_secs_f64(into_s));
        }
        // What came last goes on.
        let last = self.spells.last().is_none_or(|spell| spell.busy);
        let seen = self
            .spells
            .iter()
            .map(|spell| (spell.span, access(spell.busy)));
        Writer::phases(seen.chain([(Duration::MAX / 2, access(last))]))
            .starting_into(Duration::from_secs_f64(later_s.max(0.0)))
    }
}
