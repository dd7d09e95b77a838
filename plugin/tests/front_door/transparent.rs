//! `virsh-hpc` under the name `virsh`, in the ways that docs/operations.md gives: whoever calls virsh gets
//! the real one through us, whatever the environment, and nobody goes in circles.

use std::ffi::OsString;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::{env, fs};

use crate::door::{Door, fixture, stderr, stdout};

/// What a caller of `virsh list` hears of the real virsh behind us.
const THEIRS: &str = "virsh\0list";

/// A host: ours as the package puts it, a folder before it in PATH, one behind it.
struct Host {
    door: Door,
    local: PathBuf,
    theirs: PathBuf,
}

impl Host {
    /// `local/virsh` is a link to ours, `theirs/virsh` says what it was given.
    fn new() -> Self {
        let door = Door::new();
        let [local, theirs] = ["local", "theirs"].map(|name| door.path(name));
        for folder in [&local, &theirs] {
            fs::create_dir(folder).unwrap();
        }
        symlink(door.path("virsh-hpc"), local.join("virsh")).unwrap();
        symlink(fixture("echo-virsh.sh"), theirs.join("virsh")).unwrap();
        Self {
            door,
            local,
            theirs,
        }
    }

    /// A line of a shell whose environment is nothing but this.
    fn caller(&self, line: &str, environment: &[(&str, OsString)]) -> Output {
        let mut shell = Command::new("/bin/sh");
        shell
            .args(["-c", line])
            .current_dir(&self.theirs)
            .env_clear();
        for (name, value) in environment {
            shell.env(name, value);
        }
        shell.output().unwrap()
    }

    /// `virsh list` by a caller with this PATH.
    fn list(&self, folders: &[&Path]) -> Output {
        self.caller("virsh list", &[("PATH", path(folders))])
    }

    /// A program called virsh in a folder of its own.
    fn script(&self, text: &str) -> PathBuf {
        let folder = self.door.path("scripts");
        fs::create_dir(&folder).unwrap();
        let file = folder.join("virsh");
        fs::write(&file, format!("#!/bin/sh\n{text}\n")).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
        folder
    }
}

/// A search path.
fn path(folders: &[&Path]) -> OsString {
    env::join_paths(folders).unwrap()
}

fn assert_theirs(output: &Output) {
    assert_eq!(stdout(output), THEIRS, "{}", stderr(output));
    assert_eq!(
        (output.status.code(), stderr(output)),
        (Some(5), String::new())
    );
}

fn assert_circle(output: &Output) {
    let said = stderr(output);
    assert!(said.contains("starts virsh-hpc again"), "{said}");
    assert_eq!(
        (output.status.code(), stdout(output)),
        (Some(1), String::new())
    );
}

#[test]
fn a_link_first_in_path_leads_to_the_real_one() {
    let host = Host::new();
    assert_theirs(&host.list(&[&host.local, &host.theirs]));
}

#[test]
fn links_in_every_folder_lead_past_all_of_them() {
    let host = Host::new();
    let diverted = host.door.path("diverted");
    fs::create_dir(&diverted).unwrap();
    // A link to a link, as a second installation might make it.
    symlink(host.local.join("virsh"), diverted.join("virsh")).unwrap();
    let own = host.door.path("");
    assert_theirs(&host.list(&[&host.local, &diverted, &own, &host.theirs]));
}

#[test]
fn the_link_takes_over_a_migrate() {
    let host = Host::new();
    let search = path(&[&host.local, &host.theirs]);
    let output = host.caller("virsh migrate --live vm d", &[("PATH", search)]);
    assert_eq!(stdout(&output), "session\0migrate\0--live\0vm\0d");
}

#[test]
fn the_variable_names_the_real_one_where_path_has_none() {
    let host = Host::new();
    let named = host.theirs.join("virsh").into_os_string();
    let search = path(&[&host.local]);
    let environment = [("PATH", search), ("VIRSH_HPC_VIRSH", named)];
    assert_theirs(&host.caller("virsh list", &environment));
}

#[test]
fn without_a_real_one_it_says_so() {
    let host = Host::new();
    let output = host.list(&[&host.local]);
    assert!(stderr(&output).starts_with("error: cannot find virsh on PATH"));
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn without_path_the_systems_own_folders_are_searched() {
    let host = Host::new();
    let link = host.local.join("virsh");
    let ours = host.caller(&format!("unset PATH; {} -v", link.display()), &[]);
    let theirs = host.caller("unset PATH; /usr/bin/virsh -v", &[]);
    assert!(theirs.status.success(), "{}", stderr(&theirs));
    assert_eq!((ours.stdout, ours.status), (theirs.stdout, theirs.status));
}

#[test]
fn a_script_called_virsh_may_start_us_if_it_names_the_real_one() {
    for begin in ["exec ", ""] {
        let host = Host::new();
        let [real, ours] = [host.theirs.join("virsh"), host.door.path("virsh-hpc")];
        let (real, ours) = (real.display(), ours.display());
        let line = format!("export VIRSH_HPC_VIRSH={real}; {begin}{ours} \"$@\"");
        let scripts = host.script(&line);
        assert_theirs(&host.list(&[&scripts, &host.local, &host.theirs]));
    }
}

#[test]
fn a_script_called_virsh_that_does_not_is_noticed() {
    let host = Host::new();
    let link = host.local.join("virsh");
    let scripts = host.script(&format!("exec {} \"$@\"", link.display()));
    assert_circle(&host.list(&[&scripts, &host.local, &host.theirs]));
}

#[test]
fn a_script_called_virsh_behind_us_is_the_real_one() {
    let host = Host::new();
    let real = host.theirs.join("virsh");
    let scripts = host.script(&format!("exec {} \"$@\"", real.display()));
    assert_theirs(&host.list(&[&host.local, &scripts]));
}

#[test]
fn a_real_one_that_calls_virsh_again_is_not_taken_for_a_circle() {
    // virsh's child, such as a pager or a hook of the site's, may call virsh anew.
    let host = Host::new();
    let real = host.theirs.join("virsh");
    let local = host.local.join("virsh");
    let line = format!(
        "if [ \"$1\" = outer ]; then sh -c 'sh -c \"{} list\"; exit $?'; exit $?; fi\nexec {} \"$@\"",
        local.display(),
        real.display()
    );
    let scripts = host.script(&line);
    let search = path(&[
        &host.local,
        &scripts,
        Path::new("/usr/bin"),
        Path::new("/bin"),
    ]);
    assert_theirs(&host.caller("virsh outer", &[("PATH", search)]));
}

#[test]
fn a_circle_with_a_program_in_between_ends() {
    let host = Host::new();
    let ours = host.door.path("virsh-hpc");
    let scripts = host.script(&format!("/usr/bin/timeout 60 {} \"$@\"", ours.display()));
    assert_circle(&host.list(&[&scripts, &host.theirs]));
}

#[test]
fn an_empty_entry_of_path_is_the_working_directory() {
    let host = Host::new();
    let search = path(&[&host.local, Path::new(""), &host.local]);
    assert_theirs(&host.caller("virsh list", &[("PATH", search)]));
}
