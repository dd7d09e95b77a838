//! The service manager: what it is told (sd_notify(3)), and the socket it hands over
//! (sd_listen_fds(3)). Without one, nothing is told and the socket is our own.

use std::io::{self, ErrorKind};
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::time::Duration;

use libvirt_hpc_hook::notice;
use listenfd::ListenFd;
use sd_notify::NotifyState;

use super::log::one_line;
use super::socket;

/// The name of the hook's socket where the service manager hands over several (`FileDescriptorName=`).
pub const HOOK_SOCKET_NAME: &str = "hook";

/// The service manager, or nobody.
#[derive(Clone, Copy, Debug)]
pub struct Service {
    watchdog: Option<Duration>,
}

impl Service {
    /// The service manager that the environment names.
    #[must_use]
    pub fn from_env() -> Self {
        Self {
            watchdog: sd_notify::watchdog_enabled(),
        }
    }

    /// Started, or reloaded: all is in force.
    pub fn ready(self) {
        tell(&[NotifyState::Ready]);
    }

    /// Reads the configuration again, until [`Self::ready`].
    pub fn reloading(self) {
        match NotifyState::monotonic_usec_now() {
            Ok(now) => tell(&[NotifyState::Reloading, now]),
            // Without the time systemd takes a reload for failed, and ends the service.
            Err(error) => ::log::warn!("cannot tell the service manager of a reload: {error}"),
        }
    }

    /// Leaves.
    pub fn stopping(self) {
        tell(&[NotifyState::Stopping]);
    }

    /// How things are, in one line for `systemctl status`.
    pub fn status(self, status: &str) {
        // A line's end would begin another message to the service manager.
        tell(&[NotifyState::Status(&one_line(status))]);
    }

    /// How often [`Self::beat`] is due: twice as often as the watchdog checks. None if there is none.
    #[must_use]
    pub fn watchdog_every(self) -> Option<Duration> {
        self.watchdog
            .map(|span| span / 2)
            .filter(|span| !span.is_zero())
    }

    /// Still alive.
    pub fn beat(self) {
        tell(&[NotifyState::Watchdog]);
    }
}

fn tell(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        ::log::warn!("cannot tell the service manager {states:?}: {error}");
    }
}

/// Where the hook's notices arrive: the socket that the service manager hands over, else one of our own
/// at [`notice::SOCKET`]. To be called once, before there is another thread: it takes the variables that
/// tell of the sockets out of the environment.
///
/// # Errors
/// `AddrInUse` if another process has the socket; or what the system says.
pub fn hook_socket() -> io::Result<UnixDatagram> {
    match handed_over()? {
        Some(socket) => Ok(socket),
        None => own_socket(Path::new(notice::SOCKET)),
    }
}

/// Of the sockets handed over the one named so, or the only datagram socket; the others are left alone.
fn handed_over() -> io::Result<Option<UnixDatagram>> {
    let names: Vec<String> = sd_notify::listen_fds_with_names()?
        .map(|(_, name)| name)
        .collect();
    if names.is_empty() {
        return Ok(None);
    }
    let mut sockets = ListenFd::from_env();
    if let Some(index) = names.iter().position(|name| name == HOOK_SOCKET_NAME) {
        return sockets.take_unix_datagram(index);
    }
    let datagram = |index| sockets.take_unix_datagram(index).ok().flatten();
    match (0..names.len()).find_map(datagram) {
        Some(socket) => Ok(Some(socket)),
        None => Err(io::Error::new(
            ErrorKind::InvalidInput,
            "the service manager hands over sockets, but no Unix datagram socket for the hook",
        )),
    }
}

fn own_socket(path: &Path) -> io::Result<UnixDatagram> {
    socket::datagram(path).map_err(|error| {
        let why = format!("cannot listen to the hook at {}: {error}", path.display());
        io::Error::new(error.kind(), why)
    })
}

#[cfg(test)]
mod tests;
