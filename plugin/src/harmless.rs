//! Text of others, made harmless to whoever sees it: a name, an error or a document may hold what drives a terminal.

use std::io::{self, Write};

/// Text of others for a terminal, in one line: what could move the cursor, turn the direction of the text or worse is
/// shown as `?`.
#[must_use]
pub fn printable(text: &str) -> String {
    text.trim_end().replace(is_unprintable, "?")
}

/// The same of text that may have several lines, as libvirt's errors and documents do: their ends and tabs stay.
#[must_use]
pub fn printable_lines(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        let is_layout = match character {
            '\n' | '\t' => true,
            '\r' => characters.peek() == Some(&'\n'),
            _ => false,
        };
        let shows = is_layout || !is_unprintable(character);
        shown.push(if shows { character } else { '?' });
    }
    shown
}

/// The same JSON, safe to be shown: what serde leaves as it is, and a terminal or a reader may be misled by, is escaped.
/// Such characters can only be within strings, and all of them have four hexadecimal digits.
#[must_use]
pub fn json(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    for character in json.chars() {
        if is_unprintable(character) && character != '\n' {
            text += &format!("\\u{:04x}", u32::from(character));
        } else {
            text.push(character);
        }
    }
    text
}

/// Whether a character changes how others are shown: controls, Unicode's marks of direction (the property
/// `Bidi_Control`, Unicode Standard Annex 9) and of lines, and what no XML can hold, a picture's neither.
#[must_use]
pub fn is_unprintable(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{61c}'
                | '\u{200e}'
                | '\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2066}'..='\u{2069}'
                | '\u{fffe}'
                | '\u{ffff}'
        )
}

/// A stream to which all goes as [`printable_lines`] has it, whoever forgot to. Each write is a whole text.
#[derive(Debug)]
pub struct Harmless<W>(pub W);

impl<W: Write> Write for Harmless<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(bytes);
        self.0.write_all(printable_lines(&text).as_bytes())?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_drive_a_terminal_is_not_printed() {
        assert_eq!(printable("a\u{1b}[2Jb\nc\u{9b}d\n"), "a?[2Jb?c?d");
        assert_eq!(printable("moved\u{202e}devom"), "moved?devom");
    }

    /// DerivedCoreProperties and PropList of Unicode 16: `Bidi_Control`.
    #[test]
    fn no_mark_of_direction_is_printed() {
        let marks = ['\u{61c}', '\u{200e}', '\u{200f}']
            .into_iter()
            .chain('\u{202a}'..='\u{202e}')
            .chain('\u{2066}'..='\u{2069}');
        for mark in marks {
            assert!(is_unprintable(mark), "U+{:04X}", u32::from(mark));
        }
        // Names in Persian and of families of emoji need those.
        assert!(!is_unprintable('\u{200c}') && !is_unprintable('\u{200d}'));
    }

    #[test]
    fn lines_stay_lines_and_nothing_else_moves_the_cursor() {
        let text = "a\tb\r\nc\rd\n\u{1b}]0;x\u{7}é\u{85}";
        assert_eq!(printable_lines(text), "a\tb\r\nc?d\n?]0;x?é?");
    }

    #[test]
    fn json_stays_the_same_json() {
        let name = "a\u{9b}2J\u{202e}\u{7f}é";
        let written = serde_json::to_string_pretty(&[name]).expect("JSON");
        let shown = json(&written);
        assert_eq!(shown, "[\n  \"a\\u009b2J\\u202e\\u007fé\"\n]");
        let read: Vec<String> = serde_json::from_str(&shown).expect("JSON");
        assert_eq!(read, [name]);
    }

    #[test]
    fn whatever_is_written_to_the_stream_is_harmless() {
        let mut out = Harmless(Vec::new());
        let name = "vm\u{9b}";
        writeln!(out, "{name}\u{1b}[2J").expect("memory");
        out.write_all(b"\xff\n").expect("memory");
        assert_eq!(out.0, "vm??[2J\n\u{fffd}\n".as_bytes());
    }
}
