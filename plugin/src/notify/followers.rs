//! Those who follow the migrations of this host, each with a queue of its own: one who does not read is dropped.

use std::fmt;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use super::notification::Notification;

/// How many may follow at a time.
const FOLLOWERS_MAX: usize = 64;

/// How many lines may wait for one of them: some ten migrations at once.
const LINES_MAX: usize = 64;

struct Follower {
    /// Name or UUID of the only domain it wants to hear of.
    domain: Option<String>,
    lines: SyncSender<Arc<str>>,
    /// Gone with its subscription.
    place: Weak<()>,
}

/// All of them.
#[derive(Clone, Default)]
pub struct Followers(Arc<Mutex<Vec<Follower>>>);

/// What one of them hears.
#[derive(Debug)]
pub struct Subscription {
    lines: Receiver<Arc<str>>,
    _place: Arc<()>,
}

impl fmt::Debug for Followers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Followers").finish_non_exhaustive()
    }
}

impl Followers {
    /// Follows all domains, or the one of that name or UUID; none if too many follow already.
    #[must_use]
    pub fn subscribe(&self, domain: Option<String>) -> Option<Subscription> {
        let mut followers = self.lock();
        followers.retain(|follower| follower.place.strong_count() > 0);
        if followers.len() >= FOLLOWERS_MAX {
            return None;
        }
        let (send, lines) = mpsc::sync_channel(LINES_MAX);
        let place = Arc::new(());
        followers.push(Follower {
            domain,
            lines: send,
            place: Arc::downgrade(&place),
        });
        Some(Subscription {
            lines,
            _place: place,
        })
    }

    /// Tells all who want to hear of it. Whoever has no room is dropped.
    pub fn publish(&self, notification: &Notification) {
        let Ok(line) = notification.line() else {
            return;
        };
        let line: Arc<str> = line.into();
        self.lock().retain(|follower| {
            let wants = |domain: &String| notification.is_of(domain);
            let wants = follower.domain.as_ref().is_none_or(wants);
            !wants || follower.lines.try_send(Arc::clone(&line)).is_ok()
        });
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Follower>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Subscription {
    /// The next line, if one comes in time.
    ///
    /// # Errors
    /// None has come; or none will, for this follower was dropped.
    pub fn next(&self, at_most: Duration) -> Result<Arc<str>, RecvTimeoutError> {
        self.lines.recv_timeout(at_most)
    }
}
