//! Sockets for root alone, in a directory that anybody may read.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions, TryLockError};
use std::io::{self, ErrorKind};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, OpenOptionsExt, PermissionsExt};
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};
use std::path::Path;
use std::time::Duration;

use rustix::fs::{Mode, fchmod};
use rustix::net::{
    AddressFamily, SocketAddrUnix, SocketFlags, SocketType, bind, listen, socket_with,
};

use crate::migration::deadline::within;

/// How long a listener may take to let a connection in.
const PROBE: Duration = Duration::from_secs(1);

/// Connections that may wait to be let in, as `UnixListener::bind` has it.
const BACKLOG: i32 = 128;

/// A datagram socket at `path`, with mode 0600 from its first instant; its directory is made if it is not
/// there. The socket of a process that is gone is removed.
///
/// # Errors
/// `AddrInUse` if somebody listens there, `AlreadyExists` if something else than a socket is there; or
/// what the system says.
pub(crate) fn datagram(path: &Path) -> io::Result<UnixDatagram> {
    let probe = |path: &Path| UnixDatagram::unbound()?.connect(path);
    bound(path, SocketType::DGRAM, probe).map(UnixDatagram::from)
}

/// A socket at `path` that takes connections, otherwise as [`datagram`].
///
/// # Errors
/// As [`datagram`].
pub(crate) fn stream(path: &Path) -> io::Result<UnixListener> {
    let socket = bound(path, SocketType::STREAM, probe_stream)?;
    listen(&socket, BACKLOG)?;
    Ok(socket.into())
}

/// Whether somebody lets a connection in. One who has stopped while his queue is full never would.
fn probe_stream(path: &Path) -> io::Result<()> {
    let path = path.to_owned();
    match within(PROBE, move || UnixStream::connect(path)) {
        Some(answer) => answer.map(drop),
        None => Ok(()),
    }
}

fn bound(
    path: &Path,
    kind: SocketType,
    probe: impl Fn(&Path) -> io::Result<()>,
) -> io::Result<OwnedFd> {
    if let Some(directory) = path.parent() {
        make_directory(directory)?;
    }
    // Of two that start at once, neither may take the other's new socket for one left over.
    let _lock = lock(&path.with_extension("lock"))?;
    remove_left_over(path, probe)?;
    let socket = socket_with(AddressFamily::UNIX, kind, SocketFlags::CLOEXEC, None)?;
    bind_for_owner(&socket, path)?;
    Ok(socket)
}

fn make_directory(directory: &Path) -> io::Result<()> {
    match DirBuilder::new().mode(0o700).create(directory) {
        // Whatever the umask.
        Ok(()) => fs::set_permissions(directory, Permissions::from_mode(0o755)),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
    }
}

/// A lock for root alone; it ends with the file returned.
fn lock(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    let file = options
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(in_use("another libvirt-hpcd is starting")),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

fn remove_left_over(path: &Path, probe: impl Fn(&Path) -> io::Result<()>) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
        Ok(found) if !found.file_type().is_socket() => {
            let why = "what is there is no socket; remove it";
            return Err(io::Error::new(ErrorKind::AlreadyExists, why));
        }
        Ok(_) => {}
    }
    match probe(path) {
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => fs::remove_file(path),
        Err(error) => Err(error),
        Ok(()) => Err(in_use(
            "another libvirt-hpcd runs, or systemd listens for it (systemctl start libvirt-hpcd)",
        )),
    }
}

/// Linux gives the file that `bind` makes the mode of the socket (`unix_bind_bsd` in net/unix/af_unix.c),
/// less the umask: so the file never has another mode, as it would with a `chmod` afterwards.
fn bind_for_owner(socket: &OwnedFd, path: &Path) -> io::Result<()> {
    fchmod(socket, Mode::RUSR | Mode::WUSR)?;
    bind(socket, &SocketAddrUnix::new(path)?)?;
    Ok(())
}

fn in_use(why: &str) -> io::Error {
    io::Error::new(ErrorKind::AddrInUse, why)
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[test]
    fn the_socket_is_for_its_owner_and_receives() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("run/hook.sock");
        let socket = datagram(&path).expect("bound");
        let found = fs::symlink_metadata(&path).expect("there");
        assert!(found.file_type().is_socket());
        assert_eq!(found.permissions().mode() & 0o7777, 0o600);
        let directory = fs::metadata(folder.path().join("run")).expect("there");
        assert_eq!(directory.permissions().mode() & 0o777, 0o755);
        let sender = UnixDatagram::unbound().expect("socket");
        sender.send_to(b"x", &path).expect("sent");
        assert_eq!(socket.recv(&mut [0; 8]).expect("received"), 1);
    }

    #[test]
    fn what_is_left_over_is_replaced_and_what_is_in_use_is_not() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("hook.sock");
        drop(datagram(&path).expect("bound"));
        // A child that another test forks has it too, until it executes its program.
        let again = (0..500).find_map(|_| {
            datagram(&path).ok().or_else(|| {
                thread::sleep(Duration::from_millis(10));
                None
            })
        });
        let _socket = again.expect("bound again");
        let refused = datagram(&path).expect_err("in use");
        assert_eq!(refused.kind(), ErrorKind::AddrInUse);
        let sender = UnixDatagram::unbound().expect("socket");
        sender.connect(&path).expect("the first still has it");
    }

    #[test]
    fn nothing_but_a_socket_left_over_is_ever_removed() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("hook.sock");
        let target = folder.path().join("target");
        fs::write(&target, "x").expect("written");
        std::os::unix::fs::symlink(&target, &path).expect("linked");
        assert_eq!(
            datagram(&path).expect_err("a link").kind(),
            ErrorKind::AlreadyExists
        );
        fs::remove_file(&path).expect("removed");
        fs::write(&path, "y").expect("written");
        assert_eq!(
            datagram(&path).expect_err("a file").kind(),
            ErrorKind::AlreadyExists
        );
        fs::remove_file(&path).expect("removed");
        let _stream = UnixListener::bind(&path).expect("bound");
        datagram(&path).expect_err("another kind of socket");
        assert!(path.exists() && fs::read_to_string(&target).is_ok());
    }

    #[test]
    fn two_that_start_at_once_do_not_take_each_others_socket() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("hook.sock");
        let other = lock(&path.with_extension("lock")).expect("locked");
        assert_eq!(
            datagram(&path).expect_err("starting").kind(),
            ErrorKind::AddrInUse
        );
        drop(other);
        datagram(&path).expect("bound");
    }
}
