//! One run on the test bed.

use std::process::{Child, Output};
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use libvirt_hpc_plugin::clock;

use super::digest::Digest;
use super::estimate::Estimate;
use super::progress::{self, Beat, LEAD_NS};
use super::record::{Measured, Outcome};
use crate::calibrate::Rate;
use crate::rig::{HOSTS, Report, Rig};

/// How much longer than necessary the guest is watched: heartbeats are late on a busy machine.
const SLACK: Duration = Duration::from_millis(500);

/// The trace's path in both hosts.
const TRACE: &str = "/rig/bench.trace";

/// How often the end of a migration is checked.
const POLL: Duration = Duration::from_millis(20);

/// How long an aborted migration has to end.
const ABORT_PATIENCE: Duration = Duration::from_secs(90);

/// How often an abort is tried: a job that completes just then refuses it.
const ABORT_AGAIN: Duration = Duration::from_secs(5);

/// A guest on the hosts.
#[derive(Debug)]
pub(super) struct Place<'a> {
    /// The hosts.
    pub(super) rig: &'a Rig,
    /// libvirt's name of the guest.
    pub(super) guest: &'a str,
    /// How long it is watched before and after.
    pub(super) watch: Duration,
    /// Its present host, of [`HOSTS`].
    pub(super) at: usize,
}

/// The results of a run.
#[derive(Debug)]
pub(super) struct Told {
    pub(super) outcome: Outcome,
    /// The command's last words, if the guest was not moved.
    pub(super) error: Option<String>,
    pub(super) measured: Measured,
    /// The host that runs the guest now.
    pub(super) host: String,
    /// The figures of the trace.
    pub(super) digest: Digest,
    pub(super) trace: Vec<u8>,
    /// When it began, nanoseconds of the hosts' clock.
    pub(super) began_ns: u64,
    /// The heartbeats around it.
    pub(super) beats: Vec<Beat>,
}

impl Place<'_> {
    /// Migrates the guest to the other host with `options` of `virsh-hpc migrate`; aborts it after `horizon`.
    ///
    /// # Errors
    /// When the test bed or the trace fails; a failed migration is in the answer.
    pub(super) fn migrate(&self, options: &[&str], horizon: Duration) -> Result<Told> {
        let (source, other) = (HOSTS[self.at], HOSTS[1 - self.at]);
        let uri = format!("qemu+tcp://{other}/system");
        let command = ["virsh-hpc", "migrate", "--live", self.guest, &uri];
        let command = [&command, options, &["--hpc-trace", TRACE]].concat();
        self.rig.run(source, &["rm", "-f", TRACE])?;
        let begin = self.rig.now()?;
        let child = self.rig.spawn(source, &command)?;
        let (output, cut_off) = self.wait(child, source, horizon)?;
        let total = self.rig.now()?.saturating_sub(begin);
        self.undisturbed();
        let report = self.rig.report(self.guest, begin)?;
        let trace = self.rig.run(source, &["cat", TRACE])?.stdout;
        let digest = Digest::read(&trace).context("reading the trace of the run")?;
        let began_ns = u64::try_from(begin.as_nanos())?;
        let lead_ns = LEAD_NS + u64::try_from(self.watch.as_nanos())?;
        let beats = self.beats(began_ns.saturating_sub(lead_ns))?;
        let (watched_ms, watched_steps) = progress::watched(&beats, began_ns)?;
        let outcome = match (output.status.success(), cut_off) {
            (true, _) => Outcome::Moved,
            (false, true) => Outcome::CutOff,
            (false, false) => Outcome::Failed,
        };
        let measured = Measured {
            watched_ms,
            watched_steps,
            delay_ms: progress::delay_ms(&beats, began_ns, self.watch),
            ..measured(outcome, &report, &digest, total)
        };
        Ok(Told {
            outcome,
            error: (outcome != Outcome::Moved).then(|| last_words(&output)),
            measured,
            host: report.host,
            digest,
            trace,
            began_ns,
            beats,
        })
    }

    /// Waits until a guest with phases is `into` its cycle, of which [`Self::watch`] is whole ones: so all laws meet it
    /// alike, however long their runs before took. One without phases is not waited for.
    ///
    /// # Errors
    /// When the test bed fails.
    pub(super) fn await_phase(&self, into: Duration) -> Result<()> {
        let now_ns = u64::try_from(self.rig.now()?.as_nanos())?;
        let watch_ns = u64::try_from(self.watch.as_nanos())?;
        let beats = self.beats(now_ns.saturating_sub(2 * watch_ns))?;
        if let Some(began_ns) = progress::cycle_began_ns(&beats) {
            let at_ns = u64::try_from(self.rig.now()?.as_nanos())?.saturating_sub(began_ns);
            sleep(until(Duration::from_nanos(at_ns), into, self.watch));
        }
        Ok(())
    }

    /// What `hpc-estimate` says of its migration with the traces of a folder in the host, over a link of that rate or else
    /// the one they tell; none if they tell none.
    ///
    /// # Errors
    /// When the test bed fails, or the link is told and it says nothing.
    pub(super) fn estimate(&self, traces: &str, link: Option<&str>) -> Result<Option<Estimate>> {
        let mut command = vec!["virsh-hpc", "hpc-estimate", "--json", self.guest];
        command.extend(["--traces", traces]);
        let rate = link.map(|link| Rate::parse(link).with_context(|| format!("no rate: '{link}'")));
        let mib_per_s = rate
            .transpose()?
            .map(|rate| (rate.payload_bytes_per_s() >> 20).to_string());
        if let Some(mib_per_s) = &mib_per_s {
            command.extend(["--bandwidth", mib_per_s]);
        }
        let output = self.rig.run(HOSTS[self.at], &command)?;
        let estimate = Estimate::read(&output.stdout).with_context(|| last_words(&output))?;
        ensure!(
            estimate.is_some() || link.is_none(),
            "no estimate: {}",
            last_words(&output)
        );
        Ok(estimate)
    }

    /// Waits for a migration's end, and aborts it at the horizon: whether it was.
    fn wait(&self, mut child: Child, source: &str, horizon: Duration) -> Result<(Output, bool)> {
        let began = clock::now();
        let mut abort_at = horizon;
        let mut cut_off = false;
        while child.try_wait()?.is_none() {
            let elapsed = began.elapsed();
            if elapsed > horizon + ABORT_PATIENCE {
                child.kill()?;
                bail!("the migration of {} cannot be aborted", self.guest);
            }
            if elapsed > abort_at {
                cut_off = true;
                abort_at = elapsed + ABORT_AGAIN;
                self.rig
                    .run(source, &["virsh", "-q", "domjobabort", self.guest])?;
            }
            sleep(POLL);
        }
        Ok((child.wait_with_output()?, cut_off))
    }

    /// Lets it run undisturbed.
    pub(super) fn undisturbed(&self) {
        sleep(self.watch + SLACK);
    }

    fn beats(&self, since_ns: u64) -> Result<Vec<Beat>> {
        let since = format!("$1 >= {since_ns}");
        let log = |host: &'static str| {
            let file = format!("/rig/{host}.beats");
            let output = self.rig.run(HOSTS[0], &["awk", &since, &file])?;
            Ok((host, String::from_utf8_lossy(&output.stdout).into_owned()))
        };
        let logs = HOSTS.into_iter().map(log).collect::<Result<Vec<_>>>()?;
        Ok(progress::beats(&logs, self.guest))
    }
}

/// The time from `at` in a cycle until it is `into` one.
fn until(at: Duration, into: Duration, cycle: Duration) -> Duration {
    let cycle_ns = cycle.as_nanos().max(1);
    let rest_ns = cycle_ns + into.as_nanos() % cycle_ns - at.as_nanos() % cycle_ns;
    Duration::from_nanos(u64::try_from(rest_ns % cycle_ns).unwrap_or(0))
}

fn measured(outcome: Outcome, report: &Report, digest: &Digest, total: Duration) -> Measured {
    let moved = outcome == Outcome::Moved;
    let total_ms = digest
        .totals
        .as_ref()
        .map_or(total, |totals| Duration::from_millis(totals.total_ms))
        .as_secs_f64()
        * 1e3;
    let pause_ms = report.pause_ms.filter(|_| moved);
    let postcopy_ms = digest.postcopy_from_ms.map(Duration::from_millis);
    Measured {
        pause_ms,
        total_ms,
        precopy_ms: postcopy_ms.map_or(total_ms - pause_ms.unwrap_or(0.0), |at| {
            at.as_secs_f64() * 1e3
        }),
        round_one_ms: digest.round_one_ms,
        rounds: digest.rounds,
        sent_bytes: digest.sent_bytes,
        throttled_ms: digest.throttled_ms(),
        work_lost_ms: report.work_lost_ms,
        steps_per_s_before: report.steps_per_s_before,
        steps_per_s_during: report.steps_per_s_during,
        steps_per_s_after: report.steps_per_s_after,
        corrupt_pages: report.corrupt_pages,
        running_copies: report.running_copies,
        ..Measured::default()
    }
}

fn last_words(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stderr);
    let line = text.lines().rfind(|line| !line.trim().is_empty());
    line.unwrap_or("it said nothing").trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_of_a_cycle_is_awaited_without_whole_cycles() {
        let s = Duration::from_secs;
        assert_eq!(until(s(3), s(5), s(7)), s(2));
        assert_eq!(until(s(5), s(3), s(7)), s(5), "in the next");
        assert_eq!(until(s(23), s(2), s(7)), s(0), "three cycles later");
        assert_eq!(until(s(1), s(9), s(7)), s(1));
        assert_eq!(until(s(1), s(1), s(0)), s(0));
    }
}
