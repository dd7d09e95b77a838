//! One program that is told: started, given a line, and killed if it takes too long.

use std::io::{self, ErrorKind, PipeReader, Read, Write, pipe};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::Duration;

use rustix::io::ioctl_fionbio;
use rustix::process::{Pid, Signal, kill_process_group};

use crate::clock;
use crate::harmless;
use crate::in_words;

/// How long a program may take.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// How long one that was killed may take to be gone; one that the kernel holds stays without being waited for.
const KILLED_PATIENCE: Duration = Duration::from_secs(1);

/// How often it is asked whether it has ended.
const POLL: Duration = Duration::from_millis(20);

/// How much of what it prints is kept, and how much is read at a poll: one that floods its output waits for the next.
const KEPT_BYTES: usize = 512;
const READ_BYTES: usize = 64 * 1024;

/// Why a program failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum ProgramError {
    /// It cannot be started.
    #[error("cannot be started: {0}")]
    Start(io::Error),
    /// It ended otherwise than with 0.
    #[error("ended with {status}{said}")]
    Status {
        /// How.
        status: ExitStatus,
        /// What it printed.
        said: String,
    },
    /// It was killed.
    #[error("has not ended within {} and was killed{said}", in_words::span(*.waited))]
    Late {
        /// How long it had.
        waited: Duration,
        /// What it printed.
        said: String,
    },
    /// It was killed because the command that told it ends.
    #[error("was killed, because virsh-hpc ends")]
    Stopped,
    /// The system failed.
    #[error("cannot be waited for: {0}")]
    Wait(io::Error),
}

/// Runs `path` with `line` on its standard input, for no longer than `patience`, and until it `is_over`.
pub(super) fn run(
    path: &Path,
    line: &[u8],
    patience: Duration,
    is_over: impl Fn() -> bool,
) -> Result<(), ProgramError> {
    let (mut child, mut output) = start(path, line).map_err(ProgramError::Start)?;
    let since = clock::now();
    let mut said = Vec::new();
    loop {
        let ended = child.try_wait().map_err(ProgramError::Wait)?;
        keep(&mut output, &mut said);
        match ended {
            Some(status) if status.success() => return Ok(()),
            Some(status) => {
                let said = quoted(&said);
                return Err(ProgramError::Status { status, said });
            }
            None if is_over() => {
                kill(&mut child);
                return Err(ProgramError::Stopped);
            }
            None if since.elapsed() >= patience => {
                kill(&mut child);
                let (waited, said) = (patience, quoted(&said));
                return Err(ProgramError::Late { waited, said });
            }
            None => thread::sleep(POLL),
        }
    }
}

/// In a group of its own, which Ctrl-C does not reach, and with nothing of the caller's environment.
fn start(path: &Path, line: &[u8]) -> io::Result<(Child, PipeReader)> {
    let (output, input) = pipe()?;
    ioctl_fionbio(&output, true)?;
    let mut child = Command::new(path)
        .env_clear()
        .env(
            "PATH",
            "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        )
        .current_dir("/")
        .process_group(0)
        .stdin(Stdio::piped())
        .stdout(input.try_clone()?)
        .stderr(input)
        .spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        // It need not read it, and must not be waited for: a line fits into any pipe.
        let _ = ioctl_fionbio(&stdin, true).map(|()| stdin.write_all(line));
    }
    Ok((child, output))
}

/// Reads what there is, and keeps the beginning.
fn keep(output: &mut PipeReader, said: &mut Vec<u8>) {
    let mut buffer = [0; 4096];
    for _ in 0..READ_BYTES / buffer.len() {
        match output.read(&mut buffer) {
            Ok(0) => return,
            Ok(length) => {
                let room = KEPT_BYTES - said.len();
                said.extend_from_slice(&buffer[..length.min(room)]);
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(_) => return,
        }
    }
}

fn quoted(said: &[u8]) -> String {
    match harmless::printable(&String::from_utf8_lossy(said)) {
        said if said.is_empty() => said,
        said => format!(": {said}"),
    }
}

/// Kills it and what it has started, unless that has left its group.
fn kill(child: &mut Child) {
    // What has ended meanwhile needs no signal, and is its parent's until it is waited for.
    let _ = kill_process_group(Pid::from_child(child), Signal::KILL);
    let since = clock::now();
    while matches!(child.try_wait(), Ok(None)) && since.elapsed() < KILLED_PATIENCE {
        thread::sleep(POLL);
    }
}
