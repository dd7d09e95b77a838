//! The front door: decides by grammar alone whether virsh or the session runs a command line.
//!
//! Most command lines are virsh's, so this program loads nothing that virsh would load again.
#![forbid(unsafe_code)]
#![deny(clippy::print_stdout, clippy::print_stderr)]

use std::env;
use std::ffi::OsString;
use std::io::{self, Write};
use std::os::unix::process::ExitStatusExt;
use std::process::ExitCode;

use anyhow::{Context, Result};
use libvirt_hpc_plugin::flags::help::{self, Topic};
use libvirt_hpc_plugin::flags::hpc_commands::{self, HpcCommand};
use libvirt_hpc_plugin::flags::{self, Completion, Invocation};
use libvirt_hpc_plugin::forward;
use libvirt_hpc_plugin::harmless::Harmless;

fn main() -> ExitCode {
    let args: Vec<OsString> = env::args_os().skip(1).collect();
    run(&args).unwrap_or_else(|error| {
        say(&format!("error: {error:#}"));
        ExitCode::FAILURE
    })
}

/// A line on stderr, if that takes one: a full disk there must not keep virsh from being run.
fn say(line: &str) {
    let _ = writeln!(Harmless(io::stderr()), "{line}");
}

fn run(args: &[OsString]) -> Result<ExitCode> {
    match flags::route(args)? {
        Invocation::Forward { virsh_args, note } => {
            if let Some(note) = note {
                say(&format!("virsh-hpc: {note}"));
            }
            match forward::exec_virsh(&virsh_args)? {}
        }
        Invocation::Migrate(_) => match forward::exec_session(args)? {},
        Invocation::HpcCommand { words, .. } if words[0] == "hpc-help" => hpc_help(&words),
        Invocation::HpcCommand { .. } => match forward::exec_session(args)? {},
        Invocation::Help { virsh_args, topic } => completed_help(&virsh_args, topic),
        Invocation::Complete(completion) => candidates(&completion),
    }
}

fn print_help(topic: Topic) -> Result<ExitCode> {
    print(help::text(topic).as_bytes()).context("cannot print the help")
}

fn hpc_help(words: &[OsString]) -> Result<ExitCode> {
    match hpc_commands::parse(words) {
        Ok(HpcCommand::HpcHelp(asked)) if asked.migrate => print_help(Topic::Migrate),
        Ok(_) => print_help(Topic::Everything),
        Err(error) => Ok(hpc_commands::report(&error)),
    }
}

/// virsh's help, and virsh-hpc's after it unless virsh failed.
fn completed_help(virsh_args: &[OsString], topic: Topic) -> Result<ExitCode> {
    let status = forward::run_virsh(virsh_args)?;
    if status.success() {
        return print_help(topic);
    }
    let code = status
        .code()
        .or_else(|| status.signal().map(|signal| 128 + signal));
    Ok(code
        .and_then(|code| u8::try_from(code).ok())
        .map_or(ExitCode::FAILURE, ExitCode::from))
}

/// Prints virsh's candidates, and virsh-hpc's after them; none at all is a failure. As virsh does, it ends with an
/// empty line.
fn candidates(completion: &Completion) -> Result<ExitCode> {
    let asked = completion.virsh_args.as_ref();
    // Where there is no virsh, or it fails, there are still virsh-hpc's.
    let theirs = asked.and_then(|args| forward::ask_virsh(args).ok());
    let theirs = theirs.unwrap_or_default();
    let theirs = theirs.split(|&byte| byte == b'\n');
    let mut lines: Vec<&[u8]> = theirs.filter(|line| !line.is_empty()).collect();
    for ours in completion.ours.iter().map(String::as_bytes) {
        if !lines.contains(&ours) {
            lines.push(ours);
        }
    }
    let none = lines.is_empty();
    lines.extend([&[][..]; 2]);
    let printed = print(&lines.join(&b'\n')).context("cannot print the candidates")?;
    Ok(if none { ExitCode::FAILURE } else { printed })
}

fn print(text: &[u8]) -> io::Result<ExitCode> {
    let mut stdout = io::stdout();
    match stdout.write_all(text).and_then(|()| stdout.flush()) {
        // A reader that has seen enough is no mistake.
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error),
        _ => Ok(ExitCode::SUCCESS),
    }
}
