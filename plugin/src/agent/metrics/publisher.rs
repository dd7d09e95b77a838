//! The thread that writes the file.
//!
//! It is handed snapshots, of which only the newest counts, and has its own pace: a disk that hangs costs the metrics,
//! not the agent.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use prometheus::{Registry, TextEncoder};
use threads::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use threads::thread;

use super::counters::Counters;
use super::file;
use super::gauges::Gauges;
use super::snapshot::Snapshot;
use crate::clock;

/// How often the file is written although nothing has changed, so that its age tells whether the agent lives.
const AT_LEAST_EVERY: Duration = Duration::from_secs(30);

/// Metrics, counted and published.
#[derive(Clone)]
pub(crate) struct Publisher {
    counters: Counters,
    slot: Arc<Slot>,
}

#[derive(Default)]
struct Slot {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    next: Option<Snapshot>,
    handed: u64,
    done: u64,
}

impl Slot {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Leaves the newest snapshot, instead of one that is still there.
    fn put(&self, snapshot: Snapshot) {
        let mut state = self.state();
        state.next = Some(snapshot);
        state.handed += 1;
        self.changed.notify_all();
    }

    /// The newest snapshot, and which it is.
    fn take(&self) -> (Snapshot, u64) {
        let mut state = self.state();
        loop {
            if let Some(next) = state.next.take() {
                return (next, state.handed);
            }
            state = self
                .changed
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn done(&self, which: u64) {
        self.state().done = which;
        self.changed.notify_all();
    }

    /// Waits until what was left is done, no longer than `at_most`. Whether it is.
    fn settle(&self, at_most: Duration) -> bool {
        let behind = |state: &mut State| state.done < state.handed;
        let waited = self
            .changed
            .wait_timeout_while(self.state(), at_most, behind)
            .unwrap_or_else(PoisonError::into_inner);
        !waited.1.timed_out()
    }
}

impl Publisher {
    /// Starts the thread.
    ///
    /// # Errors
    /// When there cannot be one.
    pub(crate) fn start() -> Result<Self> {
        let registry = Registry::new();
        let counters = Counters::new(&registry).context("cannot count for the metrics")?;
        let gauges = Gauges::new(&registry).context("cannot count for the metrics")?;
        let mut writer = Writer {
            registry,
            gauges,
            written: None,
            has_failed: false,
        };
        Self::by(counters, move |snapshot| {
            writer.publish(snapshot, clock::now());
        })
    }

    /// Starts a thread that has each snapshot written by `write`, however long that takes.
    fn by(counters: Counters, mut write: impl FnMut(&Snapshot) + Send + 'static) -> Result<Self> {
        let slot = Arc::new(Slot::default());
        let from = Arc::clone(&slot);
        let run = move || {
            loop {
                let (snapshot, which) = from.take();
                write(&snapshot);
                from.done(which);
            }
        };
        thread::Builder::new()
            .name("metrics".to_owned())
            .spawn(run)
            .context("cannot start the thread of the metrics")?;
        Ok(Self { counters, slot })
    }

    /// What migrations are counted by.
    pub(crate) const fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Hands over how things are. Never waits; one that was handed over before and not yet written is forgotten.
    pub(crate) fn publish(&self, snapshot: Snapshot) {
        self.slot.put(snapshot);
    }

    /// Waits until what was handed over is written, no longer than `at_most`. Whether it is.
    pub(crate) fn settle(&self, at_most: Duration) -> bool {
        self.slot.settle(at_most)
    }
}

/// What was written last.
struct Written {
    text: String,
    path: PathBuf,
    at: Instant,
}

/// The thread's own.
pub(super) struct Writer {
    registry: Registry,
    gauges: Gauges,
    written: Option<Written>,
    has_failed: bool,
}

impl Writer {
    fn publish(&mut self, snapshot: &Snapshot, now: Instant) {
        let result = self.write(snapshot, now);
        let failed = result.is_err();
        // Once, until it goes well again: the disk will be full for longer than a moment.
        if let Err(error) = result
            && !self.has_failed
        {
            log::warn!("no metrics are written: {error:#}");
        }
        self.has_failed = failed;
    }

    fn write(&mut self, snapshot: &Snapshot, now: Instant) -> Result<()> {
        let old = self.written.as_ref().map(|written| &written.path);
        let new = snapshot
            .directory
            .as_ref()
            .map(|directory| directory.join(file::NAME));
        if let Some(old) = old.filter(|old| Some(*old) != new.as_ref()) {
            let what = || format!("cannot remove {}", old.display());
            file::remove(old).with_context(what)?;
            self.written = None;
        }
        let Some(directory) = &snapshot.directory else {
            return Ok(());
        };
        let text = self.text(snapshot)?;
        let is_fresh = self.written.as_ref().is_some_and(|written| {
            written.text == text && now.saturating_duration_since(written.at) < AT_LEAST_EVERY
        });
        if is_fresh {
            return Ok(());
        }
        let written: io::Result<_> = file::write(directory, &text);
        let path =
            written.with_context(|| format!("{} does not take them", directory.display()))?;
        self.written = Some(Written {
            text,
            path,
            at: now,
        });
        Ok(())
    }

    fn text(&self, snapshot: &Snapshot) -> Result<String> {
        self.gauges.set(snapshot);
        TextEncoder::new()
            .encode_to_string(&self.registry.gather())
            .context("cannot write them as text")
    }
}

#[cfg(all(test, shuttle))]
mod interleavings;

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn a_disk_that_hangs_keeps_nobody_waiting_and_then_gets_the_newest() {
        let (disk, hangs) = mpsc::channel::<()>();
        let (written, took) = mpsc::channel();
        let counters = Counters::new(&Registry::new()).expect("counters");
        let publisher = Publisher::by(counters, move |snapshot| {
            // Until the test lets it go on.
            let _ = hangs.recv();
            let _ = written.send(snapshot.directory.clone());
        });
        let publisher = publisher.expect("a thread");
        let snapshot = |number: u32| Snapshot {
            directory: Some(number.to_string().into()),
            ..Snapshot::default()
        };
        for number in 0..1000 {
            publisher.publish(snapshot(number));
        }
        assert!(!publisher.settle(Duration::ZERO), "nothing is written yet");
        drop(disk);
        assert!(publisher.settle(Duration::from_secs(20)));
        let all: Vec<_> = took.try_iter().flatten().collect();
        assert_eq!(all.last(), snapshot(999).directory.as_ref());
        assert!(all.len() <= 2, "those between are forgotten: {all:?}");
    }

    #[test]
    fn what_has_not_changed_is_written_only_to_show_that_the_agent_lives() {
        let folder = tempfile::tempdir().expect("a folder");
        let registry = Registry::new();
        let counters = Counters::new(&registry).expect("counters");
        let gauges = Gauges::new(&registry).expect("gauges");
        let mut writer = Writer {
            registry,
            gauges,
            written: None,
            has_failed: false,
        };
        let file = folder.path().join(file::NAME);
        let snapshot = Snapshot {
            directory: Some(folder.path().to_owned()),
            ..Snapshot::default()
        };
        let began = clock::now();
        let mut is_written = |after: Duration| {
            let _ = std::fs::remove_file(&file);
            writer.publish(&snapshot, began + after);
            file.exists()
        };
        assert!(is_written(Duration::ZERO));
        assert!(!is_written(AT_LEAST_EVERY / 2));
        drop(counters.begun(crate::laws::LawName::Adaptive, false));
        assert!(is_written(AT_LEAST_EVERY / 2), "something is counted");
        assert!(!is_written(AT_LEAST_EVERY));
        assert!(is_written(AT_LEAST_EVERY * 2));
    }
}
