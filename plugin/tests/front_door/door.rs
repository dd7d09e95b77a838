//! The front door in a folder of its own, beside a session that only says what it was given.

use std::ffi::{OsStr, OsString};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::{env, fs};

use tempfile::TempDir;

/// The driver that needs no daemon.
pub(crate) const TEST_URI: &str = "test:///default";

/// A folder with `virsh-hpc` and, unless left out, a session.
pub(crate) struct Door {
    folder: TempDir,
}

impl Door {
    pub(crate) fn new() -> Self {
        let door = Self::without_session();
        symlink(fixture("session.sh"), door.path("virsh-hpc-session")).unwrap();
        door
    }

    pub(crate) fn without_session() -> Self {
        // In the build's own folder, so that the program can be linked instead of written: a
        // program just written may be held open by another test's child.
        let folder = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let door = Self { folder };
        fs::hard_link(env!("CARGO_BIN_EXE_virsh-hpc"), door.path("virsh-hpc")).unwrap();
        door
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The search path with its own folder first.
    pub(crate) fn search_path(&self) -> OsString {
        let rest = env::var_os("PATH").unwrap();
        env::join_paths([self.path("")].into_iter().chain(env::split_paths(&rest))).unwrap()
    }

    /// `virsh-hpc` with an environment that says nothing but where programs are.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(self.path("virsh-hpc"));
        clean(&mut command);
        command
    }

    pub(crate) fn run<S: AsRef<OsStr>>(&self, args: &[S]) -> Output {
        self.command().args(args).output().unwrap()
    }

    /// What it says where `variable` has that value.
    pub(crate) fn run_with<S: AsRef<OsStr>>(
        &self,
        (variable, value): (&str, impl AsRef<OsStr>),
        args: &[S],
    ) -> Output {
        let mut command = self.command();
        command.env(variable, value).args(args).output().unwrap()
    }

    /// A line for the shell with `$V` as the program.
    pub(crate) fn shell(&self, line: &str, program: &Path) -> Output {
        let mut shell = Command::new("/bin/sh");
        clean(&mut shell)
            .args(["-c", line])
            .current_dir(self.folder.path())
            .env("HOME", self.folder.path())
            .env("V", program)
            .env("T", TEST_URI)
            .output()
            .unwrap()
    }
}

fn clean(command: &mut Command) -> &mut Command {
    let path = env::var_os("PATH").unwrap();
    command.env_clear().env("PATH", path).env("LC_ALL", "C")
}

/// A file of `tests/golden`.
pub(crate) fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden")
        .join(name)
}

/// The lines of a fixture that are neither empty nor comments.
pub(crate) fn lines(name: &str) -> Vec<String> {
    let text = fs::read_to_string(fixture(name)).unwrap();
    let lines = text
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(str::to_owned).collect()
}

/// The machine's virsh.
pub(crate) fn virsh() -> PathBuf {
    let path = env::var_os("PATH").unwrap();
    let found = env::split_paths(&path)
        .map(|folder| folder.join("virsh"))
        .find(|v| v.is_file());
    found.expect("virsh on PATH: install libvirt-clients")
}

/// Standard output as text.
pub(crate) fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Standard error as text.
pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}
