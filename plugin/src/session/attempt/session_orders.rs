//! What the loop is told from outside: the call's end, the user's abort, and how long that is waited for.

use std::cell::Cell;
use std::time::{Duration, Instant};

use libvirt_hpc_control::sample::JobState;

use super::call::Call;
use crate::clock;
use crate::drive::Orders;
use crate::flags::Transport;
use crate::session::terminal::signals::Requests;

/// How long after the user's abort the end is waited for. An abort takes a second, a dead peer is noticed
/// by the keepalive after half a minute.
const ABORT_PATIENCE: Duration = Duration::from_secs(60);

/// Why a migration was aborted. libvirt's own error may be of the connection that the abort has cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Aborted {
    /// The user asked for it.
    Asked,
    /// The destination's daemon could not be reached any more.
    CutOff,
}

impl Aborted {
    /// What is said in front of where the domain is.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Asked => "aborted as asked: ",
            Self::CutOff => "aborted, because the destination cannot be reached any more: ",
        }
    }
}

/// The wait for the end of an aborted migration.
///
/// It begins anew with every poll that finds the guest switching over or in post-copy: libvirt refuses the abort
/// then, and the connection that this command's exit would close may be the one that the guest needs.
#[derive(Debug, Default)]
struct Patience(Cell<Option<Instant>>);

impl Patience {
    /// The abort is asked for; whether it is for the first time.
    fn begin(&self, now: Instant) -> bool {
        let first = self.0.get().is_none();
        if first {
            self.0.set(Some(now));
        }
        first
    }

    fn polled(&self, state: JobState, now: Instant) {
        let is_switching = matches!(state, JobState::Switchover | JobState::Postcopy);
        if is_switching && self.0.get().is_some() {
            self.0.set(Some(now));
        }
    }

    fn is_over(&self, now: Instant) -> bool {
        let since = self.0.get();
        since.is_some_and(|since| now.saturating_duration_since(since) >= ABORT_PATIENCE)
    }
}

/// The orders of a session. A migration that cannot succeed any more is aborted as by the user: to go on
/// would only pause the guest for nothing in the end.
pub(crate) struct SessionOrders<'a> {
    call: &'a Call,
    requests: &'a Requests,
    /// The migration goes on without its client.
    survives: bool,
    patience: Patience,
}

impl<'a> SessionOrders<'a> {
    /// Nothing is ordered yet.
    pub(crate) fn new(call: &'a Call, requests: &'a Requests, transport: Transport) -> Self {
        Self {
            call,
            requests,
            survives: transport == Transport::PeerToPeer,
            patience: Patience::default(),
        }
    }

    /// Why it is to be aborted, if it is.
    pub(crate) fn why(&self) -> Option<Aborted> {
        // Without its client libvirt would abort it as well, but not see to it that all is as before.
        if self.requests.abort() || (!self.survives && self.requests.end().is_some()) {
            return Some(Aborted::Asked);
        }
        self.call.is_cut_off().then_some(Aborted::CutOff)
    }
}

impl SessionOrders<'_> {
    /// The signal at which the command leaves its migration to itself, if one has come. A call that has not been made
    /// yet is not made, and an abort that was asked for before is seen to its end.
    pub(crate) fn leaves(&self) -> Option<i32> {
        let signal = self
            .requests
            .end()
            .filter(|_| self.survives && !self.requests.abort())?;
        self.call.cancel();
        self.call.outcome().is_none().then_some(signal)
    }
}

impl Orders for SessionOrders<'_> {
    fn over(&self) -> bool {
        self.leaves().is_some()
            || self.call.outcome().is_some()
            || (self.abort() && self.patience.is_over(clock::now()))
    }

    fn abort(&self) -> bool {
        if self.why().is_none() {
            return false;
        }
        if self.patience.begin(clock::now()) {
            self.call.cancel();
        }
        true
    }

    fn polled(&self, state: JobState) {
        self.patience.polled(state, clock::now());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patience_ends_only_after_the_last_poll_that_found_a_switchover() {
        let asked = clock::now();
        let after = |seconds| asked + Duration::from_secs(seconds);
        let patience = Patience::default();
        patience.polled(JobState::Switchover, asked);
        assert!(!patience.is_over(after(1000)), "nothing was asked for");
        assert!(patience.begin(asked) && !patience.begin(after(1)));
        patience.polled(JobState::Precopy, after(50));
        assert!(!patience.is_over(after(59)) && patience.is_over(after(60)));
        patience.polled(JobState::Switchover, after(59));
        patience.polled(JobState::Postcopy, after(70));
        patience.polled(JobState::Ended, after(80));
        assert!(!patience.is_over(after(129)) && patience.is_over(after(130)));
    }
}
