//! Command lines that nobody would type: whatever the words, virsh answers them or the session gets them, byte for byte.

use std::env;
use std::process::{Command, Output};

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

struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        usize::try_from(self.0 >> 33).unwrap() % end
    }

    fn some(&mut self, words: &[&str], most: usize) -> Vec<String> {
        let count = self.below(most + 1);
        (0..count)
            .map(|_| words[self.below(words.len())].to_owned())
            .collect()
    }

    /// Options of virsh's own, and a command, as words or as one string.
    fn line(&mut self) -> Vec<String> {
        let mut line = match self.below(5) {
            0 => Vec::new(),
            _ => vec!["-c".to_owned(), TEST_URI.to_owned()],
        };
        line.extend(self.some(&GLOBALS, 3));
        let command = COMMANDS[self.below(COMMANDS.len())];
        let mut words: Vec<String> = command.split(' ').map(str::to_owned).collect();
        words.extend(self.some(&WORDS, 5));
        if self.below(3) == 0 {
            let end = ["", "; echo x", " ;list", "\necho y", " # c"][self.below(5)];
            words = vec![words.join(" ") + end];
        }
        line.extend(words);
        line
    }
}

#[test]
fn whatever_the_words_virsh_answers_or_the_session_gets_them() {
    let door = Door::new();
    let (mut random, mut virshs, mut sessions) = (Random(1), 0, 0);
    for _ in 0..LINES {
        let line = random.line();
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
