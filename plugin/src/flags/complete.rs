//! What may come next on a command line: virsh's hidden command `complete`, with what is ours.
//!
//! `complete -- WORD…` prints what the last word may become, one candidate a line; a shell's completion asks
//! it. virsh answers for its own commands and options, ours come from the tables that command lines are read
//! by. Source: `cmdComplete` and `vshReadlineParse` in `tools/vsh.c` of libvirt 9.0.0 and 11.3.0.
//!
//! virsh's own script for bash puts `-c` and `-r` in front of `complete`; ours leave them among the words,
//! and either is understood.

mod migrate;
mod own_command;
mod value;

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;

use super::globals::{self, Globals};
use super::values::ReplayLaw;
use super::{own, words};
use crate::laws;
use value::Value;

/// The candidates for a word.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Completion {
    /// The arguments by which the real virsh prints its candidates; none where it can know of none.
    pub virsh_args: Option<Vec<OsString>>,
    /// Our candidates.
    pub ours: Vec<String>,
}

/// Completes the last of `words`, which are as they were typed, quotes included. `front` is what virsh's
/// options in front of `complete` say.
pub(super) fn complete(front: Globals, words: &[OsString]) -> Completion {
    let (current, before) = match words.split_last() {
        Some((current, before)) => (current.as_os_str(), before),
        None => (OsStr::new(""), words),
    };
    let mut globals = front;
    let unquoted: Vec<_> = before.iter().map(|word| words::unquoted(word)).collect();
    let Some(at) = globals::command_at(&unquoted, &mut globals) else {
        return Completion::default();
    };
    let asked = Asked { globals, current };
    match before[at..].split_first() {
        None => asked.command(),
        Some((name, typed)) => asked.argument(name, typed),
    }
}

/// A word to be completed, and virsh's options in front of it.
struct Asked<'a> {
    globals: Globals,
    current: &'a OsStr,
}

impl Asked<'_> {
    /// The name of a command, or an option in front of it.
    fn command(&self) -> Completion {
        if self.is_option() {
            let options = globals::LONG.iter().map(|long| format!("--{}", long.0));
            return self.ours(options);
        }
        Completion {
            virsh_args: Some(self.virsh_args(&[])),
            ..self.ours(own::NAMES)
        }
    }

    /// A word after the command `name` and the words `typed`.
    fn argument(&self, name: &OsString, typed: &[OsString]) -> Completion {
        match name.as_bytes() {
            b"migrate" => self.of_migrate(typed),
            b"help" if typed.is_empty() => Completion {
                virsh_args: Some(self.virsh_args(&["help".into()])),
                ..self.ours(own::NAMES)
            },
            ours if own::is_name(ours) => self.of_own(ours, typed),
            _ => self.virshs(&[std::slice::from_ref(name), typed].concat()),
        }
    }

    /// The value of an option or a position of ours; `option` is what stands in front of it in the same word.
    fn value(&self, value: Value, option: &str) -> Completion {
        match value {
            Value::Anything => Completion::default(),
            Value::OneOf(names) => self.ours(names.iter().map(|name| format!("{option}{name}"))),
            Value::Law { all } => {
                let word = all.then_some(ReplayLaw::ALL);
                self.ours(
                    laws::names()
                        .chain(word)
                        .map(|name| format!("{option}{name}")),
                )
            }
            Value::AfterComma(names) => match self.number_after(option) {
                None => Completion::default(),
                Some(number) => {
                    self.ours(names.iter().map(|name| format!("{option}{number},{name}")))
                }
            },
            Value::Domain { of } => self.virshs(&[of.into(), "--domain".into()]),
        }
    }

    /// What stands between `option` and a comma.
    fn number_after(&self, option: &str) -> Option<&str> {
        let typed = self.current.to_str()?.strip_prefix(option)?;
        let (number, _) = typed.split_once(',')?;
        (!number.is_empty()).then_some(number)
    }

    /// virsh's candidates alone.
    fn virshs(&self, words: &[OsString]) -> Completion {
        Completion {
            virsh_args: Some(self.virsh_args(words)),
            ours: Vec::new(),
        }
    }

    /// Those candidates of ours that begin as the word does.
    fn ours(&self, candidates: impl IntoIterator<Item = impl Into<String>>) -> Completion {
        let begins = |candidate: &String| candidate.as_bytes().starts_with(self.current.as_bytes());
        Completion {
            virsh_args: None,
            ours: candidates
                .into_iter()
                .map(Into::into)
                .filter(begins)
                .collect(),
        }
    }

    /// The arguments by which virsh completes the word after `words`: with the connection that is meant, and
    /// none of the options that would print something else.
    fn virsh_args(&self, words: &[OsString]) -> Vec<OsString> {
        let mut args = Vec::new();
        if self.globals.readonly {
            args.push("-r".into());
        }
        if let Some(uri) = &self.globals.connect {
            args.extend(["-c".into(), uri.clone()]);
        }
        args.extend(["complete".into(), "--".into()]);
        args.extend_from_slice(words);
        args.push(self.current.to_owned());
        args
    }

    fn is_option(&self) -> bool {
        self.current.as_bytes().starts_with(b"-")
    }

    /// The name in `--name=value`.
    fn name_with_value(&self) -> Option<&str> {
        let (name, _) = self.current.to_str()?.split_once('=')?;
        name.strip_prefix("--")
    }
}

#[cfg(test)]
mod tests;
