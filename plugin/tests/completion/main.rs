//! Completion: what `virsh-hpc complete` prints, and what bash, zsh and fish make of it.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod asked;
#[path = "../front_door_support/mod.rs"]
mod front_door_support;
mod functions;
mod shells;

use std::env;
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Command;

use front_door_support::Door;

/// Where the scripts are that packages install.
fn scripts() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../packaging/completions")
}

/// A file of this folder.
fn here(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/completion")
        .join(name)
}

/// A shell, ended if it hangs, that finds `door`'s programs first and our scripts by their folder.
fn shell(door: &Door, program: &str) -> Command {
    let rest = env::var_os("PATH").unwrap();
    let folders = [door.path("")].into_iter().chain(env::split_paths(&rest));
    let path: OsString = env::join_paths(folders).unwrap();
    let mut shell = Command::new("timeout");
    shell
        .args(["60", program])
        .env_clear()
        .env("PATH", path)
        .env("HOME", door.path(""))
        .env("LC_ALL", "C.UTF-8")
        .env("TERM", "dumb")
        .env("COMPLETIONS", scripts())
        .current_dir(door.path(""));
    shell
}
