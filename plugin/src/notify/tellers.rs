//! The thread that runs the programs, and its queue.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::{directory, program};
use crate::backlog::Backlog;

/// Where they are.
const DIRECTORY: &str = "/etc/libvirt-hpc/notify.d";

/// The only owner whose programs are run.
const ROOT: u32 = 0;

/// How long the end waits for a program that was killed.
const KILLED_PATIENCE: Duration = Duration::from_secs(1);

/// Which programs are run, and for how long.
#[derive(Clone, Debug)]
pub struct Programs {
    pub(super) directory: PathBuf,
    pub(super) owner: u32,
    pub(super) patience: Duration,
}

impl Default for Programs {
    fn default() -> Self {
        Self {
            directory: Path::new(DIRECTORY).to_owned(),
            owner: ROOT,
            patience: program::PATIENCE,
        }
    }
}

/// Hands lines to programs.
#[derive(Debug)]
pub struct Tellers {
    backlog: Backlog,
    is_over: Arc<AtomicBool>,
}

/// Where the lines go.
struct Medium<S, T> {
    programs: Programs,
    say: S,
    first: T,
    is_over: Arc<AtomicBool>,
    /// What has been said of the directory: once is enough.
    said: Vec<String>,
}

impl Tellers {
    /// Starts their thread. It gives each line to `first` before the programs, which may hang, and says what went wrong
    /// by `say`.
    ///
    /// # Errors
    /// When no thread can be started.
    pub fn start(
        programs: Programs,
        say: impl Fn(String) + Send + 'static,
        first: impl FnMut(&[u8]) + Send + 'static,
    ) -> io::Result<Self> {
        let is_over = Arc::new(AtomicBool::new(false));
        let medium = Medium {
            programs,
            say,
            first,
            is_over: Arc::clone(&is_over),
            said: Vec::new(),
        };
        // What is lost is nothing that a program could make sense of.
        let backlog = Backlog::start(medium, |_| Vec::new())?.unwaited();
        Ok(Self { backlog, is_over })
    }

    /// Hands a line over; one for which there is no room is lost.
    pub(super) fn hand_over(&mut self, line: &str) {
        // Its thread cannot fail, for it reports what programs do.
        let _ = self.backlog.write_all(line.as_bytes());
    }

    /// Waits until all programs have run, no longer than `at_most`; kills what runs then.
    pub(super) fn end(&mut self, at_most: Duration) {
        if !self.is_done(at_most) {
            self.is_over.store(true, Ordering::Release);
            self.is_done(KILLED_PATIENCE);
        }
    }

    fn is_done(&mut self, at_most: Duration) -> bool {
        self.backlog.settle(at_most).unwrap_or(true)
    }
}

impl<S: Fn(String), T: FnMut(&[u8])> Write for Medium<S, T> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let is_over = || self.is_over.load(Ordering::Acquire);
        if is_over() {
            return Ok(line.len());
        }
        (self.first)(line);
        let found = directory::find(&self.programs.directory, self.programs.owner);
        for problem in found.problems {
            if !self.said.contains(&problem) {
                (self.say)(format!("not run to notify others: {problem}"));
                self.said.push(problem);
            }
        }
        for path in found.programs {
            if is_over() {
                break;
            }
            if let Err(error) = program::run(&path, line, self.programs.patience, is_over) {
                (self.say)(format!("{} {error}", path.display()));
            }
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
