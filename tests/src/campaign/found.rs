//! What is found after a run. A campaign may be older than a field.

use serde::{Deserialize, Serialize};

use super::plan::Phase;

/// Of a fault: where it struck.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Hit {
    /// The phase in which it struck; none if it found nothing to strike, or the migration was over.
    pub(super) phase: Option<Phase>,
    /// The status of what struck: of a second migration, that of its command.
    pub(super) status: Option<i32>,
    /// What it said.
    pub(super) said: String,
}

/// How a command ended.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Ended {
    /// Its status, by a shell's numbers for signals.
    pub(super) status: Option<i32>,
    /// Its standard error.
    pub(super) said: String,
    /// How long it took, ms.
    pub(super) took_ms: u64,
}

/// A guest on the two hosts, the source first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Whereabouts {
    /// libvirt's state on each, empty where it is not.
    pub(super) states: [String; 2],
    /// Whether a migration still goes on.
    pub(super) has_job: bool,
    /// What the guest says of its memory: the number of corrupt pages.
    pub(super) corrupt_pages: Option<String>,
    /// Whether its work goes on.
    pub(super) works: bool,
    /// Its downtime and speed limits where it runs.
    pub(super) limits: Option<[String; 2]>,
}

impl Whereabouts {
    /// How many copies run.
    pub(super) fn running(&self) -> usize {
        self.states.iter().filter(|s| *s == "running").count()
    }

    /// Whether it runs on the destination alone.
    pub(super) fn has_moved(&self) -> bool {
        self.states[1] == "running" && self.states[0] != "running"
    }
}

/// Threads and descriptors of an agent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Held {
    pub(super) threads: u32,
    pub(super) descriptors: u32,
}

/// What libvirt-hpc has left on a host.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Left {
    /// Leases.
    pub(super) leases: Vec<String>,
    /// Other entries of its directory in `/run`.
    pub(super) run: Vec<String>,
    /// Commands of its that still run.
    pub(super) commands: Vec<String>,
    /// Traces that are still open.
    pub(super) open: Vec<String>,
    /// What its agent held before, and holds now.
    pub(super) agent: Option<(Held, Held)>,
}

/// A trace, as our own programs read it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct TraceRead {
    pub(super) path: String,
    /// The status of hpc-report and hpc-replay.
    pub(super) report: Option<i32>,
    pub(super) replay: Option<i32>,
    /// What both said on standard error.
    pub(super) said: String,
    /// How long the migration took, as its end tells, ms.
    pub(super) total_ms: Option<u64>,
    /// From its first sample to its last, ms.
    pub(super) sampled_ms: u64,
    /// It.
    #[serde(skip)]
    pub(super) text: Vec<u8>,
}

/// All of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Found {
    /// Of each fault of the plan.
    pub(super) hits: Vec<Hit>,
    /// The command.
    pub(super) command: Ended,
    /// From the command's start until no migration went on, ms.
    pub(super) over_after_ms: u64,
    /// Whether it had to be aborted, because it did not end.
    pub(super) was_aborted: bool,
    pub(super) guest: Whereabouts,
    /// The guest that crossed.
    pub(super) other: Option<Whereabouts>,
    /// On each host, the source first.
    pub(super) left: [Left; 2],
    pub(super) traces: Vec<TraceRead>,
    /// What the source's agent has logged since the beginning.
    pub(super) agent_said: String,
}
