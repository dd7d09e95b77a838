//! Handing over to another program: the real virsh, or the session.
//!
//! The hand-over is an `exec`: the process, its terminal and its exit status become the other
//! program's, and the arguments reach it byte for byte.
//!
//! **Never ourselves.** `virsh-hpc` may be installed under the name `virsh`, as a link or by a
//! script. A candidate that is its own file is skipped. A script that leads back to it cannot be
//! told from virsh from outside, so the environment carries the number of the process that
//! became it: whoever finds there its own number (the script `exec`ed it) or its parent's (the
//! script started it) was sent in a circle, and says so. Where virsh-hpc waits for virsh's help, virsh is
//! its child, and all of that is one generation further down.

use std::convert::Infallible;
use std::env;
use std::ffi::{OsStr, OsString};
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::{CommandExt, parent_id};
use std::path::{Path, PathBuf};
use std::process::{self, Command, ExitStatus, Stdio};
use std::{fs, io};

/// The environment variable that names the real virsh: a path, or a name to look up on PATH.
pub const VIRSH_VARIABLE: &str = "VIRSH_HPC_VIRSH";

/// Which process handed over last: its number, after [`WAITS`] if it waits for virsh's end.
const GUARD_VARIABLE: &str = "VIRSH_HPC_FORWARDED_BY";

/// How often virsh-hpc has handed over on the way to this process.
const DEPTH_VARIABLE: &str = "VIRSH_HPC_FORWARDS";

/// More than anybody nests virsh in virsh: a circle in which a program stands between the two, such as
/// timeout, which no process number tells.
const DEPTH_MAX: u32 = 16;

/// Marks a process that started virsh as its child.
const WAITS: &str = "waits:";

/// Where execvp looks without PATH (`_CS_PATH` of glibc).
const DEFAULT_PATH: &str = "/bin:/usr/bin";

const SESSION: &str = "virsh-hpc-session";

/// Where packages install the session.
const LIBEXEC: &str = "/usr/libexec/libvirt-hpc";

/// Why no other program could be handed over to.
#[derive(Debug, thiserror::Error)]
pub enum ForwardError {
    /// No virsh anywhere.
    #[error(
        "cannot find virsh on PATH ({}): install libvirt's client tools, or name it with \
         {VIRSH_VARIABLE}", path.display()
    )]
    NoVirsh {
        /// The PATH searched.
        path: OsString,
    },
    /// `VIRSH_HPC_VIRSH` names this program.
    #[error("{VIRSH_VARIABLE} names virsh-hpc itself ({}): name the real virsh", path.display())]
    Itself {
        /// What it names.
        path: PathBuf,
    },
    /// What was taken for virsh came back here.
    #[error(
        "the virsh that virsh-hpc found starts virsh-hpc again: name the real virsh with \
         {VIRSH_VARIABLE}"
    )]
    Circle,
    /// No session beside this program or where packages install it.
    #[error(
        "cannot find {SESSION} beside virsh-hpc or in {LIBEXEC}: reinstall libvirt-hpc; for this \
         migration, virsh migrate, or migrate --hpc-off, does without it"
    )]
    NoSession,
    /// The program is there and cannot be started.
    #[error("cannot start {}", path.display())]
    Start {
        /// The program.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// Becomes the real virsh.
///
/// `args` excludes the program's name, which virsh finds to be `virsh`.
///
/// # Errors
///
/// Returns only if there is no virsh, or it cannot be started, or it leads back here.
pub fn exec_virsh<S: AsRef<OsStr>>(args: &[S]) -> Result<Infallible, ForwardError> {
    start_virsh(args, &process::id().to_string(), |virsh| Err(virsh.exec()))
}

/// Runs the real virsh and waits for its end.
///
/// # Errors
///
/// There is no virsh, or it cannot be started, or it leads back here.
pub fn run_virsh<S: AsRef<OsStr>>(args: &[S]) -> Result<ExitStatus, ForwardError> {
    start_virsh(args, &format!("{WAITS}{}", process::id()), Command::status)
}

/// What the real virsh prints; what it says on stderr is dropped, and it is given nothing to read.
///
/// # Errors
///
/// There is no virsh, or it cannot be started, or it leads back here.
pub fn ask_virsh<S: AsRef<OsStr>>(args: &[S]) -> Result<Vec<u8>, ForwardError> {
    let ask = |virsh: &mut Command| virsh.stdin(Stdio::null()).stderr(Stdio::null()).output();
    start_virsh(args, &format!("{WAITS}{}", process::id()), ask).map(|output| output.stdout)
}

/// Becomes the session, with the arguments this program was given.
///
/// # Errors
///
/// Returns only if there is no session, or it cannot be started, or this program was sent in a circle.
pub fn exec_session<S: AsRef<OsStr>>(args: &[S]) -> Result<Infallible, ForwardError> {
    if is_guarded() {
        return Err(ForwardError::Circle);
    }
    let beside = own_file().and_then(|own| own.parent().map(|folder| folder.join(SESSION)));
    let installed = Path::new(LIBEXEC).join(SESSION);
    let mut sessions = beside.into_iter().chain([installed]);
    let path = sessions
        .find(|path| path.is_file())
        .ok_or(ForwardError::NoSession)?;
    let source = Command::new(&path).args(args).exec();
    Err(ForwardError::Start { path, source })
}

fn start_virsh<S: AsRef<OsStr>, T>(
    args: &[S],
    guard: &str,
    start: impl Fn(&mut Command) -> io::Result<T>,
) -> Result<T, ForwardError> {
    let depth = depth();
    if is_guarded() || depth >= DEPTH_MAX {
        return Err(ForwardError::Circle);
    }
    let mut refused = None;
    for path in candidates()? {
        let mut virsh = Command::new(&path);
        virsh.arg0("virsh").args(args).env(GUARD_VARIABLE, guard);
        virsh.env(DEPTH_VARIABLE, (depth + 1).to_string());
        match start(&mut virsh) {
            Ok(started) => return Ok(started),
            // As execvp does: a file that may not be run does not end the search.
            Err(source) => {
                let denied = source.kind() == io::ErrorKind::PermissionDenied;
                let error = ForwardError::Start { path, source };
                if !denied {
                    return Err(error);
                }
                refused = Some(error);
            }
        }
    }
    Err(refused.unwrap_or_else(|| ForwardError::NoVirsh {
        path: search_path(),
    }))
}

fn depth() -> u32 {
    let depth = env::var(DEPTH_VARIABLE);
    depth.ok().and_then(|depth| depth.parse().ok()).unwrap_or(0)
}

/// Whether what a virsh-hpc took for virsh became this process, or started it.
fn is_guarded() -> bool {
    let Ok(guard) = env::var(GUARD_VARIABLE) else {
        return false;
    };
    let (number, waits) = match guard.strip_prefix(WAITS) {
        Some(number) => (number, true),
        None => (guard.as_str(), false),
    };
    let parent = parent_id();
    number.parse().is_ok_and(|last: u32| match waits {
        true => last == parent || Some(last) == parent_of(parent),
        false => last == process::id() || last == parent,
    })
}

/// The parent of another process (`man 5 proc`, `status`).
fn parent_of(process: u32) -> Option<u32> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    status
        .lines()
        .find_map(|line| line.strip_prefix("PPid:"))?
        .trim()
        .parse()
        .ok()
}

/// The files that may be the real virsh, in order.
fn candidates() -> Result<Vec<PathBuf>, ForwardError> {
    let named = env::var_os(VIRSH_VARIABLE).filter(|named| !named.is_empty());
    let own = own_file().and_then(|own| own.metadata().ok());
    let is_own = |path: &Path| match (&own, path.metadata()) {
        (Some(own), Ok(found)) => (own.dev(), own.ino()) == (found.dev(), found.ino()),
        _ => false,
    };
    if let Some(path) = named
        .as_ref()
        .map(PathBuf::from)
        .filter(|path| path.components().count() > 1)
    {
        return if is_own(&path) {
            Err(ForwardError::Itself { path })
        } else {
            Ok(vec![path])
        };
    }
    let name = named.unwrap_or_else(|| "virsh".into());
    let folders = search_path();
    // An empty entry is the working directory; a bare name would be searched for in PATH again.
    let found = env::split_paths(&folders).map(|folder| Path::new(".").join(folder).join(&name));
    Ok(found
        .filter(|path| path.is_file() && !is_own(path))
        .collect())
}

fn search_path() -> OsString {
    env::var_os("PATH").unwrap_or_else(|| DEFAULT_PATH.into())
}

/// The file this process runs, links resolved.
fn own_file() -> Option<PathBuf> {
    env::current_exe().ok()
}
