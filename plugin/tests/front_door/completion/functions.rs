//! bash's function by itself, with the words as bash breaks them.

use std::os::unix::fs::symlink;

use super::shell;
use crate::door::{Door, fixture, stderr, stdout};

/// Completes `$1` as `complete -F` would, and prints a candidate a line.
const CALL: &str = r#"
. /usr/share/bash-completion/bash_completion
. "$COMPLETIONS/virsh-hpc.bash"
COMP_LINE=$1 COMP_POINT=${#1}
# readline breaks at these and keeps them as words.
read -ra COMP_WORDS <<<"$(sed 's/[:=]\+/ & /g' <<<"$1")"
[[ $1 == *[\ =:] ]] && COMP_WORDS+=("")
COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
_virsh_hpc virsh-hpc
printf '%s\n' "${COMPREPLY[@]}"
"#;

fn candidates(door: &Door, line: &str) -> Vec<String> {
    let mut bash = shell(door, "bash");
    let output = bash
        .args(["--norc", "-c", CALL, "bash", line])
        .output()
        .unwrap();
    assert_eq!(stderr(&output), "", "{line}");
    stdout(&output).lines().map(str::to_owned).collect()
}

#[test]
fn candidates_replace_the_part_of_the_word_that_bash_replaces() {
    let door = Door::without_session();
    for (line, expected) in [
        (
            "virsh-hpc hpc-re",
            &["hpc-replay", "hpc-report", "hpc-release"][..],
        ),
        ("virsh-hpc migrate --hpc-o", &["--hpc-observe", "--hpc-off"]),
        ("virsh-hpc migrate --hpc-law=x", &["xen", "xcp-ng"]),
        ("virsh-hpc hpc-policy --set-postcopy=y", &["yes"]),
        ("virsh-hpc -c test:///default dominfo t", &["test"]),
        ("virsh-hpc --connect=test:///default dominfo t", &["test"]),
        (
            "virsh-hpc -c test:///default migrate --li",
            &["--live", "--listen-address"],
        ),
    ] {
        assert_eq!(candidates(&door, line), expected, "{line}");
    }
}

/// Whoever may name a domain must not thereby type into the administrator's shell.
#[test]
fn a_name_stays_one_word() {
    let door = Door::without_session();
    symlink(fixture("odd-names-virsh.sh"), door.path("virsh")).unwrap();
    assert_eq!(
        candidates(&door, "virsh-hpc dominfo "),
        [r"x\;\ reboot", r"\$\(reboot\)", "plain-1.a:b"]
    );
}
