//! What happens in a run, as data.

use serde::{Deserialize, Serialize};

/// Who begins the migration, and who controls it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Begin {
    /// `virsh-hpc`; no agent runs.
    Command,
    /// Plain virsh; agents run on both hosts.
    Agent,
    /// `virsh-hpc`; agents run on both hosts.
    Both,
}

impl Begin {
    pub(super) const ALL: [Self; 3] = [Self::Command, Self::Agent, Self::Both];

    /// Whether agents run.
    pub(super) const fn has_agent(self) -> bool {
        matches!(self, Self::Agent | Self::Both)
    }

    /// The program that begins it.
    pub(super) const fn program(self) -> &'static str {
        match self {
            Self::Agent => "virsh",
            Self::Command | Self::Both => "virsh-hpc",
        }
    }
}

/// Where in its migration a fault strikes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Phase {
    /// The command has begun, no memory flows.
    Prepare,
    /// The first iteration.
    FirstIteration,
    /// A later one, or the wait for a quieter phase.
    LaterIteration,
    /// The guest is stopped on the source.
    Switchover,
    /// It runs on the destination, the command has not ended.
    Finish,
}

impl Phase {
    pub(super) const ALL: [Self; 5] = [
        Self::Prepare,
        Self::FirstIteration,
        Self::LaterIteration,
        Self::Switchover,
        Self::Finish,
    ];

    /// The name of its mark on the hosts, and in tables.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Prepare => "prepare",
            Self::FirstIteration => "first-iteration",
            Self::LaterIteration => "later-iteration",
            Self::Switchover => "switchover",
            Self::Finish => "finish",
        }
    }

    /// The longest wait after its beginning until a fault strikes, ms.
    pub(super) const fn spread_ms(self) -> u32 {
        match self {
            Self::Prepare => 400,
            Self::FirstIteration => 900,
            Self::LaterIteration => 1200,
            Self::Switchover => 150,
            Self::Finish => 60,
        }
    }
}

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Fault {
    /// SIGKILL of the command.
    KillCommand,
    /// SIGSTOP of the command, and SIGCONT.
    StopCommand,
    /// SIGKILL of the source's agent; another follows, as under systemd.
    KillAgent,
    /// SIGSTOP of the source's agent, and SIGCONT.
    StopAgent,
    /// SIGKILL of the source's libvirtd, and another.
    KillSourceDaemon,
    /// SIGSTOP of the source's libvirtd, and SIGCONT.
    StopSourceDaemon,
    /// SIGKILL of the destination's libvirtd, and another.
    KillDestinationDaemon,
    /// SIGSTOP of the destination's libvirtd, and SIGCONT.
    StopDestinationDaemon,
    /// SIGKILL of the destination's QEMU.
    KillDestinationQemu,
    /// The link carries nothing for a while.
    CutLink,
    /// The link carries a hundredth for a while.
    SlowLink,
    /// The file system of the traces is full.
    FullTraces,
    /// It becomes read-only.
    ReadOnlyTraces,
    /// It hangs for a while.
    HungTraces,
    /// The wall clock of the source's libvirtd and agent is set an hour on or back.
    StepClock,
    /// Another command migrates the same guest.
    SecondMigration,
    /// Somebody sets the downtime or the speed limit.
    ExternalChange,
}

impl Fault {
    pub(super) const ALL: [Self; 17] = [
        Self::KillCommand,
        Self::StopCommand,
        Self::KillAgent,
        Self::StopAgent,
        Self::KillSourceDaemon,
        Self::StopSourceDaemon,
        Self::KillDestinationDaemon,
        Self::StopDestinationDaemon,
        Self::KillDestinationQemu,
        Self::CutLink,
        Self::SlowLink,
        Self::FullTraces,
        Self::ReadOnlyTraces,
        Self::HungTraces,
        Self::StepClock,
        Self::SecondMigration,
        Self::ExternalChange,
    ];

    /// Its name in tables.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::KillCommand => "kill-command",
            Self::StopCommand => "stop-command",
            Self::KillAgent => "kill-agent",
            Self::StopAgent => "stop-agent",
            Self::KillSourceDaemon => "kill-source-daemon",
            Self::StopSourceDaemon => "stop-source-daemon",
            Self::KillDestinationDaemon => "kill-destination-daemon",
            Self::StopDestinationDaemon => "stop-destination-daemon",
            Self::KillDestinationQemu => "kill-destination-qemu",
            Self::CutLink => "cut-link",
            Self::SlowLink => "slow-link",
            Self::FullTraces => "full-traces",
            Self::ReadOnlyTraces => "read-only-traces",
            Self::HungTraces => "hung-traces",
            Self::StepClock => "step-clock",
            Self::SecondMigration => "second-migration",
            Self::ExternalChange => "external-change",
        }
    }

    /// Whether there must be an agent for it.
    pub(super) const fn needs_agent(self) -> bool {
        matches!(self, Self::KillAgent | Self::StopAgent)
    }

    /// Whether the traces must have a file system of their own for it.
    pub(super) const fn is_of_traces(self) -> bool {
        matches!(
            self,
            Self::FullTraces | Self::ReadOnlyTraces | Self::HungTraces
        )
    }
}

/// A fault and its moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Strike {
    pub(super) fault: Fault,
    pub(super) phase: Phase,
    /// After the beginning of the phase, ms.
    pub(super) delay_ms: u32,
    /// From the fault to the repair, where there is one, ms.
    pub(super) hold_ms: u32,
    /// Chooses between the fault's variants: which limit, which direction.
    pub(super) variant: bool,
}

/// A run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Plan {
    pub(super) begin: Begin,
    /// `--p2p`.
    pub(super) is_p2p: bool,
    /// Another marked guest moves the other way at the same time.
    pub(super) is_crossing: bool,
    /// The guest's policy makes further iterations worth their time.
    pub(super) is_patient: bool,
    /// Limits other than libvirt's are stored before.
    pub(super) has_limits: bool,
    /// The index of the source among the hosts.
    pub(super) source: usize,
    /// The link's rate, as tc writes it.
    pub(super) rate: String,
    /// The guest's workload, as the test bed writes it.
    pub(super) workload: String,
    /// One fault or two.
    pub(super) strikes: Vec<Strike>,
}

impl Plan {
    /// Whether `fault` is one of its faults.
    pub(super) fn has(&self, fault: Fault) -> bool {
        self.strikes.iter().any(|strike| strike.fault == fault)
    }

    /// It in a line.
    pub(super) fn in_words(&self) -> String {
        let strikes = self.strikes.iter().map(|strike| {
            let Strike {
                fault,
                phase,
                delay_ms,
                hold_ms,
                ..
            } = strike;
            let (fault, phase) = (fault.name(), phase.name());
            format!("{fault} {delay_ms} ms into {phase} for {hold_ms} ms")
        });
        let strikes = strikes.collect::<Vec<_>>().join(", ");
        let begin = format!("{:?}", self.begin).to_lowercase();
        let p2p = if self.is_p2p { " --p2p" } else { "" };
        let also = [
            (self.is_patient, ", patient"),
            (self.is_crossing, ", crossing"),
            (self.has_limits, ", limits stored"),
        ];
        let also: String = also
            .iter()
            .filter_map(|(is, what)| is.then_some(*what))
            .collect();
        format!(
            "by {begin}{p2p}, {} at {}{also}: {strikes}",
            self.workload, self.rate
        )
    }
}
