//! Completion: what `virsh-hpc complete` prints, and what bash, zsh and fish make of it.

mod asked;
mod functions;
mod shells;

use std::path::PathBuf;
use std::process::Command;

use crate::door::Door;

/// Where the scripts are that packages install.
fn scripts() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../packaging/completions")
}

/// A file of this folder.
fn here(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/front_door/completion")
        .join(name)
}

/// A shell, ended if it hangs, that finds `door`'s programs first and our scripts by their folder.
fn shell(door: &Door, program: &str) -> Command {
    let mut shell = Command::new("timeout");
    shell
        .args(["60", program])
        .env_clear()
        .env("PATH", door.search_path())
        .env("HOME", door.path(""))
        .env("LC_ALL", "C.UTF-8")
        .env("TERM", "dumb")
        .env("COMPLETIONS", scripts())
        .current_dir(door.path(""));
    shell
}
