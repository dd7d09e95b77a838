//! What idle spells leave: the guest may write in them, too, a checkpoint for one, and then less is sent in a spell than the link
//! could.

use crate::estimate::Phases;
use crate::law::look::{WHOLE_PPM, scale};

/// What syncs in the last moments of idle spells found left, bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Spells {
    /// Of the last spell that is over.
    last: Option<u64>,
    /// Of the present one.
    present: Option<u64>,
}

impl Spells {
    /// Takes in what a sync found in the last moment of the present spell.
    pub(super) fn found(&mut self, remaining: u64) {
        self.present = Some(remaining);
    }

    /// Takes in whether the guest idles: with its spell, what that left is over.
    pub(super) fn see(&mut self, phases: Option<&Phases>) {
        if phases.is_some_and(|phases| !phases.idle) {
            self.last = self.present.take().or(self.last);
        }
    }

    /// What the last spell left: the next one is not expected to leave less. Zero while none has been seen.
    pub(super) fn leave(&self) -> u64 {
        self.last.unwrap_or(0)
    }

    /// The same where a share of it is sent.
    pub(super) fn sent(self, sent_ppm: u64) -> Self {
        let of = |bytes| scale(bytes, sent_ppm, WHOLE_PPM);
        Self {
            last: self.last.map(of),
            present: self.present.map(of),
        }
    }
}
