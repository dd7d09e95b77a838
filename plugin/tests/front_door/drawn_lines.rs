//! Command lines that nobody would type: whatever the words, virsh answers them or the session gets them, byte for byte.

use std::env;
use std::iter;
use std::process::{Command, Output};

use fastrand::Rng;

use crate::door::{Door, TEST_URI, stderr, virsh};

const GLOBALS: [&str; 26] = [
    "-q",
    "-r",
    "-c",
    TEST_URI,
    "--connect",
    "--connect=test:///default",
    "-ctest:///default",
    "-qc",
    "-d",
    "4",
    "-d4",
    "--debug=2",
    "-k5",
    "-K3",
    "-K",
    "--keepalive-interval",
    "--keepalive-interval=3",
    "-e^]",
    "--log=/dev/null",
    "--quiet",
    "--no-pkttyagent",
    "--",
    "-",
    "-x",
    "--con",
    "-rq",
];

const COMMANDS: [&str; 9] = [
    "echo",
    "list",
    "domname",
    "migrate",
    "migrate",
    "uri",
    "nosuch",
    "echo --shell",
    "domstate",
];

const WORDS: [&str; 30] = [
    "test",
    "1",
    "--all",
    "--name",
    "--domain",
    "--domain=test",
    "--desturi",
    TEST_URI,
    "--live",
    "--nosuch",
    "a b",
    "'",
    "\"",
    "\\",
    ";",
    "#",
    "\n",
    "--offline",
    "--unsafe",
    "--",
    "dest",
    "--desturi=",
    "--bandwidth",
    "x",
    "--bandwidth=1",
    "--timeout",
    "--p2p",
    "--liv",
    "--xml",
    "",
];

/// How many: each takes two programs a tenth of a second.
const LINES: u32 = 150;

fn some(random: &mut Rng, words: &[&str], most: usize) -> Vec<String> {
    let count = random.usize(..=most);
    let one = || words[random.usize(..words.len())].to_owned();
    iter::repeat_with(one).take(count).collect()
}

/// Options of virsh's own, and a command, as words or as one string.
fn drawn(random: &mut Rng) -> Vec<String> {
    let mut line = match random.u8(..5) {
        0 => Vec::new(),
        _ => vec!["-c".to_owned(), TEST_URI.to_owned()],
    };
    line.extend(some(random, &GLOBALS, 3));
    let command = COMMANDS[random.usize(..COMMANDS.len())];
    let mut words: Vec<String> = command.split(' ').map(str::to_owned).collect();
    words.extend(some(random, &WORDS, 5));
    if random.u8(..3) == 0 {
        let end = ["", "; echo x", " ;list", "\necho y", " # c"][random.usize(..5)];
        words = vec![words.join(" ") + end];
    }
    line.extend(words);
    line
}

#[test]
fn whatever_the_words_virsh_answers_or_the_session_gets_them() {
    let door = Door::new();
    let (mut random, mut virshs, mut sessions) = (Rng::with_seed(1), 0, 0);
    for _ in 0..LINES {
        let line = drawn(&mut random);
        let ours = door.run_with(("VIRSH_HPC_VIRSH", virsh()), &line);
        let handed = format!("session\0{}", line.join("\0"));
        if ours.stdout == handed.as_bytes() {
            sessions += 1;
            continue;
        }
        let mut theirs = Command::new(virsh());
        let path = env::var_os("PATH").unwrap();
        theirs.env_clear().env("PATH", path).env("LC_ALL", "C");
        let theirs = theirs.args(&line).output().unwrap();
        let shown = |output: &Output| (output.status.code(), output.stdout.clone(), stderr(output));
        assert_eq!(shown(&ours), shown(&theirs), "{line:?}");
        virshs += 1;
    }
    assert!(virshs > 100 && sessions > 0, "{virshs} and {sessions}");
}
