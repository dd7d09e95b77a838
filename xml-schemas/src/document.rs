//! Checks of a document before it is parsed: its length and its characters.

use crate::report::PolicyError;

/// The largest document: libvirt's remote protocol carries no longer string (`REMOTE_STRING_MAX` in
/// src/remote/remote_protocol.x).
pub const MAX_DOCUMENT_BYTES: usize = 4 * 1024 * 1024;

/// The document as text, if it is short enough and all of it is XML characters.
pub(crate) fn characters(bytes: &[u8]) -> Result<&str, PolicyError> {
    if bytes.len() > MAX_DOCUMENT_BYTES {
        return Err(PolicyError {
            line: 1,
            reason: format!("the document is longer than {MAX_DOCUMENT_BYTES} bytes"),
        });
    }
    let text = std::str::from_utf8(bytes).map_err(|error| PolicyError {
        line: line_at(bytes, error.valid_up_to() as u64),
        reason: "not UTF-8, which is all that libvirt writes".to_owned(),
    })?;
    match text.char_indices().find(|(_, char)| !is_xml(*char)) {
        None => Ok(text),
        Some((offset, char)) => Err(PolicyError {
            line: line_at(bytes, offset as u64),
            reason: format!("U+{:04X} is no character of XML", u32::from(char)),
        }),
    }
}

/// The production `Char` of XML 1.0.
fn is_xml(char: char) -> bool {
    matches!(char, '\t' | '\n' | '\r' | ' '..='\u{fffd}' | '\u{10000}'..)
}

pub(crate) fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

/// The line, from 1, of the byte at `offset`.
pub(crate) fn line_at(bytes: &[u8], offset: u64) -> u64 {
    let before = usize::try_from(offset).map_or(bytes.len(), |offset| offset.min(bytes.len()));
    let newlines = bytes[..before].iter().filter(|byte| **byte == b'\n');
    newlines.count() as u64 + 1
}
