//! The words of a command `hpc-*`.

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;

use clap::{Arg, Command};

use super::current_word::{Completion, CurrentWord};
use super::value::Value;
use crate::flags::hpc::commands;

/// What may stand where the word does.
enum Next<'a> {
    /// The value of an option.
    Value(&'a Arg),
    /// An option, or a value without a name.
    Any(Option<&'a Arg>),
}

/// A word after the command `name` and the words `typed`.
pub(super) fn complete(current: &CurrentWord<'_>, name: &[u8], typed: &[OsString]) -> Completion {
    let mut commands = commands::commands().into_iter();
    let Some(command) = commands.find(|command| command.get_name().as_bytes() == name) else {
        return Completion::default();
    };
    let value = |arg: &Arg| Value::of_argument(command.get_name(), arg.get_id().as_str());
    let position = match next(&command, typed) {
        Next::Value(arg) => return current.value(value(arg), ""),
        Next::Any(position) => position,
    };
    if let Some(name) = current.name_with_value() {
        let takes = option(&command, name.as_bytes()).map_or(Value::Anything, value);
        return current.value(takes, &format!("--{name}="));
    }
    match position {
        Some(position) if !current.is_option() => current.value(value(position), ""),
        _ => current.ours(free(&command, typed)),
    }
}

/// Reads the words that were typed.
fn next<'a>(command: &'a Command, typed: &[OsString]) -> Next<'a> {
    let mut positions = command.get_positionals().peekable();
    let mut words = typed.iter().map(|word| word.as_bytes());
    while let Some(word) = words.next() {
        let Some(name) = word.strip_prefix(b"-") else {
            // One that takes several values takes all that follow.
            positions.next_if(|arg| !takes_several(arg));
            continue;
        };
        let known = match name.strip_prefix(b"-") {
            Some(long) => option(command, long),
            None => short(command, name),
        };
        let takes_value = |arg: &&Arg| arg.get_action().takes_values();
        if let Some(arg) = known.filter(takes_value)
            && words.next().is_none()
        {
            return Next::Value(arg);
        }
    }
    Next::Any(positions.next())
}

fn takes_several(arg: &Arg) -> bool {
    arg.get_num_args()
        .is_some_and(|number| number.max_values() > 1)
}

fn option<'a>(command: &'a Command, name: &[u8]) -> Option<&'a Arg> {
    let is_meant = |arg: &&Arg| arg.get_long().is_some_and(|long| long.as_bytes() == name);
    command.get_arguments().find(is_meant)
}

/// An option by its letter alone, with the value in the next word.
fn short<'a>(command: &'a Command, name: &[u8]) -> Option<&'a Arg> {
    let is_meant = |arg: &&Arg| {
        arg.get_short()
            .is_some_and(|letter| name == letter.to_string().as_bytes())
    };
    command.get_arguments().find(is_meant)
}

/// The options that were not given yet.
fn free(command: &Command, typed: &[OsString]) -> Vec<String> {
    let given = |long: &str| {
        let mut names = typed
            .iter()
            .filter_map(|word| word.to_str()?.strip_prefix("--"));
        names.any(|name| name.split('=').next() == Some(long))
    };
    let by_letter = |arg: &&Arg| {
        let letter = arg.get_short().map(|letter| format!("-{letter}"));
        typed.iter().any(|word| word.to_str() == letter.as_deref())
    };
    let arguments = command.get_arguments().filter(|arg| !by_letter(arg));
    arguments
        .filter_map(Arg::get_long)
        .filter(|long| !given(long))
        .map(|long| format!("--{long}"))
        .collect()
}
