//! virsh is asked what it takes for a `migrate`: the grammar must say the same of every line.
//!
//! With a domain that does not exist, virsh reads the line, checks which options go together, and
//! ends. The values are read later, by the thread that migrates; the test driver refuses every
//! migration only after that, so the message tells who refused. That thread may leave virsh 9.0
//! waiting for ever, so those runs end as soon as virsh has said enough.

use std::ffi::OsString;
use std::io::Read;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use crate::door::{TEST_URI, stderr, stdout, virsh};
use libvirt_hpc_plugin::flags::{self, Invocation, MIGRATE_OPTIONS, Opt, Virsh};

/// What virsh says when it is virsh that refuses.
const REFUSALS: &[&str] = &[
    "doesn't support option",
    "already seen",
    "requires",
    "expected syntax",
    "invalid '='",
    "unexpected data",
    "malformed or out of range",
    "Option argument is empty",
    "mutually exclusive",
    "is required by option",
    "migrate: Unexpected",
];

/// How long a virsh that says nothing is taken to have nothing to refuse.
const SILENCE: Duration = Duration::from_secs(3);

fn version() -> Virsh {
    let output = Command::new(virsh()).arg("-v").output().unwrap();
    let text = stdout(&output);
    let mut numbers = text.trim().split('.').map(|number| number.parse().unwrap());
    Virsh::new(numbers.next().unwrap(), numbers.next().unwrap())
}

fn args(words: &[&str]) -> Vec<OsString> {
    ["-c", TEST_URI, "migrate"]
        .iter()
        .chain(words)
        .map(Into::into)
        .collect()
}

/// The words of a line in which `URI` stands for libvirt's test driver.
fn words(line: &str) -> Vec<&str> {
    let words = line.split(' ');
    words
        .map(|word| if word == "URI" { TEST_URI } else { word })
        .collect()
}

fn is_refusal(message: &str) -> bool {
    REFUSALS.iter().any(|refusal| message.contains(refusal))
}

/// Whether virsh refuses a line that ends at the look-up of its domain.
fn refused_before_lookup(args: &[OsString]) -> bool {
    let output = Command::new(virsh())
        .env("LC_ALL", "C")
        .args(args)
        .output()
        .unwrap();
    let message = stderr(&output);
    assert!(
        is_refusal(&message) || message.contains("failed to get domain"),
        "{args:?}: {message}"
    );
    is_refusal(&message)
}

/// Whether virsh refuses a line, its values included.
fn refused_with_values(args: &[OsString]) -> bool {
    let mut virsh = Command::new(virsh());
    virsh
        .env("LC_ALL", "C")
        .args(args)
        .stdin(Stdio::null())
        .stdout(Stdio::null());
    let mut child = virsh.stderr(Stdio::piped()).spawn().unwrap();
    let mut pipe = child.stderr.take().unwrap();
    let (sender, receiver) = mpsc::channel();
    let reader = thread::spawn(move || {
        let mut piece = [0; 512];
        while let Ok(length @ 1..) = pipe.read(&mut piece) {
            if sender.send(piece[..length].to_vec()).is_err() {
                return;
            }
        }
    });
    let mut message = Vec::new();
    while let Ok(piece) = receiver.recv_timeout(SILENCE) {
        message.extend(piece);
        if is_refusal(&String::from_utf8_lossy(&message)) {
            break;
        }
    }
    // It may have ended by itself.
    let _ = child.kill();
    child.wait().unwrap();
    drop(receiver);
    reader.join().unwrap();
    is_refusal(&String::from_utf8_lossy(&message))
}

fn taken(args: &[OsString]) -> bool {
    matches!(
        flags::parse(args, version()).unwrap(),
        Invocation::Migrate(_)
    )
}

fn assert_read_alike(words: &[&str]) {
    let args = args(words);
    assert_eq!(taken(&args), !refused_before_lookup(&args), "{words:?}");
}

fn assert_values_alike(words: &[&str]) {
    let args = args(words);
    assert_eq!(taken(&args), !refused_with_values(&args), "{words:?}");
}

/// virsh's options that end, if alone, before the look-up of the domain; an offline or resumed
/// migration has nothing to control, and is virsh's however well it is written.
fn early_options() -> impl Iterator<Item = &'static Opt> {
    let late = |opt: &&Opt| {
        let storage = opt.name.starts_with("copy-storage") || opt.name.starts_with("migrate-disks");
        storage || opt.name.starts_with("timeout-")
    };
    let no_precopy = |opt: &&Opt| ["offline", "postcopy-resume"].contains(&opt.name);
    MIGRATE_OPTIONS
        .iter()
        .filter(move |opt| !opt.is_hpc() && !late(opt) && !no_precopy(opt))
}

#[test]
fn every_option_in_every_form() {
    for opt in early_options() {
        let option = format!("--{}", opt.name);
        let with_value = format!("{option}=1");
        for form in [
            &[option.as_str()][..],
            &[&option, "1"],
            &[&with_value],
            &[&with_value, &with_value],
        ] {
            let mut words = vec!["nobody", TEST_URI, "--live"];
            words.extend(form);
            if !["domain", "desturi"].contains(&opt.name) || form.len() == 2 {
                assert_read_alike(&words);
            }
        }
    }
}

#[test]
fn every_pair_of_switches() {
    let switches: Vec<_> = early_options().filter(|opt| !opt.takes_value()).collect();
    for (i, one) in switches.iter().enumerate() {
        for other in &switches[i + 1..] {
            let pair = [format!("--{}", one.name), format!("--{}", other.name)];
            assert_read_alike(&[&pair[0], "nobody", &pair[1], TEST_URI]);
        }
    }
}

#[test]
fn values_without_a_name_fill_virshs_positions() {
    let mut words = vec!["--live", "--copy-storage-all", "nobody", TEST_URI];
    for _ in 0..26 {
        assert_read_alike(&words);
        words.push("1");
    }
}

#[test]
fn words_that_look_like_options() {
    for line in [
        "-- nobody URI",
        "nobody -- URI --live",
        "nobody URI --_x",
        "nobody URI -x",
        "nobody URI -",
        "nobody URI --=",
        "nobody URI --live -- --live",
        "nobody URI --dname --",
        "nobody URI --dname --live --live",
        "nobody URI --tls --tls-destination h",
        "nobody URI --persistent --persistent-xml /nonexistent",
        "nobody URI --tunneled --tunnelled",
        "nobody URI --live --timeout 5 --timeout-postcopy",
    ] {
        assert_read_alike(&words(line));
    }
}

#[test]
fn values_that_virsh_refuses() {
    for opt in early_options().filter(|opt| opt.value_name() == Some("number")) {
        for value in ["", "-4294967297", "5 ", "0x5", "99999999999999999999", "x"] {
            let option = format!("--{}={value}", opt.name);
            assert_values_alike(&["test", TEST_URI, "--live", &option]);
        }
    }
    for line in [
        "test URI --migrateuri=",
        "test URI --listen-address=",
        "test URI --dname=",
        "test URI --comp-methods=",
        "test URI --xml=",
        "test URI --bandwidth -1",
        "test URI --disks-port 2147483648",
        "test URI --live --timeout 4294967296",
        "test URI --timeout 5",
        "test URI --live --timeout 0 --timeout-suspend",
        "test URI --copy-storage-synchronous-writes",
    ] {
        assert_values_alike(&words(line));
    }
}

#[test]
fn values_that_virsh_takes() {
    assert_values_alike(&["test", TEST_URI, "--bandwidth= 5"]);
    for line in [
        "test URI --disks-port -2147483648 --timeout 0",
        "test URI --postcopy-bandwidth=+07 --comp-xbzrle-cache=18446744073709551615",
        "test URI --comp-mt-level=-1 --comp-mt-threads=2147483647 --comp-methods=a,,b",
        "test URI --live --timeout 4294967295 --timeout-suspend",
        "test URI --copy-storage-inc --copy-storage-synchronous-writes",
    ] {
        assert_values_alike(&words(line));
    }
}
