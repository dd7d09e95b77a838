//! Writing a trace.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

use super::record::Record;

/// Writes records, each as one line in one write, so that nothing is lost with the process.
#[derive(Debug)]
pub struct Writer<W> {
    sink: Option<W>,
}

impl Writer<File> {
    /// A trace in a new file at `path`; what was there is replaced.
    ///
    /// # Errors
    /// When the file cannot be created.
    pub fn create(path: &Path) -> io::Result<Self> {
        File::create(path).map(Self::new)
    }
}

impl<W: Write> Writer<W> {
    /// A trace into `sink`.
    pub fn new(sink: W) -> Self {
        Self { sink: Some(sink) }
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
        let result = write_line(sink, record);
        if result.is_err() {
            self.sink = None;
        }
        result
    }
}

fn write_line(sink: &mut impl Write, record: &Record) -> io::Result<()> {
    let mut line = serde_json::to_vec(record)?;
    line.push(b'\n');
    sink.write_all(&line)?;
    sink.flush()
}
