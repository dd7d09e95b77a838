//! The visible results of a run, in words that do not depend on the time.

use std::fmt::Write;
use std::process::Output;

use serde::{Deserialize, Serialize};

/// The results by which two runs of a case are compared, and the duration.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct Seen {
    /// The command's exit status.
    pub status: i32,
    /// stdout.
    pub printed: String,
    /// stderr without progress and virsh-hpc's own lines.
    pub said: Vec<String>,
    /// The answers of the commands around it.
    pub steps: Vec<String>,
    /// The domains of the source afterwards.
    pub source: String,
    /// Those of the destination.
    pub target: String,
    /// Not compared.
    pub seconds: f64,
    /// virsh-hpc's own lines on stderr; not compared.
    #[serde(alias = "ours")]
    pub own: Vec<String>,
}

impl Seen {
    /// The answer of a command on a terminal, whose streams are one.
    pub(super) fn of_terminal(output: &Output) -> Self {
        let text = String::from_utf8_lossy(&output.stdout);
        let (mut said, own) = said(&text.replace("^C", "\n"));
        // The rig has no polkit, and virsh offers it an agent wherever it has a terminal.
        said.retain(|line| !line.starts_with("Authorization not available"));
        Self {
            status: output.status.code().unwrap_or(-1),
            said,
            own,
            ..Self::default()
        }
    }

    /// The answer of a command.
    pub(super) fn of_command(output: &Output) -> Self {
        let (said, own) = said(&String::from_utf8_lossy(&output.stderr));
        Self {
            status: output.status.code().unwrap_or(-1),
            printed: timeless(&String::from_utf8_lossy(&output.stdout)),
            said,
            own,
            ..Self::default()
        }
    }

    /// The fields in which the two differ.
    #[must_use]
    pub fn differences(&self, other: &Self) -> Vec<Aspect> {
        [
            (Aspect::Status, self.status == other.status),
            (Aspect::Stdout, self.printed == other.printed),
            (Aspect::Stderr, self.said == other.said),
            (Aspect::Steps, self.steps == other.steps),
            (Aspect::Source, self.source == other.source),
            (Aspect::Target, self.target == other.target),
        ]
        .into_iter()
        .filter_map(|(aspect, same)| (!same).then_some(aspect))
        .collect()
    }
}

/// The compared fields.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Aspect {
    /// The exit status.
    Status,
    /// stdout.
    Stdout,
    /// stderr.
    Stderr,
    /// The answers of the commands around it.
    Steps,
    /// The source's domains.
    Source,
    /// The destination's.
    Target,
}

impl Aspect {
    /// In words.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Status => "exit status",
            Self::Stdout => "stdout",
            Self::Stderr => "stderr",
            Self::Steps => "what other commands answered",
            Self::Source => "the source's domains",
            Self::Target => "the destination's domains",
        }
    }
}

/// The beginning of virsh-hpc's own lines.
const OWN: &str = "virsh-hpc: ";

/// The progress of virsh and of virsh-hpc.
const PROGRESS: &str = "Migration: [";

/// Further output: libvirt's log, and the shells' words on a program that a signal ended.
fn is_of_neither(line: &str) -> bool {
    let logged = [": info : ", ": warning : "];
    let ended = ["Terminated", "Killed", "Hangup"];
    logged.iter().any(|level| line.contains(level))
        || ended.contains(&line)
        || line.contains("nsenter -t ")
}

/// stderr as lines to compare, and virsh-hpc's own. Only the end of the progress counts: that it says 100 %.
pub(super) fn said(stderr: &str) -> (Vec<String>, Vec<String>) {
    let mut lines = Vec::new();
    let (mut progress, mut own) = (None, Vec::new());
    for line in stderr.split(['\r', '\n']) {
        let mut line = line.trim();
        while let Some((percent, rest)) = line
            .strip_prefix(PROGRESS)
            .and_then(|rest| rest.split_once(']'))
        {
            progress = Some(percent.trim().starts_with("100"));
            // virsh continues with an error; virsh-hpc, on a terminal, with more progress.
            line = rest.find("error:").map_or("", |at| &rest[at..]);
        }
        if line.starts_with(OWN) {
            own.push(line.to_owned());
        } else if !line.is_empty() && !is_of_neither(line) {
            lines.push(timeless(line));
        }
    }
    if progress == Some(true) {
        lines.push(format!("{PROGRESS}100 %]"));
    }
    (lines, own)
}

/// Without parts that differ between runs: times of day, UUIDs, and numbers of four digits and more (ports, processes).
pub(super) fn timeless(text: &str) -> String {
    // As `2026-01-31T12:00:00.5Z` of QEMU's, `2026-01-31` and `12:00:00.5+0000:` of libvirt's.
    let is_time = |word: &str| {
        let begins = word.starts_with(|c: char| c.is_ascii_digit());
        let many = |separator| word.matches(separator).count() >= 2;
        begins && (many('-') || many(':'))
    };
    let is_uuid = |word: &str| word.len() == 36 && word.matches('-').count() == 4;
    let mut out = String::new();
    for (at, word) in text.split(' ').enumerate() {
        let space = if at == 0 { "" } else { " " };
        let word = if is_uuid(word) {
            "UUID".to_owned()
        } else if is_time(word) {
            "TIME".to_owned()
        } else {
            without_long_numbers(word)
        };
        let _ = write!(out, "{space}{word}");
    }
    out.trim_end().to_owned()
}

fn without_long_numbers(word: &str) -> String {
    let (mut out, mut digits) = (String::new(), String::new());
    for c in word.chars().chain(['\0']) {
        if c.is_ascii_digit() {
            digits.push(c);
            continue;
        }
        out.push_str(if digits.len() < 4 { &digits } else { "N" });
        digits.clear();
        if c != '\0' {
            out.push(c);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_and_our_lines_are_no_difference() {
        let virsh = "\rMigration: [ 0.10 %]\rMigration: [100.00 %]";
        let own = "virsh-hpc: a\n\rMigration: [100.00 %]\nvirsh-hpc: b\n";
        assert_eq!(said(virsh).0, said(own).0);
        assert_eq!(said(own).1, ["virsh-hpc: a", "virsh-hpc: b"]);
        let broken =
            said("\rMigration: [12.00 %]\nerror: x 2026-11-29T02:03:04.5Z qemu: port 49152, 255\n")
                .0;
        assert_eq!(broken, ["error: x TIME qemu: port N, 255"]);
        let uuids = ["ba1c9f1c", "1a1c9f1c"]
            .map(|begin| said(&format!("error: {begin}-35d5-43ec-be51-c123b021f000")).0);
        assert_eq!(uuids[0], uuids[1]);
        assert_ne!(said(virsh).0, said("\rMigration: [99.99 %]").0);
        let logged = "2026-01-31 12:00:00.5+0000: 7: info : hostname: alpha\nTerminated\nerror: x";
        assert_eq!(said(logged).0, ["error: x"]);
    }

    #[test]
    fn each_thing_that_is_seen_may_differ() {
        let one = Seen::default();
        let other = Seen {
            status: 1,
            said: vec!["error".to_owned()],
            seconds: 3.0,
            ..Seen::default()
        };
        assert_eq!(one.differences(&other), [Aspect::Status, Aspect::Stderr]);
        assert!(
            one.differences(&Seen {
                seconds: 9.0,
                ..Seen::default()
            })
            .is_empty()
        );
    }
}
