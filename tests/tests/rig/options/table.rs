//! One row of options after another, given to virsh and to virsh-hpc by turns.

use std::process::Output;

use anyhow::{Context, Result, ensure};
use libvirt_hpc_tests::rig::{HOSTS, Rig};

/// Placeholders of a row for the destination host, and for its address.
const THERE: &str = "THERE";
const ADDRESS: &str = "ADDRESS";
const ADDRESSES: [&str; 2] = ["10.77.0.1", "10.77.0.2"];

/// With these the guest's definition moves with it, so that it is on one host only before and after.
const ALWAYS: [&str; 3] = ["--live", "--persistent", "--undefinesource"];

/// The result of a command. Two that went in opposite directions are equal too.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Answer {
    status: Option<i32>,
    errors: Vec<String>,
    here: String,
    there: String,
}

/// A guest, and the options tried so far.
pub(super) struct Table<'a> {
    rig: &'a Rig,
    guest: &'a str,
    scheme: &'a str,
    /// The disk, if it has one, that is to be copied along.
    disk: Option<&'a str>,
    at: usize,
    differences: Vec<String>,
}

impl<'a> Table<'a> {
    /// For a guest that runs on the first host.
    pub(super) fn of(rig: &'a Rig, guest: &'a str) -> Self {
        Self {
            rig,
            guest,
            scheme: "qemu+tcp",
            disk: None,
            at: 0,
            differences: Vec::new(),
        }
    }

    /// For a guest with disks; the contents of one of them are compared where it arrives.
    pub(super) fn with_disk(mut self, target: &'a str) -> Self {
        self.disk = Some(target);
        self
    }

    /// From here on libvirtd is reached by another transport.
    pub(super) fn over(&mut self, scheme: &'a str) {
        self.scheme = scheme;
    }

    /// `options`, in one line, for a guest that moves with its definition.
    pub(super) fn row(&mut self, options: &str) -> Result<()> {
        let options = options.split_whitespace();
        self.bare_row(&ALWAYS.into_iter().chain(options).collect::<Vec<_>>())
    }

    /// `options` and nothing else: virsh first, which takes the guest there if it moves it, then virsh-hpc, which takes
    /// it back or is refused in turn.
    pub(super) fn bare_row(&mut self, options: &[&str]) -> Result<()> {
        let virsh = self.ask("virsh", options, self.guest)?;
        let hpc = self.ask("virsh-hpc", options, self.guest)?;
        self.compare(options, virsh, hpc);
        Ok(())
    }

    /// The guest is given another name by virsh, and has its own again from virsh-hpc.
    pub(super) fn row_with_name(&mut self, other: &'a str, options: &[&str]) -> Result<()> {
        let own = self.guest;
        let named = |name| [&ALWAYS[..], options, &["--dname", name]].concat();
        let virsh = self.ask("virsh", &named(other), other)?;
        self.guest = other;
        let hpc = self.ask("virsh-hpc", &named(own), own)?;
        self.guest = own;
        self.compare(&named(other), virsh, hpc);
        Ok(())
    }

    fn compare(&mut self, options: &[&str], virsh: Answer, hpc: Answer) {
        let same = virsh == hpc;
        let said = virsh.errors.join(" ");
        println!(
            "{} {:?} {:<40} {}; {} {said}",
            if same { "same" } else { "DIFFERENT" },
            virsh.status,
            options.join(" "),
            virsh.here,
            virsh.there
        );
        if !same {
            let row = format!("{options:?}:\n  virsh     {virsh:?}\n  virsh-hpc {hpc:?}");
            self.differences.push(row);
        }
    }

    /// Requires that no row differs, and that the guest is whole.
    pub(super) fn finish(self) -> Result<()> {
        self.rig.whole(self.guest)?;
        let differences = self.differences.join("\n");
        ensure!(differences.is_empty(), "{differences}");
        Ok(())
    }

    fn ask(&mut self, program: &str, options: &[&str], arrives_as: &str) -> Result<Answer> {
        let (here, there) = (HOSTS[self.at], HOSTS[1 - self.at]);
        if self.disk.is_some() {
            self.rig.new_disks(there, self.guest)?;
        }
        let uri = format!("{}://{there}/system", self.scheme);
        let address = ADDRESSES[1 - self.at];
        let options: Vec<_> = options
            .iter()
            .map(|option| option.replace(ADDRESS, address).replace(THERE, there))
            .collect();
        // Options of libvirt may wait for ever if one of virsh-hpc's is wrong.
        let mut command = vec!["timeout", "60", program, "migrate", self.guest, &uri];
        command.extend(options.iter().map(String::as_str));
        let mut output = self.rig.run(here, &command)?;
        if does_not_exit(&output) && is_active(&self.state(here, self.guest)?) {
            println!("{program} does not exit: {options:?} again");
            output = self.rig.run(here, &command)?;
        }
        let text = String::from_utf8_lossy(&output.stderr);
        let answer = Answer {
            status: output.status.code(),
            errors: text
                .lines()
                .filter(|line| line.starts_with("error:"))
                .map(|line| of_the_source(line).to_owned())
                .collect(),
            here: self.state(here, self.guest)?,
            there: self.state(there, arrives_as)?,
        };
        ensure!(
            output.status.success() || !answer.errors.is_empty(),
            "{program} {options:?}: no word: {output:?}"
        );
        if is_active(&answer.there) && !is_active(&answer.here) {
            self.at = 1 - self.at;
            self.disk_is_whole()
                .with_context(|| format!("{program} {options:?}"))?;
        }
        Ok(answer)
    }

    /// libvirt's word for the guest on a host, and whether it is defined there.
    fn state(&self, host: &str, guest: &str) -> Result<String> {
        let script =
            "virsh -q domstate $0 2>/dev/null; virsh -q dominfo $0 2>/dev/null | grep Persistent:";
        let output = self.rig.run(host, &["sh", "-c", script, guest])?;
        let text = String::from_utf8(output.stdout)?;
        Ok(text.split_whitespace().collect::<Vec<_>>().join(" "))
    }

    /// Looks for the pattern that the test bed wrote to the disk before the guest was started.
    fn disk_is_whole(&self) -> Result<()> {
        let Some(target) = self.disk else {
            return Ok(());
        };
        let file = format!("/var/tmp/{}-{target}.qcow2", self.guest);
        let command = ["qemu-io", "-r", "-U", "-c", "read -P 0x5a 0 8M", &file];
        let output = self.rig.run(HOSTS[self.at], &command)?;
        let said = String::from_utf8_lossy(&output.stdout);
        ensure!(
            output.status.success() && said.starts_with("read 8388608/"),
            "{file} is not as it was: {output:?}"
        );
        Ok(())
    }
}

/// libvirt's message of a failed TLS handshake: the source's QEMU, or that the destination's is gone, whichever is
/// first.
const HANDSHAKE: [&str; 2] = ["Certificate does not match", "Not a migration stream"];

/// Whether the destination has a word to add is a matter of who is first.
fn of_the_source(error: &str) -> &str {
    if HANDSHAKE.iter().any(|said| error.contains(said)) {
        return HANDSHAKE[0];
    }
    let both = error.split_once("Message from the source host: ");
    both.map_or_else(
        || error.trim_start_matches("error: "),
        |(_, of_source)| match of_source.split_once(". Message from the destination host: ") {
            Some((of_source, _)) => of_source,
            None => of_source,
        },
    )
}

/// virsh itself (11.3) does not exit after one refusal of 400, plain or as the one that a refusal is handed on to.
fn does_not_exit(output: &Output) -> bool {
    output.status.code() == Some(124) && String::from_utf8_lossy(&output.stderr).contains("error:")
}

fn is_active(state: &str) -> bool {
    state.starts_with("running") || state.starts_with("paused")
}
