//! What may come next on a command line: virsh's hidden command `complete`, with what virsh-hpc adds.
//!
//! `complete -- WORD…` prints what the last word may become, one candidate a line; a shell's completion asks
//! it. virsh answers for its own commands and options, virsh-hpc's come from the tables that command lines are read
//! by. Source: `cmdComplete` and `vshReadlineParse` in `tools/vsh.c` of libvirt 9.0.0 and 11.3.0.
//!
//! virsh's own script for bash puts `-c` and `-r` in front of `complete`; virsh-hpc's leaves them among the words,
//! and either is understood.

mod current_word;
mod hpc_command;
mod migrate;
mod value;

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;

use super::hpc::commands;
use super::virsh::command_words::unquoted;
use super::virsh::globals::{self, Globals};
pub use current_word::Completion;
use current_word::CurrentWord;

/// Completes the last of `words`, which are as they were typed, quotes included. `front` is what virsh's
/// options in front of `complete` say.
pub(super) fn complete(front: Globals, words: &[OsString]) -> Completion {
    let (current, before) = match words.split_last() {
        Some((current, before)) => (current.as_os_str(), before),
        None => (OsStr::new(""), words),
    };
    let mut globals = front;
    let typed: Vec<_> = before.iter().map(|word| unquoted(word)).collect();
    let Some(at) = globals::command_at(&typed, &mut globals) else {
        return Completion::default();
    };
    let word = CurrentWord { globals, current };
    match before[at..].split_first() {
        None => command(&word),
        Some((name, typed)) => argument(&word, name, typed),
    }
}

/// The name of a command, or an option in front of it.
fn command(word: &CurrentWord<'_>) -> Completion {
    if word.is_option() {
        let options = globals::LONG.iter().map(|long| format!("--{}", long.0));
        return word.ours(options);
    }
    Completion {
        virsh_args: Some(word.virsh_args(&[])),
        ..word.ours(commands::NAMES)
    }
}

/// A word after the command `name` and the words `typed`.
fn argument(word: &CurrentWord<'_>, name: &OsString, typed: &[OsString]) -> Completion {
    match name.as_bytes() {
        b"migrate" => migrate::complete(word, typed),
        b"help" if typed.is_empty() => Completion {
            virsh_args: Some(word.virsh_args(&["help".into()])),
            ..word.ours(commands::NAMES)
        },
        ours if commands::is_name(ours) => hpc_command::complete(word, ours, typed),
        _ => word.virshs(&[std::slice::from_ref(name), typed].concat()),
    }
}

#[cfg(test)]
mod tests;
