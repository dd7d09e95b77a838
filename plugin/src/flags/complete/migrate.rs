//! The words of a `migrate`: virsh's candidates as if options `--hpc-*` had never been there, and those.

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;

use super::current_word::{Completion, CurrentWord};
use super::value::Value;
use crate::flags::hpc::options::PREFIX;
use crate::flags::hpc::usage_error::UsageError;
use crate::flags::migrate::separate::{Separated, may_go_on_with_option, separate};
use crate::flags::migrate::table::{self, MIGRATE_OPTIONS};
use crate::flags::virsh::command_words::{self, Word};

/// A word after `migrate` and the words `typed`.
pub(super) fn complete(word: &CurrentWord<'_>, typed: &[OsString]) -> Completion {
    let separated = match separate(&command_words::of_args(typed)) {
        Ok(separated) => separated,
        Err(UsageError::MissingValue { name, .. }) => {
            return word.value(value(name), "");
        }
        Err(_) => return Completion::default(),
    };
    let theirs = separated.virsh_words.iter().map(Word::to_os_string);
    let asking: Vec<_> = ["migrate".into()].into_iter().chain(theirs).collect();
    if !may_go_on_with_option(&separated.virsh_words) {
        return word.virshs(&asking);
    }
    if !word.current.as_bytes().starts_with(PREFIX) {
        let ours = options(word, &separated);
        let virsh_args = Some(word.virsh_args(&asking));
        return Completion { virsh_args, ..ours };
    }
    match word.name_with_value() {
        Some(name) => word.value(value(name), &format!("--{name}=")),
        None => options(word, &separated),
    }
}

/// The options `--hpc-*` that were not given yet.
fn options(word: &CurrentWord<'_>, separated: &Separated) -> Completion {
    let given = |name| separated.hpc_options.iter().any(|given| given.name == name);
    let ours = MIGRATE_OPTIONS.iter().filter(|opt| opt.is_hpc());
    let free = ours.filter(|opt| !given(opt.name));
    word.ours(free.map(|opt| format!("--{}", opt.name)))
}

/// What the option `--hpc-*` of that name takes.
fn value(name: &str) -> Value {
    match table::of_hpc(name.as_bytes()) {
        Some((_, option)) => Value::of_option(option),
        None => Value::Anything,
    }
}
