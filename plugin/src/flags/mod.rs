//! The command line of `virsh-hpc`: virsh's grammar, and what is ours in it.
//!
//! ```text
//! argv -> globals -> words -> ours | virsh's -> low arguments -> checks -> MigrateRequest
//!           |          |        |                    |              |
//!           +----------+--------+--------------------+--------------+--> the real virsh
//! ```
//! Only one `migrate` that virsh itself would accept is taken over. Everything else, and above all
//! everything virsh would refuse, goes to the real virsh, so that every message is virsh's own to
//! the letter. Nothing here loads libvirt or reads a file.
//!
//! Two programs ask. The front door ([`route`]) does not know the version of virsh and asks whether
//! *any* version would take the line for a migration; the session ([`parse`]) knows it, and asks for
//! exactly that version.

mod checks;
mod complete;
mod defs;
mod error;
mod globals;
mod grammar;
pub mod help;
mod hiargs;
mod hpc;
mod lowargs;
pub mod migrate_flags;
mod number;
pub mod own;
mod table;
mod values;
mod words;

use std::ffi::OsString;

pub use complete::Completion;
pub use defs::{Opt, Position, Virsh};
pub use error::UsageError;
pub use globals::Globals;
pub use hiargs::{MigrateRequest, Timeout, TimeoutAction, Transport};
pub use hpc::HpcOptions;
pub use table::MIGRATE_OPTIONS;
pub use values::{Deadline, DeadlineAction, Job, ReplayLaw};

use defs::Grammar;
use globals::Start;
use words::Line;

/// What a command line asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Invocation {
    /// The real virsh's business.
    Forward {
        /// The arguments for virsh, without those of ours.
        virsh_args: Vec<OsString>,
        /// Said on stderr where the user asked for control that plain virsh will not give.
        note: Option<&'static str>,
    },
    /// One `migrate` that virsh would accept.
    Migrate(Box<Migrate>),
    /// A command of ours: the words from its name on, for [`own::parse`].
    Own {
        /// virsh's options in front of the command.
        globals: Globals,
        /// The command's name and its arguments.
        words: Vec<OsString>,
    },
    /// Help that virsh prints and we complete.
    Help {
        /// The arguments for virsh, without those of ours.
        virsh_args: Vec<OsString>,
        /// What we append.
        topic: help::Topic,
    },
    /// What may come next on a command line: virsh's candidates, and ours.
    Complete(Completion),
}

/// One `migrate`, and the way back to plain virsh.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Migrate {
    /// virsh's options in front of the command.
    pub globals: Globals,
    /// What the user asked virsh for.
    pub request: MigrateRequest,
    /// What the user asked us for.
    pub hpc: HpcOptions,
    /// The arguments for the real virsh, without those of ours, should we not take over.
    pub virsh_args: Vec<OsString>,
}

/// Decides for the front door, which does not know the version of virsh.
///
/// `args` excludes the program's name.
///
/// # Errors
///
/// An option of ours that is unknown, repeated or has a bad value.
pub fn route(args: &[OsString]) -> Result<Invocation, UsageError> {
    let late = parse_as(args, Virsh::NEWEST, Grammar::Late)?;
    if !matches!(late, Invocation::Forward { .. }) {
        return Ok(late);
    }
    match parse_as(args, Virsh::NEWEST, Grammar::Early)? {
        Invocation::Forward { .. } => Ok(late),
        early => Ok(early),
    }
}

/// Decides for the session, which knows the version of virsh.
///
/// `args` excludes the program's name.
///
/// # Errors
///
/// An option of ours that is unknown, repeated or has a bad value.
pub fn parse(args: &[OsString], virsh: Virsh) -> Result<Invocation, UsageError> {
    let (grammar, alternative) = virsh.grammars();
    let first = parse_as(args, virsh, grammar)?;
    let Some(alternative) = alternative else {
        return Ok(first);
    };
    // Between two releases it is not known which grammar holds: agree, or leave it to virsh.
    let second = parse_as(args, virsh, alternative)?;
    if first == second || matches!(first, Invocation::Forward { .. }) {
        return Ok(first);
    }
    Ok(match second {
        Invocation::Migrate(migrate) => Invocation::Forward {
            virsh_args: migrate.virsh_args,
            note: None,
        },
        other => other,
    })
}

fn parse_as(args: &[OsString], virsh: Virsh, grammar: Grammar) -> Result<Invocation, UsageError> {
    let untouched = || Invocation::Forward {
        virsh_args: args.to_vec(),
        note: None,
    };
    let (globals, rest) = match globals::parse(args) {
        Start::Forward => return Ok(untouched()),
        Start::Help => {
            let virsh_args = args.to_vec();
            return Ok(Invocation::Help {
                virsh_args,
                topic: help::Topic::Everything,
            });
        }
        Start::Command { globals, rest } => (globals, rest),
    };
    let Some(line) = Line::read(args, rest) else {
        return Ok(untouched());
    };
    let [command] = line.commands() else {
        return match line.commands().iter().any(|words| lowargs::has_ours(words)) {
            true => Err(UsageError::NotAlone),
            false => Ok(untouched()),
        };
    };
    Ok(match command[0].text.as_slice() {
        b"migrate" => return grammar::migrate(globals, &line, command, virsh, grammar),
        b"help" => grammar::help(&line, command),
        b"complete" if command.get(1).is_some_and(|word| word.text == b"--") => {
            let words: Vec<_> = command[2..].iter().map(words::Word::to_os_string).collect();
            Invocation::Complete(complete::complete(globals, &words))
        }
        name if own::is_name(name) => {
            let words = command.iter().map(words::Word::to_os_string).collect();
            Invocation::Own { globals, words }
        }
        _ => untouched(),
    })
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_of_ours;
