//! virsh's part of a `migrate` as it was typed: which options, with which values.

use super::option::{Opt, Position};
use super::table;
use crate::flags::virsh::command_words::{Word, split_option};
use crate::flags::virsh::release::{Grammar, Virsh};

/// An option of virsh's, as typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TypedOption {
    pub(crate) opt: &'static Opt,
    /// Empty for an option without a value.
    pub(crate) value: Vec<u8>,
}

/// virsh's part of a `migrate`, as typed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct TypedOptions {
    pub(crate) given: Vec<TypedOption>,
    pub(crate) help: bool,
}

/// virsh refuses the command; its message says why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Refused;

impl TypedOptions {
    /// Reads virsh's words after the command's name, as `vshCommandParse` does.
    pub(crate) fn parse(words: &[Word], virsh: Virsh, grammar: Grammar) -> Result<Self, Refused> {
        let mut typed = Self::default();
        let mut values_only = false;
        let mut words = words.iter();
        while let Some(word) = words.next() {
            let text = word.text.as_slice();
            if !values_only && text == b"--" {
                values_only = true;
            } else if !values_only && is_option(text, grammar) {
                typed.read_option(text, &mut words, virsh, grammar)?;
            } else {
                typed.fill_position(text, virsh, grammar)?;
            }
        }
        let required = |opt: &&Opt| opt.position == Position::Required;
        let missing = table::virshs(virsh)
            .filter(required)
            .any(|opt| !typed.has(opt));
        if missing && !typed.help {
            Err(Refused)
        } else {
            Ok(typed)
        }
    }

    fn read_option<'w>(
        &mut self,
        word: &[u8],
        words: &mut impl Iterator<Item = &'w Word>,
        virsh: Virsh,
        grammar: Grammar,
    ) -> Result<(), Refused> {
        let (name, attached) = split_option(word);
        if name == b"help" {
            self.help = true;
            return if attached.is_some() && grammar == Grammar::Early {
                Err(Refused)
            } else {
                Ok(())
            };
        }
        let opt = table::of_virsh(name, virsh)
            .filter(|opt| !self.has(opt))
            .ok_or(Refused)?;
        let value = match (opt.takes_value(), attached) {
            (true, Some(value)) => value,
            (true, None) => &words.next().ok_or(Refused)?.text,
            (false, None) => b"",
            (false, Some(_)) => return Err(Refused),
        };
        self.given.push(TypedOption {
            opt,
            value: value.to_vec(),
        });
        Ok(())
    }

    /// Gives a word without a name to the first positional option that has no value yet.
    fn fill_position(
        &mut self,
        word: &[u8],
        virsh: Virsh,
        grammar: Grammar,
    ) -> Result<(), Refused> {
        let free = |opt: &&Opt| opt.is_positional(grammar) && !self.has(opt);
        let opt = table::virshs(virsh).find(free).ok_or(Refused)?;
        self.given.push(TypedOption {
            opt,
            value: word.to_vec(),
        });
        Ok(())
    }

    /// Whether the option has been given.
    pub(crate) fn has(&self, opt: &Opt) -> bool {
        self.has_named(opt.name)
    }

    /// Whether the option of that name has been given.
    pub(crate) fn has_named(&self, name: &str) -> bool {
        self.given.iter().any(|given| given.opt.name == name)
    }
}

fn is_option(word: &[u8], grammar: Grammar) -> bool {
    match grammar {
        Grammar::Early => matches!(word, [b'-', b'-', c, ..] if c.is_ascii_alphanumeric()),
        Grammar::Late => word.starts_with(b"--"),
    }
}
