//! The word to be completed, and how candidates for it are found.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;

use super::value::Value;
use crate::flags::hpc::values::ReplayLaw;
use crate::flags::virsh::globals::Globals;
use crate::laws;

/// The candidates for a word.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Completion {
    /// The arguments by which the real virsh prints its candidates; none where it can know of none.
    pub virsh_args: Option<Vec<OsString>>,
    /// virsh-hpc's candidates.
    pub ours: Vec<String>,
}

/// A word to be completed, and virsh's options in front of it.
pub(super) struct CurrentWord<'a> {
    pub(super) globals: Globals,
    pub(super) current: &'a OsStr,
}

impl CurrentWord<'_> {
    /// The value of an option or a position of virsh-hpc's; `option` is what stands in front of it in the same word.
    pub(super) fn value(&self, value: Value, option: &str) -> Completion {
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
    pub(super) fn virshs(&self, words: &[OsString]) -> Completion {
        Completion {
            virsh_args: Some(self.virsh_args(words)),
            ours: Vec::new(),
        }
    }

    /// Those of virsh-hpc's candidates that begin as the word does.
    pub(super) fn ours(&self, all: impl IntoIterator<Item = impl Into<String>>) -> Completion {
        let begins = |candidate: &String| candidate.as_bytes().starts_with(self.current.as_bytes());
        Completion {
            virsh_args: None,
            ours: all.into_iter().map(Into::into).filter(begins).collect(),
        }
    }

    /// The arguments by which virsh completes the word after `words`: with the connection that is meant, and
    /// none of the options that would print something else.
    pub(super) fn virsh_args(&self, words: &[OsString]) -> Vec<OsString> {
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

    pub(super) fn is_option(&self) -> bool {
        self.current.as_bytes().starts_with(b"-")
    }

    /// The name in `--name=value`.
    pub(super) fn name_with_value(&self) -> Option<&str> {
        let (name, _) = self.current.to_str()?.split_once('=')?;
        name.strip_prefix("--")
    }
}
