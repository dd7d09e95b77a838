//! What is written by a thread of its own, so that whoever hands it over never waits for the medium: a pipe that
//! nobody reads, a terminal that is stopped, a file system that does not answer.
//!
//! ```text
//!   write -> room for it? -- yes --> queue --> the thread --> the medium
//!                | no: lost, and counted; said in its place as soon as there is room again
//! ```

use std::io::{self, Write};
use std::sync::Arc;
use std::time::Duration;

use threads::sync::mpsc::{self, Receiver, SyncSender, TrySendError};
use threads::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use threads::thread;

use crate::clock;

/// How many pieces may wait for the medium: some minute of a trace.
const ROOM: usize = 1024;

/// How long the end waits for a medium that does not answer.
pub const PATIENCE: Duration = Duration::from_secs(1);

/// How far the thread is.
#[derive(Default)]
struct Progress {
    written: u64,
    error: Option<io::Error>,
}

#[derive(Default)]
struct Shared(Mutex<Progress>, Condvar);

impl Shared {
    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A medium and its thread. Each call of `write` is one piece, which is written whole or not at all; an error of the
/// medium comes with the next one.
#[derive(Debug)]
pub struct Backlog {
    pieces: SyncSender<Vec<u8>>,
    shared: Arc<Shared>,
    handed: u64,
    /// Lost since it was last said.
    lost: u64,
    has_lost: bool,
    say_lost: fn(u64) -> Vec<u8>,
    /// How long its end waits.
    at_end: Duration,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").finish_non_exhaustive()
    }
}

impl Backlog {
    /// Starts the thread of `medium`; `say_lost` is what is written instead of so many pieces.
    ///
    /// # Errors
    /// When no thread can be started.
    pub fn start(
        medium: impl Write + Send + 'static,
        say_lost: fn(u64) -> Vec<u8>,
    ) -> io::Result<Self> {
        Self::with_room(ROOM, medium, say_lost)
    }

    fn with_room(
        room: usize,
        medium: impl Write + Send + 'static,
        say_lost: fn(u64) -> Vec<u8>,
    ) -> io::Result<Self> {
        let (pieces, queue) = mpsc::sync_channel(room);
        let shared = Arc::new(Shared::default());
        let progress = Arc::clone(&shared);
        thread::Builder::new()
            .name("writer".to_owned())
            .spawn(move || write_all(medium, &queue, &progress))?;
        Ok(Self {
            pieces,
            shared,
            handed: 0,
            lost: 0,
            has_lost: false,
            say_lost,
            at_end: PATIENCE,
        })
    }

    /// The same, whose end waits for nothing: the thread goes on until all that was handed over is written.
    #[must_use]
    pub fn unwaited(mut self) -> Self {
        self.at_end = Duration::ZERO;
        self
    }

    /// Whether anything was ever lost.
    #[must_use]
    pub const fn has_lost(&self) -> bool {
        self.has_lost
    }

    /// Waits until all is written, no longer than `at_most`. Whether it is.
    ///
    /// # Errors
    /// The medium's.
    pub fn settle(&mut self, at_most: Duration) -> io::Result<bool> {
        let since = clock::now();
        loop {
            let is_said = self.say_what_was_lost()?;
            if !self.wait(at_most.saturating_sub(since.elapsed())) {
                return Ok(false);
            }
            self.check()?;
            if is_said {
                return Ok(true);
            }
        }
    }

    fn wait(&self, at_most: Duration) -> bool {
        let behind = |progress: &mut Progress| progress.written < self.handed;
        let progress = self.shared.progress();
        let waited = self
            .shared
            .1
            .wait_timeout_while(progress, at_most, behind)
            .unwrap_or_else(PoisonError::into_inner);
        !waited.1.timed_out()
    }

    /// The medium's error, once.
    fn check(&self) -> io::Result<()> {
        self.shared.progress().error.take().map_or(Ok(()), Err)
    }

    /// Hands a piece over; false if there is no room.
    fn hand_over(&mut self, piece: Vec<u8>) -> io::Result<bool> {
        match self.pieces.try_send(piece) {
            Ok(()) => {
                self.handed += 1;
                Ok(true)
            }
            Err(TrySendError::Full(_)) => Ok(false),
            Err(TrySendError::Disconnected(_)) => Err(io::ErrorKind::BrokenPipe.into()),
        }
    }

    /// Whether there is nothing more to say of it.
    fn say_what_was_lost(&mut self) -> io::Result<bool> {
        if self.lost > 0 && self.hand_over((self.say_lost)(self.lost))? {
            self.lost = 0;
        }
        Ok(self.lost == 0)
    }
}

impl Write for Backlog {
    fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
        self.check()?;
        if !self.say_what_was_lost()? || !self.hand_over(piece.to_vec())? {
            self.lost += 1;
            self.has_lost = true;
        }
        Ok(piece.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Backlog {
    fn drop(&mut self) {
        // What it has to say nobody hears any more.
        let _ = self.settle(self.at_end);
    }
}

fn write_all(mut medium: impl Write, queue: &Receiver<Vec<u8>>, shared: &Shared) {
    for piece in queue {
        let result = medium.write_all(&piece).and_then(|()| medium.flush());
        let mut progress = shared.progress();
        progress.written += 1;
        progress.error = result.err().or(progress.error.take());
        shared.1.notify_all();
    }
}

#[cfg(all(test, shuttle))]
mod interleavings;

#[cfg(test)]
mod tests;
