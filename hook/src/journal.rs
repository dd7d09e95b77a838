//! The system's log.

use std::io;
use std::os::unix::net::UnixDatagram;
use std::path::Path;

use syslog::{Facility, Formatter3164, Logger, LoggerBackend};

/// Where syslog and journald listen.
const SOCKET: &str = "/dev/log";

/// Logs a warning, or does not: a hook has no other place to complain.
pub(crate) fn warn(message: &str) {
    let _ = send(Path::new(SOCKET), message);
}

/// Sends one datagram, and gives up rather than wait for a log that is full;
/// `syslog::unix` would wait, and libvirt with it.
fn send(path: &Path, message: &str) -> syslog::Result<()> {
    let socket = connect(path)?;
    let formatter = Formatter3164 {
        facility: Facility::LOG_DAEMON,
        hostname: None,
        process: env!("CARGO_PKG_NAME").to_owned(),
        pid: std::process::id(),
    };
    Logger::new(LoggerBackend::Unix(socket), formatter).warning(message)
}

fn connect(path: &Path) -> io::Result<UnixDatagram> {
    let socket = UnixDatagram::unbound()?;
    socket.set_nonblocking(true)?;
    socket.connect(path)?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_warning_is_one_datagram_of_the_daemon_facility() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let path = folder.path().join("log");
        let log = UnixDatagram::bind(&path).expect("socket");
        send(&path, "domain rank0: bad").expect("sent");
        let mut buffer = [0; 1024];
        let length = log.recv(&mut buffer).expect("datagram");
        let line = String::from_utf8_lossy(&buffer[..length]);
        // LOG_DAEMON | LOG_WARNING: 3 * 8 + 4.
        assert!(line.starts_with("<28>"), "{line}");
        let pid = std::process::id();
        let end = format!(" libvirt-hpc-hook[{pid}]: domain rank0: bad");
        assert!(line.ends_with(&end), "{line}");
    }

    #[test]
    fn a_log_that_is_full_or_missing_is_not_waited_for() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let path = folder.path().join("log");
        assert!(send(&path, "nobody listens").is_err());
        let _log = UnixDatagram::bind(&path).expect("socket");
        let sent = (0..10_000).take_while(|_| send(&path, "line").is_ok());
        assert!(sent.count() < 10_000, "the socket never filled");
    }
}
