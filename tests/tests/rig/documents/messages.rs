//! Every message that docs/operations.md explains is one that libvirt-hpc's programs print.

use std::fs;
use std::path::Path;

use anyhow::{Result, ensure};

use super::blocks::project;

/// Where messages come from.
const SOURCES: [&str; 4] = [
    "plugin/src",
    "plugin/libvirt/src",
    "hook/src",
    "xml-schemas/src",
];

/// The messages in the first cells of a table whose head is `message`; a cell may have several.
fn quoted(document: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut inside = false;
    for line in document.lines() {
        if line.starts_with("| message |") {
            inside = true;
        } else if !line.starts_with('|') {
            inside = false;
        } else if inside && !line.starts_with("|---") {
            // Within backticks, for a message may hold a bar.
            let cell = line.split(" | ").next().unwrap_or_default();
            found.extend(cell.split('`').skip(1).step_by(2).map(str::to_owned));
        }
    }
    found
}

/// Source text as its messages read: continued lines joined, variable parts shown as `…`.
fn as_printed(source: &str) -> String {
    let mut joined = String::with_capacity(source.len());
    let mut rest = source;
    while let Some((before, after)) = rest.split_once("\\\n") {
        joined.push_str(before);
        rest = after.trim_start();
    }
    joined.push_str(rest);
    let mut printed = String::with_capacity(joined.len());
    let mut rest = joined.as_str();
    while let Some((before, after)) = rest.split_once('{') {
        printed.push_str(before);
        match after.split_once('}') {
            Some((inside, behind)) if !inside.contains(['\n', '{']) => {
                printed.push('…');
                rest = behind;
            }
            _ => {
                printed.push('{');
                rest = after;
            }
        }
    }
    printed.push_str(rest);
    printed
}

/// All sources, without their tests, which would find any message again.
fn sources(folder: &Path, into: &mut String) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.ends_with("tests") {
            continue;
        }
        if path.is_dir() {
            sources(&path, into)?;
        } else if path.extension().is_some_and(|e| e == "rs") && !path.ends_with("tests.rs") {
            let text = fs::read_to_string(&path)?;
            let code = text.split("#[cfg(test)]").next().unwrap_or_default();
            let code: Vec<_> = code
                .lines()
                .filter(|l| !l.trim().starts_with("//"))
                .collect();
            into.push_str(&as_printed(&code.join("\n")));
        }
    }
    Ok(())
}

/// The messages that nothing prints.
fn unknown(messages: &[String], printed: &str) -> Vec<String> {
    let is_unknown = |message: &&String| {
        // A colon at the end may be followed by anything.
        let text = message.trim_end_matches('…').trim_end_matches([':', ' ']);
        !printed.contains(text)
    };
    messages.iter().filter(is_unknown).cloned().collect()
}

#[test]
fn every_message_that_is_explained_is_printed() -> Result<()> {
    let mut printed = String::new();
    for folder in SOURCES {
        sources(&project().join(folder), &mut printed)?;
    }
    let document = fs::read_to_string(project().join("docs/operations.md"))?;
    let messages = quoted(&document);
    ensure!(messages.len() >= 50, "only {} messages", messages.len());
    let unknown = unknown(&messages, &printed);
    ensure!(unknown.is_empty(), "no program prints: {unknown:#?}");
    Ok(())
}

#[test]
fn a_message_that_nothing_prints_is_noticed() {
    let table = "| message | meaning |\n|---|---|\n| `a … b: …`, `c` | `d` |\n\n| `e` | |\n";
    let messages = quoted(table);
    assert_eq!(messages, ["a … b: …", "c"]);
    let printed = as_printed("warn!(\"a {x} \\\n      b: {error}\")");
    assert_eq!(unknown(&messages, &printed), ["c"]);
}
