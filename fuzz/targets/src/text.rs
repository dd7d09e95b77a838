//! What is shown to people.

use libvirt_hpc_plugin::harmless::is_unprintable;

/// Panics if `text`, which is `what`, could drive a terminal. Ends of lines and tabulators are its own.
pub(crate) fn assert_printable(what: &str, text: &str) {
    let harmful = |character: char| is_unprintable(character) && !"\n\r\t".contains(character);
    let found = text.find(harmful);
    assert_eq!(found, None, "{what} could drive a terminal: {text:?}");
}

/// Panics if `text`, which is `what`, is not one line that can be shown.
pub(crate) fn assert_one_line(what: &str, text: &str) {
    let found = text.find(is_unprintable);
    assert_eq!(found, None, "{what} is not one printable line: {text:?}");
}

/// Panics if `line`, from 1, is not one of `bytes`.
pub(crate) fn assert_line_of(bytes: &[u8], line: u64) {
    let lines = bytes.split(|byte| *byte == b'\n').count() as u64;
    assert!((1..=lines).contains(&line), "line {line} of {lines}");
}
