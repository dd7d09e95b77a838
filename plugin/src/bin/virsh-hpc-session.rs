//! The half of `virsh-hpc` that talks to libvirt. The front door starts it; see `session`.
#![forbid(unsafe_code)]
#![deny(clippy::print_stdout, clippy::print_stderr)]

use std::env;
use std::ffi::OsString;
use std::io::{self, Write};
use std::process::ExitCode;

use libvirt_hpc_plugin::harmless::Harmless;
use libvirt_hpc_plugin::{clock, session};

fn main() -> ExitCode {
    let started = clock::now();
    let args: Vec<OsString> = env::args_os().skip(1).collect();
    session::run(&args, started).unwrap_or_else(|error| {
        if session::is_broken_pipe(&error) {
            // A reader that has seen enough is no mistake.
            return ExitCode::SUCCESS;
        }
        // Where stderr is gone, the exit status has to say it all. An error may quote a trace, a domain or a host.
        let _ = writeln!(Harmless(io::stderr()), "error: {error:#}");
        ExitCode::FAILURE
    })
}
