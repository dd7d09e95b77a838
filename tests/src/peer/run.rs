//! One case by one program, on the test bed.

use std::process::Output;
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use libvirt_hpc_plugin::clock;

use super::case::{Case, GUEST};
use super::certificates;
use super::seen::{Seen, said, timeless};
use super::stage::{Step, wait_for};
use crate::bench::machine::{commit, date};
use crate::rig::{HOSTS, Rig, marked};

/// The reference.
pub(super) const VIRSH: &str = "virsh";
/// The program under test.
pub(super) const VIRSH_HPC: &str = "virsh-hpc";

/// Small, so that hundreds of migrations do not take long; its migration ends by itself unless a speed limit keeps it.
const WORKLOAD: [&str; 7] = marked("160", "8", "rate:8@5");

/// The saved, running guest, with which each run begins.
const SAVED: &str = "/var/lib/g.save";
const DOCUMENT: &str = "/tmp/g.xml";

/// `signal NAME`: to the process that migrates.
const SIGNAL: &str =
    r#"signal() { pkill "-$1" -f '^(/usr/bin/)?virsh(-hpc(-session)?)? (.* )?migrate '; }"#;

/// How long to wait for a migration that goes on without its client, or a command that hangs.
const PATIENCE: Duration = Duration::from_secs(90);

/// The domains of a host, one line each: state with its reason, metadata, and settings for a next migration.
const DOMAINS: &str = r#"
for name in $(virsh -q list --all --name); do
    info=$(virsh -q dominfo "$name")
    field() { echo "$info" | sed -n "s/^$1: *//p"; }
    persistent=transient; [ "$(field Persistent)" != yes ] || persistent=persistent
    [ "$(field Autostart)" != enable ] || persistent="$persistent, autostart"
    title=$(virsh -q desc --title "$name" | grep -v '^No title')
    echo "$name: $(virsh -q domstate --reason "$name" | head -n 1), $persistent${title:+, titled '$title'}"
    virsh -q domjobinfo "$name" | grep -q 'Job type: *None' || echo "$name: has a job"
    virsh -q domstate "$name" | grep -q 'shut off' ||
        echo "$name: $(virsh -q migrate-getmaxdowntime "$name") ms, $(virsh -q migrate-getspeed "$name") MiB/s," \
            "$(virsh -q migrate-compcache "$name")"
done 2>&1
"#;

/// The command line of the case: with a time limit, and on a terminal if it needs one.
fn command_line(case: &Case, program: &str) -> String {
    let (patience, words) = (PATIENCE.as_secs(), case.words());
    if case.terminal {
        let keys = "rm -f /tmp/keys; mkfifo /tmp/keys; exec";
        return format!(
            "{keys} timeout -s KILL {patience} script -qec 'exec {program} {words}' /dev/null <>/tmp/keys"
        );
    }
    format!("exec timeout -s KILL {patience} {program} {words}")
}

/// Ends and forgets every domain. A broken post-copy has a job that a destroy ends; a domain goes as soon as its
/// process has.
const CLEAN: &str = r#"
for try in 1 2 3 4 5 6; do
    for name in $(virsh -q list --all --name); do
        virsh -q destroy "$name"; virsh -q undefine "$name"
    done
    [ -n "$(virsh -q list --all --name)" ] || break
    sleep 1
done >/dev/null 2>&1
rm -rf FOLDER
pkill -KILL -f '^/usr/bin/qemu-system' && sleep 1
[ -z "$(virsh -q list --all --name)" ]
"#;

/// Two hosts and the saved guest.
#[derive(Debug)]
pub struct Stand {
    rig: Rig,
}

impl Stand {
    /// Brings them up.
    ///
    /// # Errors
    /// When the rig, the guest or its image cannot be had.
    pub fn up() -> Result<Self> {
        let rig = Rig::up(&[])?;
        rig.guest(GUEST, &WORKLOAD)?;
        let stand = Self { rig };
        stand.must(
            HOSTS[0],
            &format!(
                "virsh -q dumpxml --migratable {GUEST} >{DOCUMENT} && virsh -q save {GUEST} {SAVED} && \
                 sed 's|<metadata>|<title>as the user wrote it</title>&|' {DOCUMENT} >/tmp/titled.xml && \
                 cp /etc/libvirt/qemu.conf /etc/libvirt/libvirtd.conf /tmp/"
            ),
        )?;
        stand.must(
            HOSTS[1],
            "cp /etc/libvirt/qemu.conf /etc/libvirt/libvirtd.conf /tmp/",
        )?;
        Ok(stand)
    }

    /// Versions, commit and date of the results.
    ///
    /// # Errors
    /// When libvirt or git does not answer.
    pub fn description(&self) -> Result<String> {
        let version = self.shell(HOSTS[0], "virsh -q version --daemon")?.stdout;
        let version = String::from_utf8(version)?;
        let named = |what: &str| {
            let mut lines = version.lines().filter(|line| line.starts_with(what));
            let line = lines.next().unwrap_or_default();
            line.rsplit(' ').next().unwrap_or_default().to_owned()
        };
        Ok(format!(
            "Made at commit `{}`, {} UTC, with libvirt {} and QEMU {}, guests under TCG.",
            commit()?,
            date(),
            named("Using library"),
            named("Running hypervisor")
        ))
    }

    /// The result of `case` with `program` for every `virsh` in it.
    ///
    /// # Errors
    /// When its preconditions cannot be had. Whatever the case itself comes to is in the answer.
    pub fn run(&self, case: &Case, program: &str) -> Result<Seen> {
        self.prepare(case, program)
            .with_context(|| format!("{} by {program}", case.name))?;
        let begun = clock::now();
        let mut steps = Vec::new();
        for step in &case.before {
            steps.push(self.step(step, program)?);
        }
        let line = command_line(case, program);
        let child = self.rig.spawn(HOSTS[0], &["sh", "-c", &line])?;
        for step in &case.during {
            steps.push(self.step(step, program)?);
        }
        let output = child.wait_with_output()?;
        let mut seen = match case.terminal {
            true => Seen::of_terminal(&output),
            false => Seen::of_command(&output),
        };
        self.settle()?;
        for step in &case.after {
            steps.push(self.step(step, program)?);
        }
        if !case.after.is_empty() {
            self.settle()?;
        }
        seen.steps = steps.into_iter().flatten().collect();
        [seen.source, seen.target] = self.domains()?;
        seen.seconds = begun.elapsed().as_secs_f64();
        self.clean(case)?;
        Ok(seen)
    }

    fn prepare(&self, case: &Case, program: &str) -> Result<()> {
        if !case.conf.is_empty() {
            for step in &case.conf {
                self.step(step, program)?;
            }
            self.restart_daemons()?;
        }
        let define = if case.persistent {
            "define"
        } else {
            "--version"
        };
        let file = if case.persistent { DOCUMENT } else { "" };
        self.must(
            HOSTS[0],
            &format!("virsh -q {define} {file} >/dev/null && virsh -q restore {SAVED}"),
        )?;
        Ok(())
    }

    /// A step's answer: its status, and its output; nothing if it succeeded silently.
    fn step(&self, step: &Step, program: &str) -> Result<Option<String>> {
        let Some(host) = step.host else {
            return self.of_the_rig(&step.command).map(|()| None);
        };
        if let Some(stage) = &step.stage {
            let reached = self.shell(HOSTS[0], &wait_for(stage))?;
            if !reached.status.success() {
                return Ok(Some(format!("{stage}: not reached")));
            }
        }
        let command = step.command.replace("virsh ", &format!("{program} "));
        let output = self.shell(host, &format!("{SIGNAL}\n{command}"))?;
        let (mut lines, _) = said(&String::from_utf8_lossy(&output.stderr));
        let printed = timeless(&String::from_utf8_lossy(&output.stdout));
        lines.splice(0..0, printed.lines().map(|l| l.trim().to_owned()));
        lines.retain(|line| !line.is_empty());
        if let Some(status) = output.status.code().filter(|&status| status != 0) {
            lines.push(format!("status {status}"));
        }
        Ok((!lines.is_empty()).then(|| lines.join("; ")))
    }

    fn of_the_rig(&self, command: &str) -> Result<()> {
        let words: Vec<_> = command.split_whitespace().collect();
        match words[..] {
            ["sleep", seconds] => sleep(Duration::from_secs_f64(seconds.parse()?)),
            ["certificates", ref names @ ..] => certificates::install(&self.rig, names)?,
            ["link", what] => self.rig.link(what)?,
            ["daemon", host, verb] => self.rig.daemon(host, verb)?,
            ["restart", host] => {
                self.rig.daemon(host, "stop")?;
                self.rig.daemon(host, "start")?;
                self.wait_for_daemon(host)?;
            }
            _ => anyhow::bail!("the rig knows no '{command}'"),
        }
        Ok(())
    }

    /// Waits for the end of a migration that goes on.
    fn settle(&self) -> Result<()> {
        let since = clock::now();
        // libvirt keeps the job of a broken post-copy.
        let busy = r#"
for name in $(virsh -q list --all --name); do
    virsh -q domstate --reason "$name" | grep -q 'post-copy failed' || virsh -q domjobinfo "$name"
done | grep -q 'Job type: *[UB]'"#;
        for host in HOSTS {
            while since.elapsed() < PATIENCE / 3 && self.shell(host, busy)?.status.success() {
                sleep(Duration::from_millis(300));
            }
        }
        Ok(())
    }

    fn domains(&self) -> Result<[String; 2]> {
        let mut hosts = [String::new(), String::new()];
        let mut running = Vec::new();
        for (host, seen) in HOSTS.into_iter().zip(&mut hosts) {
            let text = String::from_utf8(self.shell(host, DOMAINS)?.stdout)?;
            let lines: Vec<_> = text.lines().map(str::to_owned).collect();
            running.extend(
                lines
                    .iter()
                    .filter(|line| line.starts_with("g: running") && !line.contains("post-copy"))
                    .map(|_| host),
            );
            *seen = match lines.is_empty() {
                true => "none".to_owned(),
                false => lines.join("; "),
            };
        }
        // Every page, if it runs under its name and has them all.
        if running.len() == 1 {
            self.rig.whole(GUEST)?;
        }
        Ok(hosts)
    }

    /// Removes everything that a case has left behind.
    fn clean(&self, case: &Case) -> Result<()> {
        self.rig.link("restore")?;
        for host in HOSTS {
            if !self.answers(host) {
                self.rig.daemon(host, "start")?;
                self.wait_for_daemon(host)?;
            }
            self.must(host, &CLEAN.replace("FOLDER", certificates::FOLDER))?;
        }
        if !case.conf.is_empty() {
            for host in HOSTS {
                self.must(host, "cp /tmp/qemu.conf /tmp/libvirtd.conf /etc/libvirt/")?;
            }
            self.restart_daemons()?;
        }
        Ok(())
    }

    fn restart_daemons(&self) -> Result<()> {
        HOSTS
            .iter()
            .try_for_each(|host| self.of_the_rig(&format!("restart {host}")))
    }

    fn answers(&self, host: &str) -> bool {
        let ask = self.shell(host, "timeout 10 virsh -q list >/dev/null");
        ask.is_ok_and(|output| output.status.success())
    }

    fn wait_for_daemon(&self, host: &str) -> Result<()> {
        let answers = (0..100).any(|_| {
            sleep(Duration::from_millis(100));
            self.answers(host)
        });
        ensure!(answers, "the libvirtd of {host} does not answer");
        Ok(())
    }

    fn shell(&self, host: &str, text: &str) -> Result<Output> {
        self.rig.run(host, &["sh", "-c", text])
    }

    fn must(&self, host: &str, text: &str) -> Result<()> {
        let output = self.shell(host, text)?;
        let stderr = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "{host}: {text}: {stderr}");
        Ok(())
    }
}
