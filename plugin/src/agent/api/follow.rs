//! Following what happens: a connection that stays, one line for each [`crate::notify::Notification`].
//!
//! A follower that does not read is dropped: neither its queue nor its socket is ever waited for by anybody else.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::mpsc::RecvTimeoutError;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::client::{self, ClientError, PATIENCE};
use super::timed::Timed;
use super::{Reply, Request};
use crate::harmless;
use crate::migration::deadline::within;
use crate::notify::Subscription;
use crate::version;

/// How often it is asked whether a follower that hears nothing is still there.
const CHECK_EVERY: Duration = Duration::from_secs(1);

/// The longest line: a hundred times what one takes.
const LINE_MAX_BYTES: u64 = 256 * 1024;

/// The agent's side: passes on what `subscription` hears, until the follower hangs up or is dropped.
pub(super) fn serve(patience: Duration, stream: &UnixStream, subscription: &Subscription) {
    let begun = Reply::Following {
        version: version::OURS.to_owned(),
    };
    let begun = serde_json::to_string(&begun).map_err(io::Error::from);
    let mut passed = begun.and_then(|line| write(patience, stream, &format!("{line}\n")));
    while passed.is_ok() {
        match subscription.next(CHECK_EVERY) {
            Ok(line) => passed = write(patience, stream, &line),
            Err(RecvTimeoutError::Timeout) if has_hung_up(stream) => return,
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => passed = Err(io::ErrorKind::TimedOut.into()),
        }
    }
    if let Err(error) = passed
        && error.kind() != io::ErrorKind::BrokenPipe
    {
        log::info!(
            "a client of hpc-status --follow is dropped, because it did not read in time: {error}"
        );
    }
}

fn write(patience: Duration, stream: &UnixStream, line: &str) -> io::Result<()> {
    Timed::new(stream, patience).write_all(line.as_bytes())
}

/// Whether the other side is closed. One that only does not write any more still reads.
fn has_hung_up(stream: &UnixStream) -> bool {
    let mut polled = [PollFd::new(stream, PollFlags::empty())];
    let now = Timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    poll(&mut polled, Some(&now)).is_ok() && polled[0].revents().contains(PollFlags::HUP)
}

/// The client's side: the lines of the agent that listens on `path`, of all domains or of one. They end with the agent, or
/// when this follower is dropped.
///
/// # Errors
/// There is no agent, it may not be asked, or it refuses; as [`client::ask`].
pub fn follow(
    path: &Path,
    domain: Option<String>,
) -> Result<impl Iterator<Item = io::Result<String>>, ClientError> {
    let request = Request::Follow { domain };
    let line = serde_json::to_string(&request)
        .map_err(|error| client::failed(path, io::Error::from(error)))?;
    let socket = path.to_owned();
    let (reply, lines) = within(PATIENCE, move || begin(&socket, &line))
        .ok_or(ClientError::Silent { waited: PATIENCE })?
        .map_err(|error| client::failed(path, error))?;
    match client::read(&reply)? {
        Reply::Following { .. } => Ok(lines),
        Reply::Refused { message } => Err(ClientError::Refused {
            message: harmless::printable(&message),
        }),
        _ => Err(ClientError::Broken {
            reason: "it answered another question".to_owned(),
        }),
    }
}

fn begin(path: &Path, line: &str) -> io::Result<(Vec<u8>, Lines)> {
    let mut stream = UnixStream::connect(path)?;
    stream.write_all(format!("{line}\n").as_bytes())?;
    let mut lines = Lines(BufReader::new(stream));
    let reply = lines.line()?;
    Ok((reply, lines))
}

struct Lines(BufReader<UnixStream>);

impl Lines {
    /// The next line with its end; empty after the last.
    fn line(&mut self) -> io::Result<Vec<u8>> {
        let mut line = Vec::new();
        let mut bounded = self.0.by_ref().take(LINE_MAX_BYTES);
        bounded.read_until(b'\n', &mut line)?;
        Ok(line)
    }
}

impl Iterator for Lines {
    type Item = io::Result<String>;

    fn next(&mut self) -> Option<Self::Item> {
        match self.line() {
            Ok(line) if line.is_empty() => None,
            Ok(line) => {
                let text = String::from_utf8(line);
                Some(text.map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error)))
            }
            Err(error) => Some(Err(error)),
        }
    }
}

#[cfg(test)]
mod tests;
