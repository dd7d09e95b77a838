//! Where lines go, and in what form.

use std::env;
use std::fmt;
use std::io;

use libvirt_hpc_hook::journal;
use log::Level;
use syslog::{Formatter3164, LoggerBackend};

use super::stream::Stream;

/// As the system's log names us.
pub(super) const PROCESS: &str = "libvirt-hpcd";

/// A logger of the system's.
pub(super) type Syslog = syslog::Logger<LoggerBackend, Formatter3164>;

/// Takes a logger of the system's.
pub(super) type Connect = Box<dyn Fn() -> syslog::Result<Syslog> + Send>;

/// Which log it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// The journal, through stderr.
    Journal,
    /// syslog's or journald's socket.
    Syslog,
    /// stderr.
    Stderr,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Journal => "the journal",
            Self::Syslog => "syslog",
            Self::Stderr => "stderr",
        })
    }
}

/// A log.
pub(super) struct Sink {
    place: Place,
    stderr: Stream,
    syslog: Option<Syslog>,
    connect: Connect,
}

impl Sink {
    /// The log that the environment and `to_stderr` make ours.
    pub(super) fn choose(to_stderr: bool) -> Self {
        let stream = env::var("JOURNAL_STREAM").unwrap_or_default();
        let stderr = Stream::new(io::stderr());
        let connect = Box::new(|| journal::logger(PROCESS));
        Self::from(&stream, to_stderr, stderr, connect)
    }

    pub(super) fn from(
        journal_stream: &str,
        to_stderr: bool,
        stderr: Stream,
        connect: Connect,
    ) -> Self {
        let is_journal = stderr.is_journal(journal_stream);
        let syslog = match is_journal || to_stderr {
            true => None,
            false => connect().ok(),
        };
        let place = match (is_journal, &syslog) {
            (true, _) => Place::Journal,
            (false, Some(_)) => Place::Syslog,
            (false, None) => Place::Stderr,
        };
        Self {
            place,
            stderr,
            syslog,
            connect,
        }
    }

    pub(super) const fn place(&self) -> Place {
        self.place
    }

    /// Writes one line, at once.
    ///
    /// # Errors
    /// It is lost.
    pub(super) fn write(&mut self, level: Level, message: &str) -> io::Result<()> {
        match self.place {
            // sd-daemon(3)
            Place::Journal => self
                .stderr
                .write(&format!("<{}>{message}", severity(level))),
            Place::Syslog => self.write_to_syslog(level, message),
            Place::Stderr => self.write_to_stderr(level, message),
        }
    }

    /// A log that was restarted takes a new connection; while there is none, stderr must do.
    fn write_to_syslog(&mut self, level: Level, message: &str) -> io::Result<()> {
        if send(self.syslog.as_mut(), level, message) {
            return Ok(());
        }
        self.syslog = (self.connect)().ok();
        if self.syslog.is_none() {
            return self.write_to_stderr(level, message);
        }
        match send(self.syslog.as_mut(), level, message) {
            true => Ok(()),
            false => Err(io::ErrorKind::WouldBlock.into()),
        }
    }

    fn write_to_stderr(&mut self, level: Level, message: &str) -> io::Result<()> {
        let kind = match level {
            Level::Error => "error: ",
            Level::Warn => "warning: ",
            Level::Info => "",
            Level::Debug | Level::Trace => "debug: ",
        };
        self.stderr.write(&format!("{PROCESS}: {kind}{message}"))
    }
}

/// syslog(3)'s number.
const fn severity(level: Level) -> u8 {
    match level {
        Level::Error => 3,
        Level::Warn => 4,
        Level::Info => 6,
        Level::Debug | Level::Trace => 7,
    }
}

/// Whether `message` has gone out.
fn send(syslog: Option<&mut Syslog>, level: Level, message: &str) -> bool {
    let Some(syslog) = syslog else {
        return false;
    };
    let sent = match level {
        Level::Error => syslog.err(message),
        Level::Warn => syslog.warning(message),
        Level::Info => syslog.info(message),
        Level::Debug | Level::Trace => syslog.debug(message),
    };
    sent.is_ok()
}
