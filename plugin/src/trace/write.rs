//! Writing a trace.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

use super::record::Record;
use crate::backlog::{self, Backlog};

/// The longest trace: some fourteen hours of pre-copy at 5 KB a second. A guest that stays split between two
/// hosts must not fill the disk.
const MAX_BYTES: u64 = 256 * 1024 * 1024;

/// Writes records, each as one line in one write, so that nothing is lost with the process.
#[derive(Debug)]
pub struct Writer<W> {
    sink: Option<W>,
    written_bytes: u64,
}

/// A trace of which a thread takes care: a disk that does not answer must not hold up the migration. What still waits
/// for it is lost with the process.
pub type Trace = Writer<Backlog>;

impl Trace {
    /// A trace in a new file at `path`; what was there is replaced.
    ///
    /// # Errors
    /// When the file cannot be created.
    pub fn create(path: &Path) -> io::Result<Self> {
        File::create(path).and_then(Self::into_file)
    }

    /// A trace into `file`.
    ///
    /// # Errors
    /// When no thread can be started.
    pub fn into_file(file: File) -> io::Result<Self> {
        Backlog::start(file, lost).map(Self::new)
    }

    /// Whether records were lost, for there was no room for them.
    #[must_use]
    pub fn has_lost(&self) -> bool {
        self.sink.as_ref().is_some_and(Backlog::has_lost)
    }

    /// Waits for a moment until all of it is written.
    ///
    /// # Errors
    /// When it is not.
    pub fn end(&mut self) -> io::Result<()> {
        let Some(sink) = &mut self.sink else {
            return Ok(());
        };
        match sink.settle(backlog::PATIENCE) {
            Ok(true) => Ok(()),
            Ok(false) => Err(io::ErrorKind::TimedOut.into()),
            Err(error) => Err(error),
        }
    }
}

/// What stands in a trace for records that were lost.
fn lost(records: u64) -> Vec<u8> {
    line(&Record::Lost { records }).unwrap_or_default()
}

impl<W: Write> Writer<W> {
    /// A trace into `sink`.
    pub fn new(sink: W) -> Self {
        Self {
            sink: Some(sink),
            written_bytes: 0,
        }
    }

    /// What was written to; none if the trace was given up.
    pub fn into_inner(self) -> Option<W> {
        self.sink
    }

    /// Writes one record and flushes it.
    ///
    /// # Errors
    /// When it cannot be written, once: the trace ends there, and later records go nowhere, silently. A
    /// full disk must not cost the migration more than its trace.
    pub fn write(&mut self, record: &Record) -> io::Result<()> {
        let Some(sink) = &mut self.sink else {
            return Ok(());
        };
        let result = line(record).and_then(|line| {
            self.written_bytes += line.len() as u64;
            if self.written_bytes > MAX_BYTES {
                return Err(io::Error::other("the trace is as long as one may be"));
            }
            sink.write_all(&line)?;
            sink.flush()
        });
        if result.is_err() {
            self.sink = None;
        }
        result
    }
}

fn line(record: &Record) -> io::Result<Vec<u8>> {
    let mut line = serde_json::to_vec(record)?;
    line.push(b'\n');
    Ok(line)
}
