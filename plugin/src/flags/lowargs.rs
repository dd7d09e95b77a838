//! A `migrate` as it was typed: which options, with which values.
//!
//! Ours are taken out first, so that virsh's grammar is read as if they had never been there.

use super::defs::{Grammar, Opt, Position, Virsh};
use super::error::UsageError;
use super::hpc::HpcOption;
use super::table;
use super::words::Word;

/// The prefix of every option of ours.
pub(super) const PREFIX: &[u8] = b"--hpc-";

/// An option of ours, as typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Ours {
    pub(super) name: &'static str,
    pub(super) option: HpcOption,
    /// Empty for an option without a value.
    pub(super) value: Vec<u8>,
}

/// A command's words, ours apart from virsh's.
#[derive(Debug, Default)]
pub(super) struct Sorted {
    pub(super) ours: Vec<Ours>,
    pub(super) our_words: Vec<Word>,
    pub(super) virsh_words: Vec<Word>,
}

/// An option of virsh's, as typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Given {
    pub(super) opt: &'static Opt,
    /// Empty for an option without a value.
    pub(super) value: Vec<u8>,
}

/// virsh's part of a `migrate`, as typed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct LowArgs {
    pub(super) given: Vec<Given>,
    pub(super) help: bool,
}

/// virsh refuses the command; its message says why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Refused;

/// Whether a `migrate` has an option of ours.
pub(super) fn has_ours(words: &[Word]) -> bool {
    words[0].text == b"migrate" && words.iter().any(|word| word.text.starts_with(PREFIX))
}

/// Takes the options of ours out of the words after the command's name.
pub(super) fn sort(words: &[Word]) -> Result<Sorted, UsageError> {
    let mut sorted = Sorted::default();
    let mut words = words.iter().cloned();
    while let Some(word) = words.next() {
        if word.text == b"--" {
            sorted.virsh_words.push(word);
            sorted.virsh_words.extend(words.by_ref());
        } else if word.text.starts_with(PREFIX) {
            sorted.take_ours(word, &mut words)?;
        } else {
            let awaits_value = awaits_value(&word.text);
            sorted.virsh_words.push(word);
            if awaits_value {
                sorted.virsh_words.extend(words.next());
            }
        }
    }
    Ok(sorted)
}

impl Sorted {
    fn take_ours(
        &mut self,
        word: Word,
        words: &mut impl Iterator<Item = Word>,
    ) -> Result<(), UsageError> {
        let (name, attached) = split_option(&word.text);
        let (opt, option) = table::of_ours(name).ok_or_else(|| UsageError::UnknownOption {
            name: String::from_utf8_lossy(name).into_owned(),
        })?;
        let name = opt.name;
        if self.ours.iter().any(|ours| ours.option == option) {
            return Err(UsageError::Repeated { name });
        }
        let mut value = attached.map(<[u8]>::to_vec);
        self.our_words.push(word);
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
            self.our_words.push(word);
        }
        self.ours.push(Ours {
            name,
            option,
            value: value.unwrap_or_default(),
        });
        Ok(())
    }
}

/// Whether the next word after those of virsh's may be an option: not if it is a value, or comes after `--`.
pub(super) fn may_go_on_with_option(words: &[Word]) -> bool {
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

/// `--name=value` without its dashes, in two.
fn split_option(word: &[u8]) -> (&[u8], Option<&[u8]>) {
    let option = word.get(2..).unwrap_or_default();
    match option.iter().position(|&byte| byte == b'=') {
        Some(equals) => (&option[..equals], Some(&option[equals + 1..])),
        None => (option, None),
    }
}

impl LowArgs {
    /// Reads virsh's words after the command's name, as `vshCommandParse` does.
    pub(super) fn parse(words: &[Word], virsh: Virsh, grammar: Grammar) -> Result<Self, Refused> {
        let mut low = Self::default();
        let mut values_only = false;
        let mut words = words.iter();
        while let Some(word) = words.next() {
            let text = word.text.as_slice();
            if !values_only && text == b"--" {
                values_only = true;
            } else if !values_only && is_option(text, grammar) {
                low.read_option(text, &mut words, virsh, grammar)?;
            } else {
                low.fill_position(text, virsh, grammar)?;
            }
        }
        let required = |opt: &&Opt| opt.position == Position::Required;
        let missing = table::virshs(virsh)
            .filter(required)
            .any(|opt| !low.has(opt));
        if missing && !low.help {
            Err(Refused)
        } else {
            Ok(low)
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
        self.given.push(Given {
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
        self.given.push(Given {
            opt,
            value: word.to_vec(),
        });
        Ok(())
    }

    /// Whether the option has been given.
    pub(super) fn has(&self, opt: &Opt) -> bool {
        self.has_named(opt.name)
    }

    /// Whether the option of that name has been given.
    pub(super) fn has_named(&self, name: &str) -> bool {
        self.given.iter().any(|given| given.opt.name == name)
    }
}

fn is_option(word: &[u8], grammar: Grammar) -> bool {
    match grammar {
        Grammar::Early => matches!(word, [b'-', b'-', c, ..] if c.is_ascii_alphanumeric()),
        Grammar::Late => word.starts_with(b"--"),
    }
}
