//! Reading a trace.

use std::io::{self, BufRead, Read};

use super::FORMAT;
use super::record::Record;
use crate::harmless::printable;

/// The longest line: a hundred times what any record takes, and little enough for a trace from a
/// stranger.
pub const LINE_MAX_BYTES: u64 = 64 * 1024;

/// Why a trace cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The file cannot be read.
    #[error("line {line}: cannot read: {error}")]
    Io {
        /// The line, from 1.
        line: u64,
        /// Why.
        error: io::Error,
    },
    /// A line longer than any record.
    #[error("line {line} is longer than {LINE_MAX_BYTES} bytes: this is not a trace")]
    TooLong {
        /// The line, from 1.
        line: u64,
    },
    /// A line that is not a record.
    #[error("line {line} is not a record of a trace: {reason}")]
    NotARecord {
        /// The line, from 1.
        line: u64,
        /// What is wrong with it. It may quote the line, and can be shown in one.
        reason: String,
    },
    /// No header, or not as the first record.
    #[error("line {line}: a trace begins with one record of type begin")]
    NoBegin {
        /// The line, from 1.
        line: u64,
    },
    /// Records are missing, so that what follows cannot be understood.
    #[error(
        "line {line}: {records} records are missing here, for the trace's medium did not take them"
    )]
    Lost {
        /// The line, from 1.
        line: u64,
        /// How many.
        records: u64,
    },
    /// A format of another time.
    #[error("the trace has format {found}, this program reads format {FORMAT}")]
    Format {
        /// The format found.
        found: u32,
    },
}

/// The records of a trace, with their lines from 1. An iterator: a trace may be long.
///
/// A last line without its end is one that was being written when its writer died; it is left out.
/// After an error the iterator is at its end.
pub fn read<R: BufRead>(reader: R) -> impl Iterator<Item = Result<(u64, Record), ReadError>> {
    Records {
        reader,
        line: 0,
        done: false,
    }
}

struct Records<R> {
    reader: R,
    line: u64,
    done: bool,
}

impl<R: BufRead> Iterator for Records<R> {
    type Item = Result<(u64, Record), ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        let next = self.record().transpose();
        self.done = !matches!(next, Some(Ok(_)));
        next
    }
}

impl<R: BufRead> Records<R> {
    fn record(&mut self) -> Result<Option<(u64, Record)>, ReadError> {
        let Some(bytes) = self.read_line()? else {
            return match self.line {
                0 => Err(ReadError::NoBegin { line: 1 }),
                _ => Ok(None),
            };
        };
        let line = self.line;
        let record = serde_json::from_slice(&bytes).map_err(|error| ReadError::NotARecord {
            line,
            reason: printable(&error.to_string()),
        })?;
        match &record {
            Record::Begin(begin) if begin.format != FORMAT => Err(ReadError::Format {
                found: begin.format,
            }),
            Record::Begin(_) if line != 1 => Err(ReadError::NoBegin { line }),
            Record::Begin(_) => Ok(Some((line, record))),
            &Record::Lost { records } => Err(ReadError::Lost { line, records }),
            _ if line == 1 => Err(ReadError::NoBegin { line }),
            _ => Ok(Some((line, record))),
        }
    }

    /// The next line; none at the end, or where the last line was never finished.
    fn read_line(&mut self) -> Result<Option<Vec<u8>>, ReadError> {
        let line = self.line + 1;
        let mut bytes = Vec::new();
        self.reader
            .by_ref()
            .take(LINE_MAX_BYTES + 1)
            .read_until(b'\n', &mut bytes)
            .map_err(|error| ReadError::Io { line, error })?;
        let finished = bytes.pop_if(|byte| *byte == b'\n').is_some();
        if !finished && bytes.len() as u64 > LINE_MAX_BYTES {
            return Err(ReadError::TooLong { line });
        }
        if !finished {
            return Ok(None);
        }
        self.line = line;
        Ok(Some(bytes))
    }
}
