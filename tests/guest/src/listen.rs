//! The host's side of the heartbeat: timestamps heartbeats and keeps them in a log.
//!
//! A line of the log is the host's monotonic clock in nanoseconds (`CLOCK_MONOTONIC`, common to
//! all hosts of the rig), a space, and the heartbeat as the guest sent it.

use crate::beat::Beat;
use crate::priority;
use anyhow::{Context, Result};
use rustix::time::{ClockId, clock_gettime};
use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

/// The beginning of a request to the listener; the guest's name follows.
const VERIFY: &str = "verify ";

/// A heartbeat and when the host heard it.
#[derive(Clone, Debug)]
pub struct Heard {
    /// Nanoseconds of the host's monotonic clock.
    pub at_ns: u64,
    /// The heartbeat.
    pub beat: Beat,
}

/// Nanoseconds of `CLOCK_MONOTONIC`.
#[must_use]
pub fn now_ns() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    let seconds = u64::try_from(now.tv_sec).unwrap_or(0);
    seconds * 1_000_000_000 + u64::try_from(now.tv_nsec).unwrap_or(0)
}

/// The guests' connections, by guest, for requests to them.
type Guests = Arc<Mutex<HashMap<String, UnixStream>>>;

/// Listens on the stream socket `path` and appends the heartbeats that arrive to `log`, for ever.
/// Each guest's QEMU is one connection (a datagram socket will not do: QEMU's virtio-serial never
/// considers a UDP backend connected). A line `verify GUEST` is passed on to that guest.
///
/// # Errors
/// If the socket or the log cannot be used.
pub fn listen(path: &Path, log: &Path) -> Result<()> {
    let socket = UnixListener::bind(path).with_context(|| format!("binding {}", path.display()))?;
    let log = File::options().create(true).append(true).open(log);
    let log = Arc::new(log.context("opening the log")?);
    let guests = Guests::default();
    for stream in socket.incoming() {
        let stream = stream.context("accepting a connection")?;
        let (log, guests) = (Arc::clone(&log), Arc::clone(&guests));
        thread::spawn(move || {
            priority::set(priority::PROMPT);
            // A connection that ends badly is a guest that ended badly; the others continue.
            serve(stream, &log, &guests).ok();
        });
    }
    Ok(())
}

fn serve(stream: UnixStream, mut log: &File, guests: &Guests) -> Result<()> {
    // The first line may be the end of one that was begun on another host, and name nobody.
    let mut known = String::new();
    for line in BufReader::new(stream.try_clone()?).lines() {
        let at_ns = now_ns();
        let line = line?;
        if let Ok(beat) = line.parse::<Beat>() {
            if known != beat.guest {
                lock(guests).insert(beat.guest.clone(), stream.try_clone()?);
                known.clone_from(&beat.guest);
            }
            log.write_all(format!("{at_ns} {beat}\n").as_bytes())?;
        } else if let Some(mut guest) = line
            .strip_prefix(VERIFY)
            .and_then(|g| lock(guests).remove(g))
        {
            guest.write_all(b"verify\n")?;
            lock(guests).insert(line[VERIFY.len()..].to_owned(), guest);
        }
    }
    Ok(())
}

fn lock(guests: &Guests) -> MutexGuard<'_, HashMap<String, UnixStream>> {
    guests.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Asks `guest`, through the listener at `path`, to verify all its memory.
///
/// # Errors
/// If the request cannot be sent.
pub fn ask_to_verify(path: &Path, guest: &str) -> Result<()> {
    let mut socket =
        UnixStream::connect(path).with_context(|| format!("connecting to {}", path.display()))?;
    socket
        .write_all(format!("{VERIFY}{guest}\n").as_bytes())
        .context("asking the listener")
}

/// The heartbeats of `guest` in `log` since `since_ns`, in order. A log that does not exist yet is empty; an incomplete
/// line is left out.
///
/// # Errors
/// If the log exists and cannot be read.
pub fn heard(log: &Path, guest: &str, since_ns: u64) -> Result<Vec<Heard>> {
    if !log.exists() {
        return Ok(Vec::new());
    }
    let text = fs::read_to_string(log).with_context(|| format!("reading {}", log.display()))?;
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    Ok(whole
        .lines()
        .filter_map(parse)
        .filter(|h| h.at_ns >= since_ns && h.beat.guest == guest)
        .collect())
}

fn parse(line: &str) -> Option<Heard> {
    let (at_ns, beat) = line.split_once(' ')?;
    Some(Heard {
        at_ns: at_ns.parse().ok()?,
        beat: beat.parse().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn beat(guest: &str) -> String {
        format!("{guest} 17 1000 20 0 0 3 1\n")
    }

    #[test]
    fn a_line_that_was_torn_by_a_move_does_not_name_the_guest() {
        let log = File::options()
            .write(true)
            .open("/dev/null")
            .expect("a log");
        let guests = Guests::default();
        let (mut guest, host) = UnixStream::pair().expect("a connection");
        let torn = beat("solver");
        let lines = format!("{}{}", &torn[4..], beat("solver"));
        guest.write_all(lines.as_bytes()).expect("sent");
        guest.shutdown(std::net::Shutdown::Write).expect("ended");
        serve(host, &log, &guests).expect("served");
        assert!(lock(&guests).contains_key("solver"));
    }
}
