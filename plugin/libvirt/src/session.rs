//! A domain on a connection that is opened again when it is lost.

use core::time::Duration;
use std::sync::Arc;

use libvirt_hpc_control::time::Timestamp;

use crate::domain::Domain;
use crate::error::Error;
use crate::event::Handler;
use crate::ffi;
use crate::inbox::Inbox;
use crate::subscription::Subscription;

/// The first pause after a failed attempt: a daemon that is being restarted is soon back.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// The longest pause: an attempt may cost a TCP or SSH handshake, but a controller must not stay blind
/// for long after the daemon is back.
const LAST_PAUSE: Duration = Duration::from_secs(2);

/// A failed attempt to reconnect, not to be repeated too often.
#[derive(Clone, Debug)]
struct Failure {
    pause: Duration,
    not_before: Timestamp,
    error: Error,
}

/// Everything that is needed to find the domain again, and the domain while it is found.
pub(crate) struct Session {
    domain: Domain,
    subscription: Option<Subscription>,
    failure: Option<Failure>,
    inbox: Arc<Inbox>,
}

impl Session {
    /// Begins with a `domain` that has been found; its events go to `inbox`.
    ///
    /// # Errors
    /// When the driver has no events.
    pub(crate) fn new(domain: Domain, inbox: Arc<Inbox>) -> Result<Self, Error> {
        let subscription = Some(listen(&domain, &inbox)?);
        Ok(Self {
            domain,
            subscription,
            failure: None,
            inbox,
        })
    }

    /// The domain, found again by its UUID on a new connection if the old one was lost.
    ///
    /// # Errors
    /// Why it cannot be had now. Between attempts, the last attempt's answer.
    pub(crate) fn domain(&mut self) -> Result<&Domain, Error> {
        if !self.domain.connection().is_alive() {
            self.find_again()?;
        }
        Ok(&self.domain)
    }

    fn find_again(&mut self) -> Result<(), Error> {
        if let Some(Failure {
            not_before, error, ..
        }) = &self.failure
            && ffi::now() < *not_before
        {
            return Err(error.clone());
        }
        self.subscription = None;
        let found = find(&self.domain, &self.inbox).map_err(|error| self.failed(error))?;
        (self.domain, self.subscription) = (found.0, Some(found.1));
        self.failure = None;
        Ok(())
    }

    /// Remembers that an attempt failed, and for how long there is to be no other.
    fn failed(&mut self, error: Error) -> Error {
        let pause = next_pause(self.failure.as_ref().map(|failure| failure.pause));
        let not_before = ffi::now().after(pause);
        self.failure = Some(Failure {
            pause,
            not_before,
            error: error.clone(),
        });
        error
    }
}

fn find(lost: &Domain, inbox: &Arc<Inbox>) -> Result<(Domain, Subscription), Error> {
    let connection = lost.connection().reopen()?;
    let domain = Domain::lookup_by_uuid(&connection, lost.uuid())?;
    let subscription = listen(&domain, inbox)?;
    Ok((domain, subscription))
}

/// Has the domain's events, and the loss of its connection, put into `inbox`.
fn listen(domain: &Domain, inbox: &Arc<Inbox>) -> Result<Subscription, Error> {
    let bell = Arc::clone(inbox);
    domain.connection().on_close(move |_| bell.ring());
    let inbox = Arc::clone(inbox);
    let handler: Handler = Arc::new(move |event| inbox.put(event));
    Subscription::new(domain.connection(), Some(domain), &handler)
}

fn next_pause(last: Option<Duration>) -> Duration {
    last.map_or(FIRST_PAUSE, |last| (last * 2).min(LAST_PAUSE))
}

#[cfg(test)]
mod tests {
    use core::iter::successors;

    use super::{FIRST_PAUSE, LAST_PAUSE, next_pause};

    #[test]
    fn pauses_grow_and_are_bounded() {
        let pauses: Vec<_> =
            successors(Some(next_pause(None)), |last| Some(next_pause(Some(*last))))
                .take(7)
                .collect();
        assert_eq!(pauses[0], FIRST_PAUSE);
        assert!(pauses.windows(2).all(|pair| pair[0] <= pair[1]));
        assert_eq!(pauses[6], LAST_PAUSE);
    }
}
