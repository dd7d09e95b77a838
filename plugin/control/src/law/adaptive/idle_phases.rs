//! The remainders of idle phases: the guest may write in them too, a checkpoint for one, and then less is sent than the
//! link could.

use crate::estimate::Phases;
use crate::law::observed::{WHOLE_PPM, scale};

/// The remainders that syncs found at the end of idle phases, bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct IdleRemainders {
    /// Of the last phase that is over.
    last: Option<u64>,
    /// Of the present one.
    present: Option<u64>,
}

impl IdleRemainders {
    /// Takes in the remainder at the end of the present phase.
    pub(super) fn found(&mut self, remaining: u64) {
        self.present = Some(remaining);
    }

    /// Takes in the guest's phase: when an idle one is over, its remainder counts.
    pub(super) fn see(&mut self, phases: Option<&Phases>) {
        if phases.is_some_and(|phases| !phases.idle) {
            self.last = self.present.take().or(self.last);
        }
    }

    /// The remainder to expect of the next phase, no less than that of the last. Zero if none was seen.
    pub(super) fn expected(&self) -> u64 {
        self.last.unwrap_or(0)
    }

    /// The same in bytes on the wire, if a share is sent.
    pub(super) fn sent(self, sent_ppm: u64) -> Self {
        let of = |bytes| scale(bytes, sent_ppm, WHOLE_PPM);
        Self {
            last: self.last.map(of),
            present: self.present.map(of),
        }
    }
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use super::*;

    fn phases(idle: bool) -> Phases {
        Phases {
            idle,
            age: Duration::ZERO,
            busy_span: None,
            busy_whole: false,
            idle_span: None,
            idle_whole: false,
            busy_in_round: Duration::ZERO,
        }
    }

    #[test]
    fn a_remainder_counts_once_its_idle_phase_is_over() {
        let mut remainders = IdleRemainders::default();
        remainders.found(80);
        remainders.see(Some(&phases(true)));
        remainders.see(None);
        assert_eq!(remainders.expected(), 0);
        remainders.see(Some(&phases(false)));
        assert_eq!(remainders.expected(), 80);
        remainders.see(Some(&phases(false)));
        assert_eq!(remainders.expected(), 80, "none was found since");
    }

    #[test]
    fn where_half_is_sent_half_is_expected() {
        let mut remainders = IdleRemainders::default();
        remainders.found(80);
        remainders.see(Some(&phases(false)));
        remainders.found(60);
        let mut sent = remainders.sent(WHOLE_PPM / 2);
        assert_eq!(sent.expected(), 40);
        sent.see(Some(&phases(false)));
        assert_eq!(sent.expected(), 30);
    }
}
