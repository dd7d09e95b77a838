//! The front door: decides by grammar alone whether virsh or the session runs a command line.
//!
//! Most command lines are virsh's, so this program loads nothing that virsh would load again.
#![forbid(unsafe_code)]

use std::convert::Infallible;
use std::env;
use std::ffi::OsString;
use std::io::{self, Write};
use std::os::unix::process::ExitStatusExt;
use std::process::ExitCode;

use anyhow::Context;
use libvirt_hpc_plugin::flags::help::{self, Topic};
use libvirt_hpc_plugin::flags::own::{self, OwnCommand};
use libvirt_hpc_plugin::flags::{self, Invocation};
use libvirt_hpc_plugin::forward;

fn main() -> ExitCode {
    let args: Vec<OsString> = env::args_os().skip(1).collect();
    run(&args).unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        ExitCode::FAILURE
    })
}

fn run(args: &[OsString]) -> anyhow::Result<ExitCode> {
    match flags::route(args)? {
        Invocation::Forward { virsh_args, note } => {
            if let Some(note) = note {
                eprintln!("virsh-hpc: {note}");
            }
            never(forward::exec_virsh(&virsh_args)?)
        }
        Invocation::Migrate(_) => never(forward::exec_session(args)?),
        Invocation::Own { words, .. } if words[0] == "hpc-help" => hpc_help(&words),
        Invocation::Own { .. } => never(forward::exec_session(args)?),
        Invocation::Help { virsh_args, topic } => completed_help(&virsh_args, topic),
    }
}

/// A program that has been replaced does not come back.
fn never(replaced: Infallible) -> anyhow::Result<ExitCode> {
    match replaced {}
}

fn hpc_help(words: &[OsString]) -> anyhow::Result<ExitCode> {
    match own::parse(words) {
        Ok(OwnCommand::HpcHelp(asked)) if asked.migrate => print(Topic::Migrate),
        Ok(_) => print(Topic::Everything),
        Err(error) => Ok(own::report(&error)),
    }
}

/// virsh's help, and ours after it unless virsh failed.
fn completed_help(virsh_args: &[OsString], topic: Topic) -> anyhow::Result<ExitCode> {
    let status = forward::run_virsh(virsh_args)?;
    if status.success() {
        return print(topic);
    }
    let code = status
        .code()
        .or_else(|| status.signal().map(|signal| 128 + signal));
    Ok(code
        .and_then(|code| u8::try_from(code).ok())
        .map_or(ExitCode::FAILURE, ExitCode::from))
}

fn print(topic: Topic) -> anyhow::Result<ExitCode> {
    let mut stdout = io::stdout();
    let printed = stdout
        .write_all(help::text(topic).as_bytes())
        .and_then(|()| stdout.flush());
    match printed {
        // A reader that has seen enough is no mistake.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(ExitCode::SUCCESS),
        printed => printed
            .context("cannot print the help")
            .map(|()| ExitCode::SUCCESS),
    }
}
