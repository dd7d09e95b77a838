//! Every target over its committed inputs, and over changes of them: what a fuzzer has found stays found, on stable and in
//! seconds. The changes are the same in every run; `make fuzz` makes others.

use std::fs;
use std::path::{Path, PathBuf};

use fastrand::Rng;
use libvirt_hpc_fuzz_targets::TARGETS;

/// How many changed inputs each target gets.
const CHANGED: usize = 2000;

/// The most changes of one input.
const CHANGES: usize = 6;

/// Bytes that mean something to one of the readers.
const TOKENS: [&[u8]; 16] = [
    b"\0",
    b"\n",
    b"\x1b[2J",
    "\u{9b}".as_bytes(),
    "\u{202e}".as_bytes(),
    b"\xff",
    b"\"",
    b"'",
    b"<",
    b"/>",
    b"--",
    b"--hpc-",
    b"null",
    b"-1",
    b"18446744073709551615",
    b"1e309",
];

fn corpus(target: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../corpus")
        .join(target)
}

/// The committed inputs of a target, by name.
fn inputs(target: &str) -> Vec<(String, Vec<u8>)> {
    let entries = fs::read_dir(corpus(target)).expect("a corpus");
    let read = |path: PathBuf| {
        let name = path.file_name().expect("a name").to_string_lossy();
        (name.into_owned(), fs::read(&path).expect("an input"))
    };
    let mut inputs: Vec<_> = entries
        .map(|entry| read(entry.expect("an entry").path()))
        .collect();
    inputs.sort();
    inputs
}

fn changed(rng: &mut Rng, inputs: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut input = one_of(rng, inputs).1.clone();
    for _ in 0..rng.usize(1..=CHANGES) {
        let at = rng.usize(0..=input.len());
        let end = rng.usize(at..=input.len().min(at + 16));
        match rng.u8(0..6) {
            0 if at < input.len() => input[at] ^= 1 << rng.u8(0..8),
            1 => drop(input.drain(at..end)),
            2 => drop(input.splice(at..end, one_of(rng, &TOKENS).iter().copied())),
            3 => {
                let again = input[at..end].to_vec();
                drop(input.splice(at..at, again));
            }
            4 => drop(input.splice(at..end, std::iter::repeat_with(|| rng.u8(..)).take(4))),
            _ => {
                let other = &one_of(rng, inputs).1;
                let from = rng.usize(0..=other.len());
                input.truncate(at);
                input.extend_from_slice(&other[from..]);
            }
        }
    }
    input
}

fn one_of<'a, T>(rng: &mut Rng, all: &'a [T]) -> &'a T {
    &all[rng.usize(..all.len())]
}

/// Runs all targets, each on a thread of its own, and names the input where one fails.
fn each_target(run: impl Fn(&str, fn(&[u8]), &[(String, Vec<u8>)]) + Sync) {
    std::thread::scope(|scope| {
        for (name, target) in TARGETS {
            let run = &run;
            scope.spawn(move || run(name, target, &inputs(name)));
        }
    });
}

/// Says which input it was if the target panics.
struct Named<'a>(&'a str, &'a [u8]);

impl Drop for Named<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}: {:?}", self.0, String::from_utf8_lossy(self.1));
        }
    }
}

#[test]
fn every_target_takes_its_corpus() {
    each_target(|name, target, inputs| {
        assert!(inputs.len() >= 3, "{name} has no corpus");
        target(&[]);
        for (file, input) in inputs {
            let _named = Named(&format!("{name}/{file}"), input);
            target(input);
        }
    });
}

#[test]
fn every_target_takes_changes_of_its_corpus() {
    each_target(|name, target, inputs| {
        let mut rng = Rng::with_seed(name.len() as u64);
        for _ in 0..CHANGED {
            let input = changed(&mut rng, inputs);
            let _named = Named(name, &input);
            target(&input);
        }
    });
}

/// A target that is not fuzzed, or a corpus that no target has, would go unseen.
#[test]
fn every_target_has_its_program_and_its_corpus() {
    let names = |directory: &str, ending: &str| {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(directory);
        let entries = fs::read_dir(path).expect("a directory");
        let mut names: Vec<_> = entries
            .map(|entry| {
                entry
                    .expect("an entry")
                    .file_name()
                    .to_string_lossy()
                    .into_owned()
            })
            .filter_map(|name| Some(name.strip_suffix(ending)?.to_owned()))
            .collect();
        names.sort();
        names
    };
    let targets = TARGETS.map(|(name, _)| name);
    assert_eq!(names("../fuzz_targets", ".rs"), targets);
    assert_eq!(names("../corpus", ""), targets);
}
