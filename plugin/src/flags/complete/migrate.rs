//! The words of a `migrate`: virsh's candidates as if ours had never been there, and ours.

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;

use super::super::error::UsageError;
use super::super::lowargs::{self, Sorted};
use super::super::table::{self, MIGRATE_OPTIONS};
use super::super::words::{self, Word};
use super::value::Value;
use super::{Asked, Completion};

impl Asked<'_> {
    /// A word after `migrate` and the words `typed`.
    pub(super) fn of_migrate(&self, typed: &[OsString]) -> Completion {
        let sorted = match lowargs::sort(&words::of_args(typed)) {
            Ok(sorted) => sorted,
            Err(UsageError::MissingValue { name, .. }) => {
                return self.value(value(name), "");
            }
            Err(_) => return Completion::default(),
        };
        let theirs = sorted.virsh_words.iter().map(Word::to_os_string);
        let asking: Vec<_> = ["migrate".into()].into_iter().chain(theirs).collect();
        if !lowargs::may_go_on_with_option(&sorted.virsh_words) {
            return self.virshs(&asking);
        }
        if !self.current.as_bytes().starts_with(lowargs::PREFIX) {
            let ours = self.options(&sorted);
            let virsh_args = Some(self.virsh_args(&asking));
            return Completion { virsh_args, ..ours };
        }
        match self.name_with_value() {
            Some(name) => self.value(value(name), &format!("--{name}=")),
            None => self.options(&sorted),
        }
    }

    /// The options of ours that were not given yet.
    fn options(&self, sorted: &Sorted) -> Completion {
        let given = |name| sorted.ours.iter().any(|ours| ours.name == name);
        let ours = MIGRATE_OPTIONS.iter().filter(|opt| opt.is_ours());
        let free = ours.filter(|opt| !given(opt.name));
        self.ours(free.map(|opt| format!("--{}", opt.name)))
    }
}

/// What the option of ours of that name takes.
fn value(name: &str) -> Value {
    match table::of_ours(name.as_bytes()) {
        Some((_, option)) => Value::of_option(option),
        None => Value::Anything,
    }
}
