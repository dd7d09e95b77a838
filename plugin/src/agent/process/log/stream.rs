//! stderr, written to without ever waiting for whoever reads it.

use std::fs::OpenOptions;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::fs::OpenOptionsExt;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{FileType, OFlags, fstat};
use rustix::net::{SendFlags, send};

/// A stream of lines.
pub(super) struct Stream {
    fd: Box<dyn AsFd + Send>,
    is_socket: bool,
    /// It may wait: it could not be opened anew.
    may_wait: bool,
    /// The last line was cut off.
    torn: bool,
}

impl Stream {
    /// Lines to `fd`.
    ///
    /// A socket can be told not to wait call by call. Anything else is opened anew, since the flag not to
    /// wait would hold for all that share `fd`, the user's shell among them. Where the system does not
    /// allow that, `fd` itself must do, and is asked before each line whether it takes one.
    pub(super) fn new(fd: impl AsFd + Send + 'static) -> Self {
        let is_socket = is_socket(fd.as_fd());
        let own = match is_socket {
            true => None,
            false => reopen(fd.as_fd()).ok(),
        };
        let may_wait = !is_socket && own.is_none();
        let fd: Box<dyn AsFd + Send> = match own {
            Some(own) => Box::new(own),
            None => Box::new(fd),
        };
        Self {
            fd,
            is_socket,
            may_wait,
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
        if self.may_wait && !takes_a_line(fd) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let written = match self.is_socket {
            true => send(fd, bytes, SendFlags::DONTWAIT | SendFlags::NOSIGNAL)?,
            false => rustix::io::write(fd, bytes)?,
        };
        Ok(written)
    }
}

/// Whether `fd` has room: a pipe for `PIPE_BUF` bytes, which no line exceeds.
fn takes_a_line(fd: BorrowedFd<'_>) -> bool {
    let mut fds = [PollFd::from_borrowed_fd(fd, PollFlags::OUT)];
    let found = poll(&mut fds, Some(&Timespec::default()));
    found.is_ok_and(|ready| ready > 0)
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

#[cfg(test)]
mod tests {
    use std::io::{Write, pipe};

    use super::*;

    #[test]
    fn a_pipe_that_cannot_be_opened_anew_is_not_waited_for() {
        let (reader, writer) = pipe().expect("a pipe");
        let mut full = writer.try_clone().expect("another end");
        let mut stream = Stream {
            fd: Box::new(writer),
            is_socket: false,
            may_wait: true,
            torn: false,
        };
        stream.write("there is room").expect("written");
        while takes_a_line(full.as_fd()) {
            full.write_all(&[b'x'; 4096]).expect("there is room");
        }
        let refused = stream.write("there is none").expect_err("full");
        assert_eq!(refused.kind(), io::ErrorKind::WouldBlock);
        drop(reader);
    }
}
