//! The half of `virsh-hpc` that talks to libvirt: a `migrate` under control, and the commands `hpc-*`.
//!
//! ```text
//!   argv -> flags::parse, for the libvirt at hand
//!             | migrate                           | anything of virsh's
//!   takeover: marked, or asked for? --- no ------>+--> the real virsh, same bytes
//!             | yes
//!   resolve: policy < --hpc-*; virsh's options over all
//!             |
//!   call (connection A, blocks)     drive (connection B: poll, decide, set)
//!             |                                   |
//!             +-------------- ending <------------+--> stdout, stderr, trace, exit status
//! ```
//!
//! | where | the question it answers |
//! |---|---|
//! | `migrate` | in which order is all of this done? |
//! | [`prepare`] | is this migration controlled, and within what bounds? |
//! | [`attempt`] | how is the migrate call made, and who controls it? |
//! | [`ending`] | what is said and put back when it has ended? |
//! | [`terminal`] | what does the user see, and which signals count? |
//! | `measure` | what does the guest write, before it moves? |
//! | [`commands`] | what do the commands `hpc-*` do? |
//! | [`connect`] | which connection would virsh open? |
//!
//! The guest is never worse off than under plain virsh: whatever fails on the side of control, the
//! migration goes on; whatever fails in the migration, libvirt's own error is the answer, and what was
//! changed is put back.

pub mod attempt;
pub mod commands;
pub mod connect;
pub mod ending;
mod measure;
mod migrate;
pub mod prepare;
pub mod terminal;

use std::ffi::OsString;
use std::io;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::Result;
use libvirt_hpc_libvirt::features::library_version;

use crate::flags::hpc_commands::{self, HpcCommand};
use crate::flags::{self, Globals, Invocation, Virsh, help};
use crate::harmless::Harmless;
use crate::{clock, forward, plot, replay};
use commands::{hpc_agent, hpc_estimate, hpc_history, hpc_policy, hpc_report};
use prepare::takeover::{self, RunBy};
use terminal::console::Console;
use terminal::signals;

/// Runs a command line; `args` excludes the program's name, `started` is when it was typed.
///
/// # Errors
/// A mistake in an option or command of virsh-hpc's, or that the real virsh cannot be started.
pub fn run(args: &[OsString], started: Instant) -> Result<ExitCode> {
    // Where there can be no handler, all is as without one.
    let _ = signals::outlive_full_files();
    let virsh = library_version().map_or(Virsh::NEWEST, |lib| Virsh::new(lib.major, lib.minor));
    match flags::parse(args, virsh)? {
        Invocation::Forward { virsh_args, note } => forward(&virsh_args, note),
        Invocation::Help { virsh_args, .. } => forward(&virsh_args, None),
        Invocation::Complete(_) => forward(args, None),
        Invocation::HpcCommand { globals, words } => hpc_command(&globals, &words),
        Invocation::Migrate(migrate) => match takeover::decide(&migrate) {
            RunBy::VirshHpc(takeover) => migrate::run(*takeover, &migrate, started),
            RunBy::PlainVirsh(note) => forward(&migrate.virsh_args, note.as_deref()),
        },
    }
}

fn forward(virsh_args: &[OsString], note: Option<&str>) -> Result<ExitCode> {
    if let Some(note) = note {
        Console::new(false).note(note);
    }
    match forward::exec_virsh(virsh_args)? {}
}

fn hpc_command(globals: &Globals, words: &[OsString]) -> Result<ExitCode> {
    let (stdout, stderr) = (&mut Harmless(io::stdout()), &mut Harmless(io::stderr()));
    match hpc_commands::parse(words) {
        Ok(HpcCommand::HpcPolicy(args)) => hpc_policy::command(globals, &args, stdout),
        Ok(HpcCommand::HpcEstimate(args)) => hpc_estimate::command(globals, &args, stdout, stderr),
        Ok(HpcCommand::HpcReplay(args)) => {
            if let Some(picture) = &args.plot {
                plot::command(&args.trace, picture)?;
            }
            replay::command(&args.trace, args.law, args.json, stdout)
        }
        Ok(HpcCommand::HpcReport(args)) => hpc_report::command(&args, stdout, stderr),
        Ok(HpcCommand::HpcHistory(args)) => {
            hpc_history::command(&args, clock::wall(), stdout, stderr)
        }
        Ok(HpcCommand::HpcStatus(args)) => hpc_agent::status(globals, &args, stdout),
        Ok(HpcCommand::HpcRelease(args)) => hpc_agent::release(globals, &args, stdout),
        Ok(HpcCommand::HpcAdopt(args)) => hpc_agent::adopt(globals, &args, stdout),
        Ok(HpcCommand::HpcHelp(args)) => {
            let topic = if args.migrate {
                help::Topic::Migrate
            } else {
                help::Topic::Everything
            };
            io::Write::write_all(stdout, help::text(topic).as_bytes())?;
            Ok(ExitCode::SUCCESS)
        }
        Err(error) => Ok(hpc_commands::report(&error)),
    }
}

/// Whether nobody reads what is printed any more.
#[must_use]
pub fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let mut chain = error
        .chain()
        .filter_map(|cause| cause.downcast_ref::<io::Error>());
    chain.any(|cause| cause.kind() == io::ErrorKind::BrokenPipe)
}
