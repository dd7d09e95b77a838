//! The options `--hpc-*` of a `migrate` apart from virsh's words, which are then read as if those had never been there.

use super::option::Opt;
use super::table;
use crate::flags::hpc::options::{PREFIX, TypedHpcOption};
use crate::flags::virsh::command_words::{Word, split_option};
use crate::flags::{UsageError, Virsh};

/// A command's words, those of options `--hpc-*` apart from virsh's.
#[derive(Debug, Default)]
pub(crate) struct Separated {
    pub(crate) hpc_options: Vec<TypedHpcOption>,
    pub(crate) hpc_words: Vec<Word>,
    pub(crate) virsh_words: Vec<Word>,
}

/// Whether a `migrate` has an option `--hpc-*`.
pub(crate) fn has_hpc_option(words: &[Word]) -> bool {
    words[0].text == b"migrate" && words.iter().any(|word| word.text.starts_with(PREFIX))
}

/// Takes the options `--hpc-*` out of the words after the command's name.
pub(crate) fn separate(words: &[Word]) -> Result<Separated, UsageError> {
    let mut separated = Separated::default();
    let mut words = words.iter().cloned();
    while let Some(word) = words.next() {
        if word.text == b"--" {
            separated.virsh_words.push(word);
            separated.virsh_words.extend(words.by_ref());
        } else if word.text.starts_with(PREFIX) {
            separated.take_hpc_option(word, &mut words)?;
        } else {
            let awaits_value = awaits_value(&word.text);
            separated.virsh_words.push(word);
            if awaits_value {
                separated.virsh_words.extend(words.next());
            }
        }
    }
    Ok(separated)
}

impl Separated {
    fn take_hpc_option(
        &mut self,
        word: Word,
        words: &mut impl Iterator<Item = Word>,
    ) -> Result<(), UsageError> {
        let (name, attached) = split_option(&word.text);
        let (opt, option) = table::of_hpc(name).ok_or_else(|| UsageError::UnknownOption {
            name: String::from_utf8_lossy(name).into_owned(),
        })?;
        let name = opt.name;
        if self.hpc_options.iter().any(|given| given.option == option) {
            return Err(UsageError::Repeated { name });
        }
        let mut value = attached.map(<[u8]>::to_vec);
        self.hpc_words.push(word);
        if !opt.takes_value() {
            if value.is_some() {
                return Err(UsageError::UnexpectedValue { name });
            }
        } else if value.is_none() {
            let expected = option.expected();
            let word = words
                .next()
                .ok_or(UsageError::MissingValue { name, expected })?;
            value = Some(word.text.clone());
            self.hpc_words.push(word);
        }
        self.hpc_options.push(TypedHpcOption {
            name,
            option,
            value: value.unwrap_or_default(),
        });
        Ok(())
    }
}

/// Whether the next word after those of virsh's may be an option: not if it is a value, or comes after `--`.
pub(crate) fn may_go_on_with_option(words: &[Word]) -> bool {
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let awaits_value = awaits_value(&word.text);
        if word.text == b"--" || awaits_value && words.next().is_none() {
            return false;
        }
    }
    true
}

/// Whether virsh reads the next word as this one's value.
fn awaits_value(word: &[u8]) -> bool {
    let Some(b"--") = word.get(..2) else {
        return false;
    };
    let (name, attached) = split_option(word);
    attached.is_none() && table::of_virsh(name, Virsh::NEWEST).is_some_and(Opt::takes_value)
}
