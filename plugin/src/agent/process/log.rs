//! The agent's log: the journal's, syslog's, or plain stderr.
//!
//! A line is written at once or not at all, since a log that hangs must not hold up a migration. Lines
//! that were lost are counted, and the next one that gets through says how many.

use std::sync::{Mutex, PoisonError};

use log::{LevelFilter, Log, Metadata, Record, SetLoggerError};

mod sink;
mod stream;

pub use sink::Place;
use sink::Sink;

use crate::harmless::is_unprintable;

/// The longest message, in bytes. With its prefix it stays below `PIPE_BUF`, so a pipe or a socket takes it whole.
const MAX_BYTES: usize = 3072;

struct Logger {
    state: Mutex<State>,
}

struct State {
    sink: Sink,
    lost: u64,
}

/// Sends what is logged to the journal if stderr leads there; else to syslog unless `to_stderr`; else to
/// stderr. Says which. Nothing is logged before [`set_level`].
///
/// # Errors
/// There is a logger already.
pub fn init(to_stderr: bool) -> Result<Place, SetLoggerError> {
    let sink = Sink::choose(to_stderr);
    let place = sink.place();
    let state = Mutex::new(State { sink, lost: 0 });
    log::set_boxed_logger(Box::new(Logger { state }))?;
    Ok(place)
}

/// From now on logs what is of `level` or more serious.
pub fn set_level(level: LevelFilter) {
    log::set_max_level(level);
}

impl Log for Logger {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= log::max_level()
    }

    fn log(&self, record: &Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        // Formatted outside of the lock: what is formatted may log in its turn.
        let message = one_line(&record.args().to_string());
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.write(record.level(), &message);
    }

    fn flush(&self) {}
}

impl State {
    fn write(&mut self, level: log::Level, message: &str) {
        if self.lost > 0 {
            let lost = format!("{} lines of this log were lost", self.lost);
            if self.sink.write(log::Level::Warn, &lost).is_ok() {
                self.lost = 0;
            }
        }
        if self.sink.write(level, message).is_err() {
            self.lost = self.lost.saturating_add(1);
        }
    }
}

/// `text` in one line that ends where it seems to: what could end a line, steer a terminal or turn the
/// direction of writing is escaped, and what is too long is cut.
#[must_use]
pub fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len().min(MAX_BYTES));
    for character in text.chars() {
        let before = line.len();
        match is_unprintable(character) {
            false => line.push(character),
            true => line.extend(character.escape_default()),
        }
        if line.len() > MAX_BYTES {
            line.truncate(before);
            line.push('…');
            break;
        }
    }
    line
}

#[cfg(test)]
mod tests;
