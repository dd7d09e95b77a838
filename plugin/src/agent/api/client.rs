//! Asking the agent of this host.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{Reply, Request};
use crate::harmless::printable;
use crate::migration::deadline::within;

/// How long the agent may take for its answer.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

/// The longest reply: ten thousand domains take about a tenth of it.
const REPLY_MAX_BYTES: u64 = 64 * 1024 * 1024;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Nobody listens.
    #[error(
        "libvirt-hpcd does not run on this host (nobody listens on {}): systemctl start libvirt-hpcd, or \
         without systemd start libvirt-hpcd yourself", path.display()
    )]
    NotRunning {
        /// The socket.
        path: PathBuf,
    },
    /// The socket is root's.
    #[error("only root may ask libvirt-hpcd (on {}): use sudo", path.display())]
    NotAllowed {
        /// The socket.
        path: PathBuf,
    },
    /// No answer in time.
    #[error(
        "libvirt-hpcd has not answered for {} s, it hangs: systemctl status libvirt-hpcd shows its state; \
         systemctl restart libvirt-hpcd does no harm to migrations under way", waited.as_secs()
    )]
    Silent {
        /// How long was waited.
        waited: Duration,
    },
    /// The answer is none.
    #[error(
        "libvirt-hpcd's answer cannot be understood ({reason}): virsh-hpc and libvirt-hpcd may be of \
         different versions (systemctl restart libvirt-hpcd after an upgrade)"
    )]
    Broken {
        /// What is wrong with it; printable.
        reason: String,
    },
    /// It will not.
    #[error("{message}")]
    Refused {
        /// Why, as it says; printable.
        message: String,
    },
    /// The system failed.
    #[error("cannot ask libvirt-hpcd on {}", path.display())]
    Failed {
        /// The socket.
        path: PathBuf,
        /// What it said.
        source: io::Error,
    },
}

/// The answer of the agent that listens on `path`.
///
/// # Errors
/// There is no agent, it may not be asked, or its answer does not come or is none.
pub fn ask(path: &Path, request: &Request) -> Result<Reply, ClientError> {
    ask_within(path, request, PATIENCE)
}

fn ask_within(path: &Path, request: &Request, patience: Duration) -> Result<Reply, ClientError> {
    let line =
        serde_json::to_string(request).map_err(|error| failed(path, io::Error::from(error)))?;
    let socket = path.to_owned();
    let answered = within(patience, move || exchange(&socket, &line));
    match answered {
        Some(Ok(reply)) => read(&reply),
        Some(Err(error)) => Err(failed(path, error)),
        None => Err(ClientError::Silent { waited: patience }),
    }
}

/// The reply's line.
fn exchange(path: &Path, line: &str) -> io::Result<Vec<u8>> {
    let mut stream = UnixStream::connect(path)?;
    let written = stream.write_all(format!("{line}\n").as_bytes());
    let mut reply = Vec::new();
    let read = BufReader::new(stream.take(REPLY_MAX_BYTES)).read_until(b'\n', &mut reply);
    // An agent that refuses early does not read to the end, but says why.
    if reply.is_empty() {
        written?;
        read?;
    }
    Ok(reply)
}

/// The reply in its line.
///
/// # Errors
/// It is none.
pub fn read(reply: &[u8]) -> Result<Reply, ClientError> {
    let broken = |reason: String| ClientError::Broken { reason };
    if reply.is_empty() {
        return Err(broken("it hung up".to_owned()));
    }
    serde_json::from_slice(reply).map_err(|error| broken(printable(&error.to_string())))
}

pub(super) fn failed(path: &Path, source: io::Error) -> ClientError {
    let path = path.to_owned();
    match source.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => {
            ClientError::NotRunning { path }
        }
        io::ErrorKind::PermissionDenied => ClientError::NotAllowed { path },
        _ => ClientError::Failed { path, source },
    }
}

#[cfg(test)]
mod tests;
