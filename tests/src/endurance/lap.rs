//! A lap: one guest to and fro, then all of them at once.

use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::hosts::{GUESTS, Hosts};
use super::reading::Moved;
use crate::rig::HOSTS;

/// Who moves the guests, by turns: the agent takes over what the first begins, the second steers itself.
const PROGRAMS: [&str; 2] = ["virsh", "virsh-hpc"];

/// The agent writes a trace's end and closes it, and the guest is heard on its new host.
const REST: Duration = Duration::from_secs(1);

/// One of the moves of a lap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Step {
    /// Where the guests are.
    from: usize,
    guests: &'static [&'static str],
}

/// The moves of a lap, after which all guests are where they were.
pub(super) fn steps() -> [Step; 4] {
    let (one, all) = (&GUESTS[..1], &GUESTS[..]);
    [(0, one), (1, one), (0, all), (1, all)].map(|(from, guests)| Step { from, guests })
}

impl Step {
    /// How many guests it moves.
    pub(super) const fn count(self) -> u64 {
        self.guests.len() as u64
    }

    /// Moves its guests in the lap of that number, and requires that each runs on its new host alone, whole and heard.
    ///
    /// # Errors
    /// When one does not, or the test bed fails.
    pub(super) fn make(self, hosts: &Hosts, lap: usize) -> Result<Moved> {
        let program = PROGRAMS[lap % PROGRAMS.len()];
        let began = hosts.rig().now()?;
        let commands = self
            .guests
            .iter()
            .map(|guest| hosts.begin(program, guest, self.from))
            .collect::<Result<Vec<_>>>()?;
        for (guest, command) in self.guests.iter().zip(commands) {
            let output = command.wait_with_output()?;
            let said = String::from_utf8_lossy(&output.stderr);
            let status = output.status;
            ensure!(
                status.success(),
                "{program}: {guest}: {status}: {}",
                said.trim()
            );
        }
        let took = hosts.rig().now()?.saturating_sub(began);
        sleep(REST);
        let pauses_ms = self.guests.iter().map(|guest| {
            self.arrived(hosts, guest, began)
                .with_context(|| format!("after {program} has moved {guest}"))
        });
        Ok(Moved {
            by: program.to_owned(),
            pauses_ms: pauses_ms.collect::<Result<_>>()?,
            took_ms: u64::try_from(took.as_millis())?,
        })
    }

    /// The pause of a guest that has arrived, ms.
    fn arrived(self, hosts: &Hosts, guest: &str, began: Duration) -> Result<f64> {
        let report = hosts.rig().report(guest, began)?;
        let is_there = report.moved && report.host == HOSTS[1 - self.from];
        ensure!(
            is_there && report.corrupt_pages == 0 && report.running_copies == 1,
            "it is not as it was: {report:?}"
        );
        report.pause_ms.context("no pause")
    }
}
