//! The test bed of two hosts, driven from tests: hosts, guests, migrations, and measurements of the guests' users.
//!
//! This is a thin, typed interface to `tests/rig/rig`.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
mod moved;
mod product;
mod trouble;

pub use moved::{Move, Report};
pub use product::AgentVerb;

/// The hosts. Guests start on the first unless told otherwise.
pub const HOSTS: [&str; 2] = ["alpha", "beta"];

/// The destination of migrations.
pub const DESTINATION: &str = "qemu+tcp://beta/system";

/// The words of a command line in which none is quoted.
#[must_use]
pub fn words(line: &str) -> Vec<&str> {
    line.split_whitespace().collect()
}

/// The options of a marked guest: its memory and how much of it is filled, MiB, and its workload (`rig help`).
#[must_use]
pub const fn marked(
    memory: &'static str,
    fill: &'static str,
    workload: &'static str,
) -> [&'static str; 7] {
    [
        "--memory",
        memory,
        "--fill",
        fill,
        "--workload",
        workload,
        "--marked",
    ]
}

/// The abilities of this machine's KVM.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kvm {
    /// There is none: guests are emulated.
    None,
    /// Guests without Linux, `--accel kvm`.
    Bare,
    /// Those, and stock Linux.
    Linux,
}

/// If set, the hosts of every test that does not ask for `--old` run libvirt's modular daemons.
const MODULAR: &str = "LIBVIRT_HPC_RIG_MODULAR";

/// Two hosts that are up; down again when dropped.
#[derive(Debug)]
pub struct Rig {
    script: PathBuf,
    modular: bool,
}

impl Rig {
    /// Brings the hosts up, with `options` of `rig up`, and libvirt-hpc's programs into them.
    ///
    /// # Errors
    /// When the test bed cannot be built or started; its output is on our standard error.
    pub fn up(options: &[&str]) -> Result<Self> {
        let rig = Self::clean(options)?;
        for name in ["virsh-hpc", "virsh-hpc-session"] {
            rig.install(&program(name)?)?;
        }
        Ok(rig)
    }

    /// Brings the hosts up, with `options` of `rig up`, without libvirt-hpc.
    ///
    /// # Errors
    /// As [`Rig::up`].
    pub fn clean(options: &[&str]) -> Result<Self> {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("rig/rig");
        let old = options.contains(&"--old");
        let modular = !old && std::env::var_os(MODULAR).is_some();
        let rig = Self { script, modular };
        let release = match (old, modular) {
            (true, _) => Some("--old"),
            (false, true) => Some("--modular"),
            (false, false) => None,
        };
        let options = options.iter().copied().filter(|option| *option != "--old");
        let options: Vec<_> = release.into_iter().chain(options).collect();
        rig.must(["down"])?;
        rig.must(["up"].iter().chain(&options))?;
        Ok(rig)
    }

    /// The libvirt daemon that has the guests, and calls hooks.
    #[must_use]
    pub const fn daemon_name(&self) -> &'static str {
        if self.modular {
            "virtqemud"
        } else {
            "libvirtd"
        }
    }

    /// Puts a program into `/usr/bin` of both hosts.
    ///
    /// # Errors
    /// When the rig refuses.
    pub fn install(&self, program: &Path) -> Result<()> {
        self.must([OsStr::new("install"), program.as_os_str()])
            .map(drop)
    }

    /// Puts a file into a directory of both hosts.
    ///
    /// # Errors
    /// When the rig refuses.
    pub fn copy(&self, file: &Path, directory: &str) -> Result<()> {
        self.must([OsStr::new("copy"), file.as_os_str(), OsStr::new(directory)])
            .map(drop)
    }

    /// Which KVM this machine has.
    ///
    /// # Errors
    /// When the rig cannot tell.
    pub fn kvm(&self) -> Result<Kvm> {
        let output = self.must(["accel"])?;
        Ok(match String::from_utf8_lossy(&output.stdout).trim() {
            "KVM" => Kvm::Linux,
            "KVM, not for stock Linux" => Kvm::Bare,
            _ => Kvm::None,
        })
    }

    /// The options with which a guest's workload runs at native speed, if this machine allows it.
    ///
    /// # Errors
    /// When the rig cannot tell.
    pub fn native(&self) -> Result<&'static [&'static str]> {
        Ok(match self.kvm()? {
            Kvm::None => &[],
            Kvm::Bare | Kvm::Linux => &["--accel", "kvm"],
        })
    }

    /// Starts a guest on the first host, or where `--host` says, and waits until its workload runs.
    ///
    /// # Errors
    /// When it does not come up.
    pub fn guest(&self, name: &str, options: &[&str]) -> Result<()> {
        self.must(["guest", name].iter().chain(options)).map(drop)
    }

    /// Makes a guest's disks on a host anew, empty, as the destination of a copy needs them.
    ///
    /// # Errors
    /// When it has none, or the rig refuses.
    pub fn new_disks(&self, host: &str, name: &str) -> Result<()> {
        self.must(["disks", host, name]).map(drop)
    }

    /// Ends a guest wherever it is. It is no error if it is nowhere.
    pub fn destroy(&self, name: &str) {
        for host in HOSTS {
            drop(self.run(host, &["virsh", "-q", "destroy", name]));
        }
    }

    /// Changes the link: a rate, `cut` or `restore`.
    ///
    /// # Errors
    /// When the rig refuses.
    pub fn link(&self, what: &str) -> Result<()> {
        self.must(["link", what]).map(drop)
    }

    /// Starts, stops or kills the daemon of a host that has the guests.
    ///
    /// # Errors
    /// When the rig refuses.
    pub fn daemon(&self, host: &str, verb: &str) -> Result<()> {
        self.must(["daemon", host, verb]).map(drop)
    }

    /// Starts that daemon after a shell command, such as `ulimit`.
    ///
    /// # Errors
    /// When the rig refuses.
    pub fn daemon_with(&self, host: &str, prefix: &str) -> Result<()> {
        self.must(["daemon", host, "start", "--", prefix]).map(drop)
    }

    /// Runs a command in a host.
    ///
    /// # Errors
    /// When it cannot be started; its status is in the answer.
    pub fn run(&self, host: &str, command: &[&str]) -> Result<Output> {
        let output = self.rig(["exec", host].iter().chain(command)).output();
        output.with_context(|| format!("running {command:?} on {host}"))
    }

    /// Runs a shell script in a host, for 100 s at most, and returns what it prints.
    ///
    /// # Errors
    /// When it fails.
    pub fn script(&self, host: &str, script: &str) -> Result<String> {
        let output = self.try_script(host, script)?;
        let printed = String::from_utf8_lossy(&output.stdout).into_owned();
        let problem = String::from_utf8_lossy(&output.stderr);
        ensure!(
            output.status.success(),
            "{host}: {script}: {printed}{problem}"
        );
        Ok(printed)
    }

    /// The same; its status is in the answer.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn try_script(&self, host: &str, script: &str) -> Result<Output> {
        self.run(host, &["timeout", "100", "sh", "-c", script])
    }

    /// Starts a command in a host.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn spawn(&self, host: &str, command: &[&str]) -> Result<Child> {
        let mut rig = self.rig(["exec", host].iter().chain(command));
        rig.stdout(Stdio::piped()).stderr(Stdio::piped());
        rig.spawn()
            .with_context(|| format!("starting {command:?} on {host}"))
    }

    /// The hosts' monotonic clock.
    ///
    /// # Errors
    /// When the rig is not built.
    pub fn now(&self) -> Result<Duration> {
        let output = self.must(["now"])?;
        let text = String::from_utf8(output.stdout)?;
        Ok(Duration::from_nanos(
            text.trim()
                .parse()
                .with_context(|| format!("rig now: '{text}'"))?,
        ))
    }

    /// A guest's report since `since`.
    ///
    /// # Errors
    /// When nothing was heard of it.
    pub fn report(&self, name: &str, since: Duration) -> Result<Report> {
        let output = self.must(["report", name, "--since", &since.as_nanos().to_string()])?;
        serde_json::from_slice(&output.stdout).context("reading rig report")
    }

    /// Migrates `name` with `command` (`virsh migrate ...` or virsh-hpc), run on the first host, and measures it.
    /// `meanwhile` runs in parallel.
    ///
    /// # Errors
    /// When something cannot be started or measured; that the migration failed is in the answer.
    pub fn migrate(
        &self,
        name: &str,
        command: &[&str],
        meanwhile: impl FnOnce(&Self) -> Result<()>,
    ) -> Result<Move> {
        self.migrate_from(HOSTS[0], name, command, meanwhile)
    }

    /// [`Rig::migrate`] with `command` given on `host`.
    ///
    /// # Errors
    /// As [`Rig::migrate`].
    pub fn migrate_from(
        &self,
        host: &str,
        name: &str,
        command: &[&str],
        meanwhile: impl FnOnce(&Self) -> Result<()>,
    ) -> Result<Move> {
        let begin = self.now()?;
        let child = self.spawn(host, command)?;
        let done = meanwhile(self);
        let output = child.wait_with_output()?;
        let total = self.now()?.saturating_sub(begin);
        done?;
        // Some heartbeats from the guest's present host.
        sleep(Duration::from_millis(500));
        Ok(Move {
            output,
            total,
            report: self.report(name, begin)?,
        })
    }

    /// Migrates with virsh's syntax: `program` migrate --live, then `options`.
    ///
    /// # Errors
    /// As [`Rig::migrate`].
    pub fn migrate_live(&self, program: &str, name: &str, options: &[&str]) -> Result<Move> {
        let command = [&[program, "migrate", "--live", name, DESTINATION], options].concat();
        self.migrate(name, &command, |_| Ok(()))
    }

    /// Lets a guest verify all its memory, and returns its number of corrupt pages.
    ///
    /// # Errors
    /// When it runs nowhere, or does not answer.
    pub fn corrupt_pages(&self, name: &str) -> Result<String> {
        let output = self.must(["verify", name])?;
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }

    /// Requires that a guest is whole: one copy runs, without a corrupt page. Prints all that can be known of one that is
    /// not.
    ///
    /// # Errors
    /// When it is not.
    pub fn whole(&self, name: &str) -> Result<()> {
        let answer = self.running_once_and_intact(name);
        if answer.is_err() {
            match self.inspect(name) {
                Ok(all) => println!("{all}"),
                Err(error) => println!("{error:#}"),
            }
        }
        answer
    }

    fn running_once_and_intact(&self, name: &str) -> Result<()> {
        let corrupt = self.corrupt_pages(name)?;
        ensure!(corrupt == "0", "{name}: corrupt pages: {corrupt}");
        let running = HOSTS
            .iter()
            .filter(|host| self.state(host, name) == "running")
            .count();
        ensure!(running == 1, "{name}: {running} running copies");
        Ok(())
    }

    /// All that can be known of a guest: its state, processors, beats and QEMU's log on both hosts.
    ///
    /// # Errors
    /// When the rig refuses.
    pub fn inspect(&self, name: &str) -> Result<String> {
        let output = self.must(["inspect", name])?;
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// libvirt's state of a domain on a host; empty if it is not there.
    #[must_use]
    pub fn state(&self, host: &str, name: &str) -> String {
        let output = self.run(host, &["virsh", "-q", "domstate", name]);
        output
            .map(|o| String::from_utf8_lossy(&o.stdout).trim().to_owned())
            .unwrap_or_default()
    }

    fn must<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Result<Output> {
        let mut command = self.rig(arguments);
        let output = command
            .stderr(Stdio::inherit())
            .output()
            .context("starting tests/rig/rig")?;
        if !output.status.success() {
            bail!("{command:?}: {}", output.status);
        }
        Ok(output)
    }

    fn rig<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Command {
        let mut command = Command::new(&self.script);
        command.args(arguments).stdin(Stdio::null());
        command
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        if let Err(error) = self.must(["down"]) {
            eprintln!("rig down: {error:#}");
        }
    }
}

/// A released program of this workspace, in the folder of the test's own.
fn program(name: &str) -> Result<PathBuf> {
    let mut folder = std::env::current_exe()?;
    while folder.pop() {
        let program = folder.join(name);
        if program.is_file() {
            return Ok(program);
        }
    }
    bail!("{name} is not built: run 'cargo build --release --workspace' first")
}
