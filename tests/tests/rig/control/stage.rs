//! One guest that moves back and forth between two hosts with libvirt-hpc installed and agents running.

use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use libvirt_hpc_plugin::agent::api::{MigrationStatus, Reply, Status};
use libvirt_hpc_plugin::trace::{ControllerName, Record};
use libvirt_hpc_tests::rig::{AgentVerb, HOSTS, Move, Rig};

pub(crate) const GUEST: &str = "g";

/// Plain pre-copy never ends for it.
pub(crate) const SATURATED: [&str; 4] = ["--fill", "160", "--workload", "flat:128"];

/// libvirt's settings of a domain that has just arrived: downtime in ms, speed in MiB/s.
pub(crate) const DEFAULTS: [&str; 2] = ["300", "8796093022207"];

/// Settings that neither libvirt-hpc nor libvirt would choose. A stored downtime limit is an order: this one keeps no
/// guest here.
pub(crate) const BEFORE: [&str; 2] = ["7777", "500"];

/// How many times as long a thing may take on a busy machine.
const BUSY_TIMES: u64 = 4;

/// Where the agents' traces are.
const TRACES: &str = "/var/log/libvirt-hpc";

/// The content of a host's traces of one migration.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Told {
    /// Who wrote them, one for each trace.
    pub(crate) by: Vec<ControllerName>,
    /// Whether each only observed.
    pub(crate) observed: Vec<bool>,
    /// Targets that were set, or would have been.
    pub(crate) targets: usize,
    /// The highest downtime limit among them, ms.
    pub(crate) downtime_most_ms: u32,
}

/// The hosts, and where the guest is.
pub(crate) struct Stage {
    pub(crate) rig: Rig,
    here: usize,
}

impl Stage {
    /// Hosts, agents on both, and a guest made with `options`.
    pub(crate) fn up(options: &[&str]) -> Result<Self> {
        Self::up_on(&[], options)
    }

    /// The same, on hosts brought up with `hosts`.
    pub(crate) fn up_on(hosts: &[&str], options: &[&str]) -> Result<Self> {
        let rig = Rig::up(hosts)?;
        rig.install_product()?;
        rig.guest(GUEST, options)?;
        for host in HOSTS {
            rig.agent(host, AgentVerb::Start, &[])?;
        }
        Ok(Self { rig, here: 0 })
    }

    /// The host the guest is on.
    pub(crate) fn here(&self) -> &'static str {
        HOSTS[self.here]
    }

    /// The other one.
    pub(crate) fn there(&self) -> &'static str {
        HOSTS[1 - self.here]
    }

    /// The other host's libvirt.
    pub(crate) fn destination(&self) -> String {
        format!("qemu+tcp://{}/system", self.there())
    }

    /// Moves the guest by plain virsh under `options`, with `meanwhile` in parallel.
    pub(crate) fn virsh(
        &self,
        options: &[&str],
        meanwhile: impl FnOnce(&Self) -> Result<()>,
    ) -> Result<Move> {
        let destination = self.destination();
        let command = ["virsh", "migrate", "--live", GUEST, &destination];
        self.by(self.here(), &[&command, options].concat(), meanwhile)
    }

    /// Moves the guest by a command on `host`. Earlier traces are removed before.
    pub(crate) fn by(
        &self,
        host: &str,
        command: &[&str],
        meanwhile: impl FnOnce(&Self) -> Result<()>,
    ) -> Result<Move> {
        self.on(self.here(), &format!("rm -f {TRACES}/*"))?;
        let command = [&["timeout", "120"], command].concat();
        self.rig
            .migrate_from(host, GUEST, &command, |_| meanwhile(self))
    }

    /// Requires that the guest has arrived, whole and with libvirt's defaults, and runs on from there.
    pub(crate) fn arrived(&mut self, what: &str, moved: &Move) -> Result<()> {
        let (total, pause) = (moved.total.as_secs_f64(), moved.report.pause_ms);
        let pause = pause.unwrap_or(f64::NAN);
        println!("{what}: moved in {total:.1} s, pause {pause:.0} ms");
        ensure!(moved.output.status.success(), "{what}: {}", moved.stderr());
        ensure!(
            moved.report.host == self.there(),
            "{what}: heard on {}",
            moved.report.host
        );
        self.landed(what)
    }

    /// The same, of a guest whose command prints nothing.
    pub(crate) fn landed(&mut self, what: &str) -> Result<()> {
        self.rig.whole(GUEST)?;
        self.here = 1 - self.here;
        ensure!(
            self.rig.state(self.here(), GUEST) == "running",
            "{what}: the guest does not run where it should"
        );
        self.limits_are(what, DEFAULTS)
    }

    /// Requires that the guest has stayed, whole and with `limits`, and that no job runs.
    pub(crate) fn stayed(&self, what: &str, moved: &Move, limits: [&str; 2]) -> Result<()> {
        let total = moved.total.as_secs_f64();
        println!("{what}: over after {total:.1} s");
        ensure!(!moved.output.status.success(), "{what}: it has moved");
        self.wait(&format!("{what}: the end of the job"), 10, || {
            let job = self.on(self.here(), &format!("virsh -q domjobinfo {GUEST}"))?;
            Ok(job.contains("None"))
        })?;
        ensure!(
            self.rig.state(self.here(), GUEST) == "running",
            "{what}: the guest does not run here"
        );
        self.rig.whole(GUEST)?;
        // libvirt restores its settings within 0.7 s, the agent within 3 s.
        self.wait(&format!("{what}: limits {limits:?}"), 4, || {
            Ok(self.limits()? == limits)
        })
    }

    /// libvirt's downtime and speed limits of the guest.
    pub(crate) fn limits(&self) -> Result<[String; 2]> {
        let ask = |what: &str| self.on(self.here(), &format!("virsh -q {what} {GUEST}"));
        let [downtime, speed] = [ask("migrate-getmaxdowntime")?, ask("migrate-getspeed")?];
        Ok([downtime.trim().to_owned(), speed.trim().to_owned()])
    }

    /// Requires them.
    pub(crate) fn limits_are(&self, what: &str, expected: [&str; 2]) -> Result<()> {
        let found = self.limits()?;
        ensure!(found == expected, "{what}: {found:?}, and not {expected:?}");
        Ok(())
    }

    /// Sets them manually.
    pub(crate) fn set_limits(&self, [downtime, speed]: [&str; 2]) -> Result<()> {
        let script = format!(
            "virsh -q migrate-setmaxdowntime {GUEST} {downtime} && virsh -q migrate-setspeed {GUEST} {speed}"
        );
        self.on(self.here(), &script).map(drop)
    }

    /// Has a host's agent use the configuration `text`.
    pub(crate) fn configure(&self, host: &str, text: &str) -> Result<()> {
        let skip = self.logged(host)?;
        self.on(
            host,
            &format!("cat >/etc/libvirt-hpc/agent.toml <<'END'\n{text}END\n"),
        )?;
        self.rig.agent(host, AgentVerb::Reload, &[])?;
        self.wait("the configuration is read", 3, || {
            let read = "configuration read again";
            Ok(!self.said(host, skip, read)?.is_empty())
        })
    }

    /// Runs a script in a host, for half a minute at most.
    pub(crate) fn on(&self, host: &str, script: &str) -> Result<String> {
        let output = self.rig.run(host, &["timeout", "30", "sh", "-c", script])?;
        let (out, err) = (
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr),
        );
        ensure!(output.status.success(), "{host}: {script}: {out}{err}");
        Ok(out.into_owned())
    }

    /// Waits until the agent's trace of the migration under way has a line like `pattern`, then runs
    /// `script` at once.
    pub(crate) fn when_traced(&self, pattern: &str, script: &str) -> Result<()> {
        let script =
            format!("until grep -Eqs '{pattern}' {TRACES}/*.trace; do sleep 0.02; done; {script}");
        self.on(self.here(), &script).map(drop)
    }

    /// Waits until the migration is in its round `round` or later, whoever steers.
    pub(crate) fn when_round(&self, round: u8) -> Result<()> {
        let script = format!(
            "until virsh -q domjobinfo {GUEST} | grep -Eq '^Iteration: +([{round}-9]|[1-9][0-9])'; do sleep 0.05; done"
        );
        self.on(self.here(), &script).map(drop)
    }

    /// Waits for something to come true, that takes `at_most_s` on an idle machine.
    pub(crate) fn wait(
        &self,
        what: &str,
        at_most_s: u64,
        is_so: impl Fn() -> Result<bool>,
    ) -> Result<()> {
        let at_most_s = BUSY_TIMES * at_most_s;
        let end = self.rig.now()? + Duration::from_secs(at_most_s);
        while !is_so()? {
            if self.rig.now()? > end {
                bail!("{what}: not within {at_most_s} s");
            }
            sleep(Duration::from_millis(50));
        }
        Ok(())
    }

    /// The agent's answer on a host.
    pub(crate) fn status(&self, host: &str) -> Result<Status> {
        let text = self.on(host, "virsh-hpc hpc-status --json")?;
        match serde_json::from_str(&text).with_context(|| format!("hpc-status --json: {text}"))? {
            Reply::Status(status) => Ok(status),
            other => bail!("hpc-status --json: {other:?}"),
        }
    }

    /// The guest's migration from here, as the agent reports it.
    pub(crate) fn migration(&self) -> Result<Option<MigrationStatus>> {
        let domains = self.status(self.here())?.domains;
        let guest = domains.into_iter().find(|domain| domain.name == GUEST);
        Ok(guest.and_then(|guest| guest.migration))
    }

    /// The output of `hpc-status g` here.
    pub(crate) fn status_text(&self) -> Result<String> {
        self.on(self.here(), &format!("virsh-hpc hpc-status {GUEST}"))
    }

    /// How many lines the agent of a host has logged.
    pub(crate) fn logged(&self, host: &str) -> Result<usize> {
        Ok(self.rig.agent_log(host)?.lines().count())
    }

    /// The lines after the first `skip` that contain `text`.
    pub(crate) fn said(&self, host: &str, skip: usize, text: &str) -> Result<Vec<String>> {
        let log = self.rig.agent_log(host)?;
        let lines = log.lines().skip(skip).filter(|line| line.contains(text));
        Ok(lines.map(str::to_owned).collect())
    }

    /// The content of the agent's traces on a host of the last migration that left from there.
    pub(crate) fn told(&self, host: &str) -> Result<Told> {
        tell(&self.traces(host)?)
    }

    /// The traces themselves.
    pub(crate) fn traces(&self, host: &str) -> Result<String> {
        self.on(host, &format!("cat {TRACES}/*.trace 2>/dev/null || true"))
    }

    /// The agent's process on a host.
    pub(crate) fn agent_pid(&self, host: &str) -> Result<u32> {
        Ok(self.status(host)?.pid)
    }
}

/// The content of traces.
pub(crate) fn tell(traces: &str) -> Result<Told> {
    let mut told = Told::default();
    // The last line of an agent that was killed may be half a line.
    for record in traces.lines().filter_map(|l| serde_json::from_str(l).ok()) {
        match record {
            Record::Begin(begin) => {
                told.by.push(begin.controller);
                told.observed.push(begin.observe);
            }
            Record::Outcome {
                target,
                error: None,
                ..
            } => {
                told.targets += 1;
                let downtime_ms = target.downtime_ms.unwrap_or(0);
                told.downtime_most_ms = told.downtime_most_ms.max(downtime_ms);
            }
            _ => {}
        }
    }
    Ok(told)
}
