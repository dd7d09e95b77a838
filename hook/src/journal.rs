//! The system's log, syslog's or journald's, without waiting for it.

use std::io;
use std::os::unix::net::UnixDatagram;
use std::path::Path;

use syslog::{Facility, Formatter3164, Logger, LoggerBackend};

/// Where syslog and journald listen.
pub const SOCKET: &str = "/dev/log";

/// Logs a warning of the hook, or does not: a hook has no other place to complain.
pub fn warn(message: &str) {
    let logger = logger(env!("CARGO_PKG_NAME"));
    let _ = logger.and_then(|mut logger| logger.warning(message));
}

/// A logger of the facility `daemon` for `process`, in which every line is one datagram that is sent at
/// once or not at all; `syslog::unix` would wait for a log that is full, and so would libvirt.
///
/// # Errors
/// If nobody listens. That is also so, from its next line on, when the log is restarted: take a new logger then.
pub fn logger(process: &str) -> syslog::Result<Logger<LoggerBackend, Formatter3164>> {
    logger_at(Path::new(SOCKET), process)
}

fn logger_at(path: &Path, process: &str) -> syslog::Result<Logger<LoggerBackend, Formatter3164>> {
    let formatter = Formatter3164 {
        facility: Facility::LOG_DAEMON,
        hostname: None,
        process: process.to_owned(),
        pid: std::process::id(),
    };
    let backend = LoggerBackend::Unix(connect(path)?);
    Ok(Logger::new(backend, formatter))
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
    fn a_line_is_one_datagram_of_the_daemon_facility() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let path = folder.path().join("log");
        let log = UnixDatagram::bind(&path).expect("socket");
        let mut logger = logger_at(&path, "libvirt-hpcd").expect("logger");
        let mut buffer = [0; 1024];
        let mut line = || {
            let length = log.recv(&mut buffer).expect("datagram");
            String::from_utf8_lossy(&buffer[..length]).into_owned()
        };
        logger.warning("domain rank0: bad").expect("sent");
        logger.info("domain rank1: good").expect("sent");
        let (warning, info) = (line(), line());
        // LOG_DAEMON | LOG_WARNING: 3 * 8 + 4; LOG_INFO: + 6.
        assert!(warning.starts_with("<28>"), "{warning}");
        assert!(info.starts_with("<30>"), "{info}");
        let pid = std::process::id();
        let end = format!(" libvirt-hpcd[{pid}]: domain rank0: bad");
        assert!(warning.ends_with(&end), "{warning}");
    }

    #[test]
    fn a_log_that_is_full_or_missing_is_not_waited_for() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let path = folder.path().join("log");
        assert!(logger_at(&path, "nobody listens").is_err());
        let _log = UnixDatagram::bind(&path).expect("socket");
        let mut logger = logger_at(&path, "libvirt-hpcd").expect("logger");
        let sent = (0..10_000).take_while(|_| logger.warning("line").is_ok());
        assert!(sent.count() < 10_000, "the socket never filled");
    }
}
