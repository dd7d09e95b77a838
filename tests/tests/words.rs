//! One word for one thing: what docs/glossary.md replaces is found nowhere else, in names, output, comments or documents.

use std::fs;
use std::path::{Path, PathBuf};

/// Written by others, or data: recorded traces, what virsh prints, licences, what is built.
const NOT_OURS: [&str; 7] = [
    ".git",
    "target",
    "Cargo.lock",
    "LICENSE",
    "docs/glossary.md",
    "docs/virsh-cases.md",
    "tests/traces",
];

/// A name in files that others keep.
const KEPT: &str = "#[serde(rename = ";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// What the third column of the glossary's table lists.
fn replaced(glossary: &str) -> Vec<String> {
    let rows = glossary.lines().filter(|line| line.starts_with("| **"));
    let cells = rows.filter_map(|row| row.trim_end_matches('|').rsplit('|').next());
    let words = cells.flat_map(|cell| cell.split(','));
    words
        .map(|word| word.trim().to_owned())
        .filter(|word| !word.is_empty())
        .collect()
}

/// A text in small letters, with one blank between two words: those of a name count as words, whether it is in snake or in
/// camel case.
fn words(text: &str) -> String {
    let mut words = String::from(" ");
    let mut before = ' ';
    for letter in text.chars() {
        let begins = letter.is_uppercase() && before.is_lowercase();
        if (begins || !letter.is_alphanumeric()) && !words.ends_with(' ') {
            words.push(' ');
        }
        if letter.is_alphanumeric() {
            words.extend(letter.to_lowercase());
        }
        before = letter;
    }
    if !words.ends_with(' ') {
        words.push(' ');
    }
    words
}

fn files(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).expect("a directory") {
        let path = entry.expect("an entry").path();
        let name = path.strip_prefix(root()).expect("below the root");
        if NOT_OURS.iter().any(|other| name.starts_with(other)) || path.is_symlink() {
            continue;
        }
        if path.is_dir() {
            files(&path, found);
        } else {
            found.push(path);
        }
    }
}

#[test]
fn words_that_were_replaced_are_gone() {
    let glossary = fs::read_to_string(root().join("docs/glossary.md")).expect("the glossary");
    let replaced = replaced(&glossary);
    assert!(replaced.len() > 10, "{replaced:?}");
    let mut paths = Vec::new();
    files(&root(), &mut paths);
    let mut found = Vec::new();
    for path in paths {
        // What is no text has no words.
        let Ok(text) = fs::read_to_string(&path) else {
            continue;
        };
        for (line, text) in text.lines().enumerate() {
            if text.contains(KEPT) {
                continue;
            }
            let text = words(text);
            let bad = replaced
                .iter()
                .filter(|word| text.contains(&format!(" {word} ")));
            found.extend(bad.map(|word| format!("{}:{}: {word}", path.display(), line + 1)));
        }
    }
    assert!(
        found.is_empty(),
        "{} places:\n{}",
        found.len(),
        found.join("\n")
    );
}

#[test]
fn names_are_words() {
    assert_eq!(
        words("RoomAtIt, room_at(2) \"X\""),
        " room at it room at 2 x "
    );
    assert_eq!(
        replaced("| **a** | b | c, d e |\n| f | g | h |\n| **i** | j | |"),
        ["c", "d e"]
    );
}
