//! The blocks of code of a Markdown document, and the commands of a shell in them.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command as Process, Stdio};

use anyhow::{Context, Result, ensure};

/// A block between two fences.
#[derive(Debug)]
pub(super) struct Block {
    /// The document, from the project's folder on.
    pub(super) document: String,
    /// The line of its first line, from 1.
    pub(super) line: usize,
    /// The language that the fence names.
    pub(super) language: String,
    /// The content.
    pub(super) text: String,
}

/// A command of a shell, as a document has it.
#[derive(Debug)]
pub(super) struct Command {
    /// The document and the line.
    pub(super) place: String,
    /// The command, of one or more lines, its comment with it.
    pub(super) text: String,
}

/// The project's folder.
pub(super) fn project() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// README.md, then docs, by name.
pub(super) fn documents() -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(project().join("docs"))? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if name.ends_with(".md") {
            names.push(format!("docs/{name}"));
        }
    }
    names.sort();
    names.insert(0, "README.md".to_owned());
    Ok(names)
}

/// The blocks of every document in one language.
pub(super) fn blocks_of(language: &str) -> Result<Vec<Block>> {
    let mut found = Vec::new();
    for document in documents()? {
        let text = fs::read_to_string(project().join(&document)).context(document.clone())?;
        found.extend(blocks(&document, &text));
    }
    found.retain(|block| block.language == language);
    Ok(found)
}

/// The blocks of one document.
pub(super) fn blocks(document: &str, text: &str) -> Vec<Block> {
    let mut found: Vec<Block> = Vec::new();
    let mut open = false;
    for (index, line) in text.lines().enumerate() {
        if let Some(language) = line.strip_prefix("```") {
            open = !open;
            if open {
                found.push(Block {
                    document: document.to_owned(),
                    line: index + 2,
                    language: language.trim().to_owned(),
                    text: String::new(),
                });
            }
        } else if let Some(block) = found.last_mut().filter(|_| open) {
            block.text.push_str(line);
            block.text.push('\n');
        }
    }
    found
}

/// The commands of a block: a line, or as many as it takes until a shell finds them whole.
pub(super) fn commands(block: &Block) -> Result<Vec<Command>> {
    let mut found = Vec::new();
    let mut begun: Option<Command> = None;
    for (index, line) in block.text.lines().enumerate() {
        let is_comment = line.is_empty() || line.starts_with('#');
        if begun.is_none() && is_comment {
            continue;
        }
        let command = begun.get_or_insert_with(|| Command {
            place: format!("{}:{}", block.document, block.line + index),
            text: String::new(),
        });
        command.text.push_str(line);
        command.text.push('\n');
        if is_whole(&command.text)? {
            found.extend(begun.take());
        }
    }
    ensure!(begun.is_none(), "never whole: {begun:?}");
    Ok(found)
}

/// Whether a shell would run it, or wait for more.
fn is_whole(text: &str) -> Result<bool> {
    // A backslash at the end of the text is whole for `-n`.
    if text.trim_end_matches('\n').ends_with('\\') {
        return Ok(false);
    }
    let mut shell = Process::new("bash");
    shell.arg("-n").stdin(Stdio::piped()).stderr(Stdio::null());
    let mut child = shell.spawn()?;
    child
        .stdin
        .take()
        .context("no stdin")?
        .write_all(text.as_bytes())?;
    Ok(child.wait()?.success())
}

#[test]
fn blocks_and_commands_are_found() -> Result<()> {
    let text = "a\n```sh\n# no command\none   # two\n\nfor x in 1; do\n  y \\\n    z\ndone\n```\n```toml\nk = 1\n```\n";
    let found = blocks("d.md", text);
    let kinds: Vec<_> = found
        .iter()
        .map(|b| (b.language.as_str(), b.line))
        .collect();
    ensure!(kinds == [("sh", 3), ("toml", 12)], "{kinds:?}");
    let commands = commands(&found[0])?;
    let shown: Vec<_> = commands
        .iter()
        .map(|c| (c.place.as_str(), c.text.as_str()))
        .collect();
    let whole = "for x in 1; do\n  y \\\n    z\ndone\n";
    ensure!(
        shown == [("d.md:4", "one   # two\n"), ("d.md:6", whole)],
        "{shown:?}"
    );
    Ok(())
}
