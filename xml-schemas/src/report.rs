//! The reader's errors and warnings about a document.

/// The most warnings kept of one document, so that a document of nothing but unknown elements costs neither memory nor
/// a flooded log.
pub const MAX_WARNINGS: usize = 16;

/// The longest piece of a document, and of the parser's words, in a message.
const MAX_QUOTED_CHARS: usize = 40;
const MAX_PARSER_CHARS: usize = 120;

/// Why a document gives no policy. The defaults apply in its place.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {reason}")]
pub struct PolicyError {
    /// The line of the document, from 1.
    pub line: u64,
    /// The reason, in one line of text.
    pub reason: String,
}

/// An unknown part of the policy that is ignored; the rest of the policy applies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// The line of the document, from 1.
    pub line: u64,
    /// The ignored part, in one line of text.
    pub reason: String,
}

/// The warnings of one document, [`MAX_WARNINGS`] at most.
#[derive(Debug, Default)]
pub(crate) struct Warnings(pub(crate) Vec<Warning>);

impl Warnings {
    /// Adds a warning while there is room; `line` is asked only then, since
    /// finding it means counting through the document.
    pub(crate) fn add(&mut self, line: impl FnOnce() -> u64, reason: impl FnOnce() -> String) {
        let room = MAX_WARNINGS.saturating_sub(self.0.len());
        if room == 0 {
            return;
        }
        let reason = match room {
            1 => "and more from here on, which is ignored too".to_owned(),
            _ => reason(),
        };
        let line = line();
        self.0.push(Warning { line, reason });
    }
}

/// A piece of the document for a message: quoted, on one line, shortened.
pub(crate) fn quoted(text: &str) -> String {
    format!("\"{}\"", one_line(text, MAX_QUOTED_CHARS))
}

/// quick-xml's message about the document, which may repeat any part of it.
pub(crate) fn parser_words(error: &dyn std::error::Error) -> String {
    one_line(&error.to_string(), MAX_PARSER_CHARS)
}

fn one_line(text: &str, max_chars: usize) -> String {
    let mut shown: String = text.chars().take(max_chars).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    shown.escape_debug().to_string()
}
