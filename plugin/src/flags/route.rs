//! Which way a command line goes.

use std::ffi::OsString;

use super::help::Topic;
use super::migrate::separate::{Separated, has_hpc_option, separate};
use super::migrate::typed_options::TypedOptions;
use super::virsh::command_words::{Line, Word};
use super::virsh::globals::{self, Start};
use super::virsh::release::Grammar;
use super::{
    Globals, HpcOptions, Invocation, Migrate, MigrateRequest, UsageError, Virsh, complete,
    hpc_commands,
};

/// Said where an option `--hpc-*` asks for control that plain virsh will not give.
const PLAIN: &str = "plain virsh runs this command, without the control that --hpc options ask for";

/// Decides for the front door, which does not know the version of virsh.
///
/// `args` excludes the program's name.
///
/// # Errors
///
/// An option `--hpc-*` that is unknown, repeated or has a bad value.
pub fn route(args: &[OsString]) -> Result<Invocation, UsageError> {
    let late = parse_as(args, Virsh::NEWEST, Grammar::Late)?;
    if !matches!(late, Invocation::Forward { .. }) {
        return Ok(late);
    }
    // The oldest takes lines that later ones have a check against (`checks.rs`), the newest knows more options.
    for virsh in [Virsh::NEWEST, Virsh::OLDEST] {
        let early = parse_as(args, virsh, Grammar::Early)?;
        if !matches!(early, Invocation::Forward { .. }) {
            return Ok(early);
        }
    }
    Ok(late)
}

/// Decides for the session, which knows the version of virsh.
///
/// `args` excludes the program's name.
///
/// # Errors
///
/// An option `--hpc-*` that is unknown, repeated or has a bad value.
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
                topic: Topic::Everything,
            });
        }
        Start::Command { globals, rest } => (globals, rest),
    };
    let Some(line) = Line::read(args, rest) else {
        return Ok(untouched());
    };
    let [command] = line.commands() else {
        return match line.commands().iter().any(|words| has_hpc_option(words)) {
            true => Err(UsageError::NotAlone),
            false => Ok(untouched()),
        };
    };
    Ok(match command[0].text.as_slice() {
        b"migrate" => return migrate(globals, &line, command, virsh, grammar),
        b"help" => help(&line, command),
        b"complete" if command.get(1).is_some_and(|word| word.text == b"--") => {
            let words: Vec<_> = command[2..].iter().map(Word::to_os_string).collect();
            Invocation::Complete(complete::complete(globals, &words))
        }
        name if hpc_commands::is_name(name) => {
            let words = command.iter().map(Word::to_os_string).collect();
            Invocation::HpcCommand { globals, words }
        }
        _ => untouched(),
    })
}

/// One `migrate`.
fn migrate(
    globals: Globals,
    line: &Line<'_>,
    command: &[Word],
    virsh: Virsh,
    grammar: Grammar,
) -> Result<Invocation, UsageError> {
    let Separated {
        hpc_options,
        hpc_words,
        virsh_words,
    } = separate(&command[1..])?;
    let hpc = HpcOptions::from_given(&hpc_options)?;
    let virsh_args = line.without(&hpc_words);
    let typed = TypedOptions::parse(&virsh_words, virsh, grammar);
    if typed.as_ref().is_ok_and(|typed| typed.help) {
        return Ok(Invocation::Help {
            virsh_args,
            topic: Topic::Migrate,
        });
    }
    let request = typed.and_then(|typed| MigrateRequest::from_typed(&typed, virsh));
    Ok(match request {
        Ok(request) if !hpc.off && !globals.readonly && request.has_precopy() => {
            Invocation::Migrate(Box::new(Migrate {
                globals,
                request,
                hpc,
                virsh_args,
            }))
        }
        _ => Invocation::Forward {
            virsh_args,
            note: hpc.asks_for_control().then_some(PLAIN),
        },
    })
}

/// One `help`: of everything, of `migrate`, of a command `hpc-*`, or virsh's business.
fn help(line: &Line<'_>, command: &[Word]) -> Invocation {
    let virsh_args = line.without(&[]);
    let topic = match command {
        [_] => Topic::Everything,
        [_, name] if name.text == b"migrate" => Topic::Migrate,
        [_, name] if hpc_commands::is_name(&name.text) || name.text == b"hpc" => {
            let words = vec!["hpc-help".into()];
            return Invocation::HpcCommand {
                globals: Globals::default(),
                words,
            };
        }
        _ => {
            return Invocation::Forward {
                virsh_args,
                note: None,
            };
        }
    };
    Invocation::Help { virsh_args, topic }
}
