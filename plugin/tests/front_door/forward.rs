//! Handing over: byte for byte, never to ourselves, and without loading libvirt.

use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::symlink;
use std::process::Command;

use crate::door::{Door, fixture, stderr, stdout, virsh};

/// Arguments that nothing but an exact copy survives.
fn odd() -> Vec<OsString> {
    let bytes: [&[u8]; 6] = [b"", b"a b", b"\xff\xfe", b"x\ny", b"'\"\\", b"--"];
    bytes
        .iter()
        .map(|bytes| OsString::from_vec(bytes.to_vec()))
        .collect()
}

fn said_by(program: &str, args: &[OsString]) -> Vec<u8> {
    let mut said = program.as_bytes().to_vec();
    for arg in args {
        said.push(0);
        said.extend(arg.as_bytes());
    }
    said
}

#[test]
fn virsh_gets_the_arguments_byte_for_byte_and_gives_its_status() {
    let door = Door::new();
    let args: Vec<OsString> = [vec!["echo".into()], odd()].concat();
    let output = door.run_with(("VIRSH_HPC_VIRSH", fixture("echo-virsh.sh")), &args);
    assert_eq!(output.stdout, said_by("virsh", &args));
    assert_eq!(output.status.code(), Some(5));
}

#[test]
fn the_session_gets_the_arguments_byte_for_byte_and_gives_its_status() {
    let door = Door::new();
    let string = "-q  migrate\t'vm' d --hpc-law  stock ;# x";
    let words = |words: &[&str]| words.iter().map(OsString::from).collect::<Vec<_>>();
    let lines = [
        words(&["migrate", "v m", "d", "--hpc-observe"]),
        words(&["-q", string.trim_start_matches("-q")]),
        [
            words(&["migrate", "vm", "d", "--xml"]),
            vec![odd()[2].clone()],
        ]
        .concat(),
        [words(&["hpc-policy"]), odd()].concat(),
        words(&["-r", "hpc-replay trace"]),
    ];
    for args in lines {
        let output = door.run(&args);
        assert_eq!(
            output.stdout,
            said_by("session", &args),
            "{args:?}: {}",
            stderr(&output)
        );
        assert_eq!(output.status.code(), Some(7));
    }
}

/// A full disk behind `2>log`.
#[test]
fn a_stderr_that_takes_nothing_keeps_nobody_from_virsh() {
    let door = Door::new();
    let full = || fs::File::options().write(true).open("/dev/full").unwrap();
    let plain = ["migrate", "--offline", "vm", "d"].map(OsString::from);
    let asked = [&plain[..], &["--hpc-law=stock".into()]].concat();
    let mut command = door.command();
    command.env("VIRSH_HPC_VIRSH", fixture("echo-virsh.sh"));
    let output = command.args(&asked).stderr(full()).output().unwrap();
    assert_eq!(output.stdout, said_by("virsh", &plain));
    assert_eq!(output.status.code(), Some(5));
    let mut command = door.command();
    command.env("VIRSH_HPC_VIRSH", "/nonexistent/virsh");
    let output = command.arg("list").stderr(full()).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "an error, no panic");
}

#[test]
fn a_missing_session_is_said_and_nothing_is_migrated() {
    let output = Door::without_session().run(&["migrate", "vm", "d"]);
    assert_eq!(output.status.code(), Some(1));
    let said = stderr(&output);
    assert!(
        said.starts_with("error: cannot find virsh-hpc-session"),
        "{said}"
    );
    assert_eq!(stdout(&output), "");
}

#[test]
fn a_missing_virsh_is_said() {
    let door = Door::new();
    let output = door.run_with(("PATH", "/nonexistent"), &["list"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).starts_with("error: cannot find virsh on PATH (/nonexistent)"));
    let named = door.run_with(("VIRSH_HPC_VIRSH", "/nonexistent/v"), &["list"]);
    assert_eq!(named.status.code(), Some(1));
    assert!(stderr(&named).starts_with("error: cannot start /nonexistent/v: "));
}

#[test]
fn a_name_is_looked_up_and_an_empty_one_is_none() {
    let door = Door::new();
    symlink(fixture("echo-virsh.sh"), door.path("other-virsh")).unwrap();
    let named = door
        .command()
        .env("PATH", door.search_path())
        .env("VIRSH_HPC_VIRSH", "other-virsh")
        .arg("list")
        .output();
    assert_eq!(named.unwrap().stdout, b"virsh\0list");
    let empty = door.run_with(("VIRSH_HPC_VIRSH", ""), &["-v"]);
    assert_eq!(empty.stdout, virshs_version());
}

/// What the real virsh says of its version.
fn virshs_version() -> Vec<u8> {
    Command::new(virsh()).arg("-v").output().unwrap().stdout
}

#[test]
fn our_own_file_under_virshs_name_is_passed_by() {
    type Install = fn(&Door);
    let installs: [Install; 3] = [
        |door| symlink("virsh-hpc", door.path("virsh")).unwrap(),
        |door| fs::hard_link(door.path("virsh-hpc"), door.path("virsh")).unwrap(),
        |door| {
            symlink("virsh-hpc", door.path("link")).unwrap();
            symlink("link", door.path("virsh")).unwrap();
        },
    ];
    for install in installs {
        let door = Door::new();
        install(&door);
        for program in ["virsh-hpc", "virsh"] {
            let mut command = Command::new(door.path(program));
            command.env("PATH", door.search_path()).arg("-v");
            let output = command.output().unwrap();
            assert_eq!(stderr(&output), "");
            assert_eq!(output.stdout, virshs_version());
        }
    }
}

#[test]
fn naming_ourselves_as_virsh_is_refused() {
    let door = Door::new();
    symlink("virsh-hpc", door.path("virsh")).unwrap();
    let output = door.run_with(("VIRSH_HPC_VIRSH", door.path("virsh")), &["list"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).starts_with("error: VIRSH_HPC_VIRSH names virsh-hpc itself"));
}

#[test]
fn a_script_that_leads_back_to_us_is_noticed() {
    for script in ["exec-circle.sh", "child-circle.sh"] {
        for line in ["list", "--help", "migrate vm d --hpc-off"] {
            let door = Door::new();
            symlink(fixture(script), door.path("virsh")).unwrap();
            let mut command = door.command();
            command
                .env("PATH", door.search_path())
                .env("DOOR", door.path("virsh-hpc"));
            let output = command.args(line.split(' ')).output().unwrap();
            assert_eq!(output.status.code(), Some(1), "{script} {line}");
            let said = stderr(&output);
            let noticed = said.contains("starts virsh-hpc again");
            assert!(noticed, "{script} {line}: {said}");
        }
    }
}

#[test]
fn a_virsh_that_may_not_be_run_does_not_end_the_search() {
    let door = Door::new();
    fs::write(door.path("virsh"), "not a program").unwrap();
    let output = door.run_with(("PATH", door.search_path()), &["-v"]);
    assert_eq!(stderr(&output), "");
    assert_eq!(output.stdout, virshs_version());
}

#[test]
fn the_front_door_does_not_load_libvirt() {
    let program = env!("CARGO_BIN_EXE_virsh-hpc");
    let mut readelf = Command::new("readelf");
    let dynamic = stdout(&readelf.args(["--dynamic", program]).output().unwrap());
    assert!(dynamic.contains("(NEEDED)"), "{dynamic}");
    assert!(!dynamic.contains("libvirt"), "{dynamic}");
    let ldd = Command::new("ldd").arg(program).output().unwrap();
    assert!(ldd.status.success());
    assert!(!stdout(&ldd).contains("libvirt"), "{}", stdout(&ldd));
}
