//! What bash, zsh and fish make of a line and a tab. bash and zsh run on a terminal of their own.

use std::fs;
use std::os::unix::fs::symlink;

use super::{here, shell};
use crate::door::{Door, stderr, stdout};

/// A beginning of a line that has one candidate, and the line that it becomes in every shell. `C` stands for
/// a connection that needs no daemon; a file of the folder is named `recording`.
const LINES: [(&str, &str); 15] = [
    ("virsh-hpc C migrate --liv", "virsh-hpc C migrate --live "),
    ("virsh-hpc C dominfo te", "virsh-hpc C dominfo test "),
    (
        "virsh-hpc -rq C dominfo te",
        "virsh-hpc -rq C dominfo test ",
    ),
    (
        "virsh-hpc C migrate --hpc-t",
        "virsh-hpc C migrate --hpc-trace ",
    ),
    (
        "virsh-hpc migrate --hpc-trace rec",
        "virsh-hpc migrate --hpc-trace recording ",
    ),
    (
        "virsh-hpc C migrate --hpc-law pr",
        "virsh-hpc C migrate --hpc-law proxmox ",
    ),
    (
        "virsh-hpc migrate --hpc-law=vep-29",
        "virsh-hpc migrate --hpc-law=vep-291 ",
    ),
    (
        "virsh-hpc migrate --hpc-deadline 60,a",
        "virsh-hpc migrate --hpc-deadline 60,abort ",
    ),
    ("virsh-hpc hpc-pol", "virsh-hpc hpc-policy "),
    (
        "virsh-hpc hpc-estimate vm --band",
        "virsh-hpc hpc-estimate vm --bandwidth ",
    ),
    ("virsh-hpc hpc-hi", "virsh-hpc hpc-history "),
    ("virsh-hpc hpc-repo", "virsh-hpc hpc-report "),
    (
        "virsh-hpc hpc-report rec",
        "virsh-hpc hpc-report recording ",
    ),
    (
        "virsh-hpc hpc-report first -o rec",
        "virsh-hpc hpc-report first -o recording ",
    ),
    (
        "virsh-hpc C hpc-policy --mark te",
        "virsh-hpc C hpc-policy --mark test ",
    ),
];

fn with_connection(line: &str) -> String {
    line.replace(" C ", " -c test:///default ")
}

/// A folder with `virsh-hpc`, under the name `virsh` too, and the file.
fn door() -> Door {
    let door = Door::without_session();
    symlink("virsh-hpc", door.path("virsh")).unwrap();
    fs::write(door.path("recording"), "").unwrap();
    door
}

/// What each of `lines` becomes in the interactive shell `start`.
fn typed(door: &Door, start: &str, lines: &[String]) -> Vec<String> {
    let mut typist = shell(door, "zsh");
    typist
        .arg("-f")
        .arg(here("type.zsh"))
        .arg(start)
        .args(lines);
    // Where zsh looks for its .zshrc.
    typist.env("ZDOTDIR", door.path(""));
    let output = typist.output().unwrap();
    let said = stderr(&output);
    assert!(output.status.success(), "{start}: {} {said}", output.status);
    stdout(&output).lines().map(str::to_owned).collect()
}

fn assert_typed(door: &Door, start: &str, more: &[(&str, &str)]) {
    let (begun, expected): (Vec<_>, Vec<_>) = LINES
        .iter()
        .chain(more)
        .map(|(begun, expected)| (with_connection(begun), with_connection(expected)))
        .unzip();
    assert_eq!(typed(door, start, &begun), expected);
}

#[test]
fn bash_completes() {
    let rc = here("bashrc");
    let start = format!("bash --rcfile {} -i", rc.display());
    // virsh's own script asks what is installed under its name.
    let as_virsh = [
        ("virsh C dominfo te", "virsh C dominfo test "),
        ("virsh C migrate --hpc-t", "virsh C migrate --hpc-trace "),
    ];
    assert_typed(&door(), &start, &as_virsh);
}

#[test]
fn zsh_completes() {
    let door = door();
    symlink(here("zshrc"), door.path(".zshrc")).unwrap();
    assert_typed(&door, "zsh -d -i", &[]);
}

/// fish prints what a word may become.
#[test]
fn fish_completes() {
    let door = door();
    let ask = "source $COMPLETIONS/virsh-hpc.fish; for line in $argv; complete -C $line; end";
    let lines = LINES.map(|(begun, _)| with_connection(begun));
    let mut fish = shell(&door, "fish");
    let output = fish
        .args(["--no-config", "-c", ask])
        .args(&lines)
        .output()
        .unwrap();
    let last = |line: &str| line.trim_end().rsplit(' ').next().map(str::to_owned);
    let expected: Vec<_> = LINES.iter().filter_map(|(_, line)| last(line)).collect();
    let found: Vec<_> = stdout(&output).lines().map(str::to_owned).collect();
    assert_eq!(found, expected, "{}", stderr(&output));
}
