//! stderr, written to without ever waiting for whoever reads it.

use std::fs::OpenOptions;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::fs::OpenOptionsExt;

use rustix::fs::{FileType, OFlags, fstat};
use rustix::net::{SendFlags, send};

/// A stream of lines.
pub(super) struct Stream {
    fd: Box<dyn AsFd + Send>,
    is_socket: bool,
    /// The last line was cut off.
    torn: bool,
}

impl Stream {
    /// Lines to `fd`.
    ///
    /// A socket can be told not to wait call by call. Anything else is opened anew, since the flag not to
    /// wait would hold for all that share `fd`, the user's shell among them. Where the system does not
    /// allow that, `fd` itself must do.
    pub(super) fn new(fd: impl AsFd + Send + 'static) -> Self {
        let is_socket = is_socket(fd.as_fd());
        let fd: Box<dyn AsFd + Send> = match is_socket {
            true => Box::new(fd),
            false => match reopen(fd.as_fd()) {
                Ok(own) => Box::new(own),
                Err(_) => Box::new(fd),
            },
        };
        Self {
            fd,
            is_socket,
            torn: false,
        }
    }

    /// Whether this is the journal's, whose device and inode `JOURNAL_STREAM` holds (systemd.exec(5)): the
    /// variable is still there when stderr has been redirected.
    pub(super) fn is_journal(&self, journal_stream: &str) -> bool {
        fstat(self.fd.as_fd())
            .is_ok_and(|found| journal_stream == format!("{}:{}", found.st_dev, found.st_ino))
    }

    /// Writes `line`, which must not hold a line's end, and ends it.
    ///
    /// # Errors
    /// It cannot be written now, or not whole.
    pub(super) fn write(&mut self, line: &str) -> io::Result<()> {
        let end_of_last = if self.torn { "\n" } else { "" };
        let text = format!("{end_of_last}{line}\n");
        let written = self.write_some(text.as_bytes())?;
        self.torn = written < text.len();
        match self.torn {
            true => Err(io::ErrorKind::WriteZero.into()),
            false => Ok(()),
        }
    }

    fn write_some(&self, bytes: &[u8]) -> io::Result<usize> {
        let fd = self.fd.as_fd();
        let written = match self.is_socket {
            true => send(fd, bytes, SendFlags::DONTWAIT | SendFlags::NOSIGNAL)?,
            false => rustix::io::write(fd, bytes)?,
        };
        Ok(written)
    }
}

fn is_socket(fd: BorrowedFd<'_>) -> bool {
    fstat(fd).is_ok_and(|found| FileType::from_raw_mode(found.st_mode).is_socket())
}

fn reopen(fd: BorrowedFd<'_>) -> io::Result<std::fs::File> {
    let flags = OFlags::NONBLOCK | OFlags::NOCTTY;
    OpenOptions::new()
        .append(true)
        .custom_flags(flags.bits().cast_signed())
        .open(format!("/proc/self/fd/{}", fd.as_raw_fd()))
}
