//! The words of a command line, and how to leave some of them out.
//!
//! virsh reads one remaining argument as a string, much like a shell, and several as words that
//! need no reading. Source: `vshCommandStringGetArg` and `vshCommandArgvGetArg` in `tools/vsh.c`.

use std::ffi::{OsStr, OsString};
use std::ops::Range;
use std::os::unix::ffi::{OsStrExt, OsStringExt};

/// One word of a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Word {
    /// The word, quotes and escapes resolved.
    pub(crate) text: Vec<u8>,
    /// Where it stands: bytes of the string, or the index of the argument.
    place: Range<usize>,
}

impl Word {
    pub(crate) fn to_os_string(&self) -> OsString {
        OsString::from_vec(self.text.clone())
    }
}

/// The commands of a command line, each of at least one word.
#[derive(Debug)]
pub(crate) struct Line<'a> {
    args: &'a [OsString],
    /// The argument that holds the commands as a string; else the words are arguments.
    string: Option<usize>,
    commands: Vec<Vec<Word>>,
}

impl<'a> Line<'a> {
    /// Reads what follows virsh's own options; `None` where virsh itself cannot.
    pub(crate) fn read(args: &'a [OsString], rest: usize) -> Option<Self> {
        if args.len() - rest == 1 {
            let commands = split(args[rest].as_bytes())?;
            return Some(Self {
                args,
                string: Some(rest),
                commands,
            });
        }
        Some(Self {
            args,
            string: None,
            commands: vec![of_args(args).split_off(rest)],
        })
    }

    pub(crate) fn commands(&self) -> &[Vec<Word>] {
        &self.commands
    }

    /// The arguments without those words; every other byte stays as it was typed.
    pub(crate) fn without(&self, left_out: &[Word]) -> Vec<OsString> {
        let mut args = self.args.to_vec();
        let Some(string) = self.string else {
            for word in left_out.iter().rev() {
                args.drain(word.place.clone());
            }
            return args;
        };
        let mut text = self.args[string].as_bytes().to_vec();
        for word in left_out.iter().rev() {
            text.drain(word.place.clone());
        }
        args[string] = OsString::from_vec(text);
        args
    }
}

/// Arguments that are words already.
pub(crate) fn of_args(args: &[OsString]) -> Vec<Word> {
    let word = |(i, arg): (usize, &OsString)| Word {
        text: arg.as_bytes().to_vec(),
        place: i..i + 1,
    };
    args.iter().enumerate().map(word).collect()
}

/// A word as a shell's user types it, without its quotes; as it is if a quote is still open.
pub(crate) fn unquoted(typed: &OsStr) -> OsString {
    match read_word(typed.as_bytes(), 0) {
        Some(word) if word.place.end == typed.len() => word.to_os_string(),
        _ => typed.to_owned(),
    }
}

/// `--name=value` without its dashes, in two.
pub(crate) fn split_option(word: &[u8]) -> (&[u8], Option<&[u8]>) {
    let option = word.get(2..).unwrap_or_default();
    match option.iter().position(|&byte| byte == b'=') {
        Some(equals) => (&option[..equals], Some(&option[equals + 1..])),
        None => (option, None),
    }
}

/// Splits a string into commands; `None` for a dangling backslash or an open double quote.
fn split(text: &[u8]) -> Option<Vec<Vec<Word>>> {
    let mut commands = vec![Vec::new()];
    let mut at = 0;
    while at < text.len() {
        match text[at] {
            b' ' | b'\t' => at += 1,
            b'\\' if text.get(at + 1) == Some(&b'\n') => at += 2,
            b';' | b'\n' => {
                at += 1;
                commands.push(Vec::new());
            }
            b'#' => {
                at += text[at..]
                    .iter()
                    .position(|&byte| byte == b'\n')
                    .unwrap_or(text.len() - at);
            }
            _ => {
                let word = read_word(text, at)?;
                at = word.place.end;
                commands.last_mut()?.push(word);
            }
        }
    }
    commands.retain(|words| !words.is_empty());
    Some(commands)
}

fn read_word(text: &[u8], start: usize) -> Option<Word> {
    let mut word = Vec::new();
    let (mut single, mut double) = (false, false);
    let mut at = start;
    while let Some(&byte) = text.get(at) {
        at += 1;
        match byte {
            b' ' | b'\t' | b';' | b'\n' if !single && !double => {
                at -= 1;
                break;
            }
            b'\'' if !double => single = !single,
            b'"' if !single => double = !double,
            b'\\' if !single => {
                let escaped = *text.get(at)?;
                at += 1;
                if escaped != b'\n' {
                    word.push(escaped);
                }
            }
            _ => word.push(byte),
        }
    }
    // An open single quote ends with the string: virsh does not mind.
    (!double).then_some(Word {
        text: word,
        place: start..at,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Option<Vec<Vec<String>>> {
        let string = |word: Word| String::from_utf8(word.text).unwrap_or_default();
        let commands = split(text.as_bytes())?;
        Some(
            commands
                .into_iter()
                .map(|words| words.into_iter().map(string).collect())
                .collect(),
        )
    }

    #[test]
    fn quotes_and_escapes_resolve_as_in_virsh() {
        for (text, expected) in [
            ("echo a  b\tc", &["echo", "a", "b", "c"][..]),
            (
                r#"echo "a b" 'c "d' e'f'g"#,
                &["echo", "a b", "c \"d", "efg"],
            ),
            (r"echo a\ b '\' \x", &["echo", "a b", "\\", "x"]),
            (r#"echo "a\"b" "" ''"#, &["echo", "a\"b", "", ""]),
            ("echo a\\\nb \\\n c", &["echo", "ab", "c"]),
            ("echo a#b 'open", &["echo", "a#b", "open"]),
        ] {
            let expected = expected.iter().map(|&word| word.to_owned()).collect();
            assert_eq!(words(text), Some(vec![expected]), "{text}");
        }
    }

    #[test]
    fn separators_and_comments_end_a_command() {
        let commands = words(";; a b;c # d;e\nf\n#g").unwrap_or_default();
        assert_eq!(commands, [vec!["a", "b"], vec!["c"], vec!["f"]]);
        assert_eq!(words(" \t#nothing"), Some(vec![]));
    }

    #[test]
    fn virsh_refuses_a_dangling_backslash_and_an_open_quote() {
        assert_eq!(words("echo \\"), None);
        assert_eq!(words("echo \"a"), None);
        assert_eq!(words("echo \"a\\"), None);
    }

    #[test]
    fn words_left_out_take_no_other_byte_with_them() {
        let args = [OsString::from("-q"), OsString::from(" a  'b c' \td;# x")];
        let line = Line::read(&args, 1).unwrap();
        let without = line.without(&line.commands()[0][1..2]);
        assert_eq!(
            without,
            [OsString::from("-q"), OsString::from(" a   \td;# x")]
        );

        let args = ["-q", "a", "b", "c"].map(OsString::from);
        let line = Line::read(&args, 1).unwrap();
        let left_out = [line.commands()[0][0].clone(), line.commands()[0][2].clone()];
        assert_eq!(line.without(&left_out), ["-q", "b"].map(OsString::from));
    }
}
