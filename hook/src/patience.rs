//! Input that may not come.

use std::io::{self, Read};
use std::os::fd::BorrowedFd;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// A file that is read until a moment, and no longer. There is no buffer, which
/// could hold what the kernel then says has yet to come.
pub(crate) struct Patient<'a> {
    file: BorrowedFd<'a>,
    end: Instant,
}

impl<'a> Patient<'a> {
    /// Reads `file` for `limit` from now.
    pub(crate) fn new(file: BorrowedFd<'a>, limit: Duration) -> Self {
        let end = now() + limit;
        Self { file, end }
    }
}

impl Read for Patient<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.end.saturating_duration_since(now());
        let left = Timespec::try_from(left).map_err(io::Error::other)?;
        // A pipe that is closed is ready too, for its end to be read.
        let mut files = [PollFd::new(&self.file, PollFlags::IN)];
        match poll(&mut files, Some(&left))? {
            0 => Err(io::Error::new(io::ErrorKind::TimedOut, "it did not come")),
            _ => Ok(rustix::io::read(self.file, buffer)?),
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a pipe is waited for by the clock; nothing is decided by it"
)]
fn now() -> Instant {
    Instant::now()
}

#[cfg(test)]
mod tests {
    use std::io::{ErrorKind, Write, pipe};
    use std::os::fd::AsFd;

    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    #[test]
    fn input_is_read_to_its_end() {
        let (reader, mut writer) = pipe().expect("a pipe");
        writer.write_all(b"all of it").expect("written");
        drop(writer);
        let mut patient = Patient::new(reader.as_fd(), LONG);
        let text = io::read_to_string(&mut patient).expect("read");
        assert_eq!(text, "all of it");
    }

    #[test]
    fn missing_input_is_not_waited_for() {
        let (reader, mut writer) = pipe().expect("a pipe");
        writer.write_all(b"a part").expect("written");
        let mut patient = Patient::new(reader.as_fd(), Duration::from_millis(1));
        let mut text = Vec::new();
        let error = patient.read_to_end(&mut text).expect_err("it is not all");
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        drop(writer);
    }

    #[test]
    fn unreadable_input_is_an_error() {
        let (_reader, writer) = pipe().expect("a pipe");
        let mut patient = Patient::new(writer.as_fd(), Duration::ZERO);
        assert!(patient.read(&mut [0]).is_err());
    }
}
