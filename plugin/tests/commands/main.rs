//! The commands `hpc-*` and `migrate` as a user runs them, against libvirt's built-in test driver and recorded traces.
#![expect(clippy::unwrap_used, reason = "a test ends at what it does not expect")]

mod history;
mod hostile;
mod odd_numbers;
mod report;
mod session;

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

/// The session, without the caller's connection.
fn command() -> Command {
    let mut session = Command::new(env!("CARGO_BIN_EXE_virsh-hpc-session"));
    session.env_remove("VIRSH_DEFAULT_CONNECT_URI");
    session
}

fn stdout(output: &Output) -> &str {
    str::from_utf8(&output.stdout).unwrap()
}

fn stderr(output: &Output) -> &str {
    str::from_utf8(&output.stderr).unwrap()
}

/// A file of the project.
fn committed(path: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    fs::read_to_string(root.join(path)).unwrap()
}
