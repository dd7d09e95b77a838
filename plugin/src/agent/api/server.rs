//! The agent's side of the socket: whoever is slow or hostile there holds up nobody else, and never the
//! agent.
//!
//! ```text
//!   control thread: accept --> a thread for each connection, a few at most
//!                                read a line -> ask -> write a line, each with a deadline
//! ```

use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use super::timed::Timed;
use super::{Reply, Request, follow};
use crate::agent::process::socket;
use crate::notify::Followers;
use crate::{in_words, version};

/// The longest request; virsh-hpc's take a few hundred bytes.
const REQUEST_MAX_BYTES: u64 = 64 * 1024;

/// How many connections are served at a time; more are told so at once.
const CONNECTIONS_MAX: usize = 16;

/// How long a client may take to send its request, and again to take the reply.
const PATIENCE: Duration = Duration::from_secs(5);

/// The rest after a failure to accept: no descriptor may be left, and trying again at once would only
/// burn the processor.
const REST: Duration = Duration::from_secs(1);

/// Listens on `path`: a socket of mode 0600, in a directory made with mode 0755 if it is not there. The
/// socket of an agent that is gone is replaced.
///
/// # Errors
/// `AddrInUse` if another agent listens there; else what the system says.
pub fn listen(path: &Path) -> io::Result<UnixListener> {
    socket::stream(path).map_err(|error| {
        let why = format!("cannot listen on {}: {error}", path.display());
        io::Error::new(error.kind(), why)
    })
}

/// Answers on `listener` for the rest of the process's life, on threads of its own.
///
/// Whoever asks to follow gets what `followers` are told, and takes no place of those who ask.
///
/// `ask` gives the agent's answer, and none where the agent has no time or is about to leave; it is called
/// from several threads at a time and shall return within seconds.
///
/// # Errors
/// When the first thread cannot be started.
pub fn serve(
    listener: UnixListener,
    followers: Followers,
    ask: impl Fn(Request) -> Option<Reply> + Send + Sync + 'static,
) -> io::Result<()> {
    serve_within(PATIENCE, listener, followers, ask)
}

fn serve_within(
    patience: Duration,
    listener: UnixListener,
    followers: Followers,
    ask: impl Fn(Request) -> Option<Reply> + Send + Sync + 'static,
) -> io::Result<()> {
    listener.set_nonblocking(false)?;
    let ask = Arc::new(ask);
    thread::Builder::new()
        .name("control".to_owned())
        .spawn(move || accept(patience, &listener, &followers, &ask))?;
    Ok(())
}

fn accept<A>(patience: Duration, listener: &UnixListener, followers: &Followers, ask: &Arc<A>)
where
    A: Fn(Request) -> Option<Reply> + Send + Sync + 'static,
{
    // Each connection holds a clone, and gives it back whatever happens.
    let places = Arc::new(());
    for connection in listener.incoming() {
        let started = connection.and_then(|stream| {
            if Arc::strong_count(&places) > CONNECTIONS_MAX {
                tell(
                    Timed::new(&stream, patience),
                    &refused("libvirt-hpcd is asked too much at a time: try again"),
                );
                return Ok(());
            }
            let (place, ask) = (Arc::clone(&places), Arc::clone(ask));
            let followers = followers.clone();
            let thread = thread::Builder::new().name("control-client".to_owned());
            thread.spawn(move || {
                let follows = answer(patience, &stream, &*ask);
                drop(place);
                if let Some(domain) = follows {
                    serve_follower(patience, &stream, &followers, domain);
                }
            })?;
            Ok(())
        });
        if let Err(error) = started {
            log::warn!("cannot send the agent's status: {error}");
            thread::sleep(REST);
        }
    }
}

/// One connection from its request to its reply. Which domain it wants to follow, if it does.
fn answer(
    patience: Duration,
    stream: &UnixStream,
    ask: &impl Fn(Request) -> Option<Reply>,
) -> Option<Option<String>> {
    let reply = match read_request(Timed::new(stream, patience)) {
        // Only whether somebody listens was asked.
        Ok(line) if line.is_empty() => return None,
        Ok(line) => match parse(&line) {
            Ok(Request::Follow { domain }) => return Some(domain),
            Ok(request) => ask(request).unwrap_or_else(busy),
            Err(refused) => refused,
        },
        Err(error) if is_late(&error) => refused(&format!(
            "no whole request came within {}",
            in_words::span(patience)
        )),
        Err(_) => return None,
    };
    tell(Timed::new(stream, patience), &reply);
    None
}

fn serve_follower(
    patience: Duration,
    stream: &UnixStream,
    followers: &Followers,
    domain: Option<String>,
) {
    match followers.subscribe(domain) {
        Some(subscription) => follow::serve(patience, stream, &subscription),
        None => tell(
            Timed::new(stream, patience),
            &refused("too many follow what libvirt-hpcd tells: end one, and try again"),
        ),
    }
}

/// The request in its line, or the refusal of what is none.
///
/// # Errors
/// The refusal.
pub fn parse(line: &[u8]) -> Result<Request, Reply> {
    if line.len() as u64 > REQUEST_MAX_BYTES {
        return Err(refused(&format!(
            "the request is longer than {REQUEST_MAX_BYTES} bytes"
        )));
    }
    serde_json::from_slice(line).map_err(|error| {
        refused(&format!(
            "libvirt-hpcd {} does not understand the request: {error}",
            version::OURS
        ))
    })
}

fn busy() -> Reply {
    refused(
        "libvirt-hpcd is busy or about to leave: try again; if that stays so, its log says why \
         (journalctl -u libvirt-hpcd)",
    )
}

fn refused(message: &str) -> Reply {
    Reply::Refused {
        message: message.to_owned(),
    }
}

/// The line, or as much of it as shows that it is too long.
fn read_request(stream: Timed<'_>) -> io::Result<Vec<u8>> {
    let mut line = Vec::new();
    let bounded = stream.take(REQUEST_MAX_BYTES + 1);
    BufReader::new(bounded).read_until(b'\n', &mut line)?;
    Ok(line)
}

fn tell(mut stream: Timed<'_>, reply: &Reply) {
    // Whoever asked and does not listen needs no answer.
    let _ = serde_json::to_string(reply)
        .map_err(io::Error::from)
        .and_then(|text| stream.write_all(format!("{text}\n").as_bytes()));
}

/// `SO_RCVTIMEO` and `SO_SNDTIMEO` expire as `EAGAIN`.
fn is_late(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut
    )
}

#[cfg(test)]
mod tests;
