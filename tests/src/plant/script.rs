//! External changes and faults of a migration, at given times.

use libvirt_hpc_control::target::Target;

/// A trouble that begins and ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Samples fail: libvirt does not answer.
    Deaf,
    /// Targets are refused.
    Refusing,
    /// Iteration events do not arrive: `wait` is not cut short by them and no sync is announced.
    EventsLost,
}

/// An event outside the controller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// An external change; one that libvirt would refuse is lost.
    External(Target),
    /// The trouble begins.
    Begin(Fault),
    /// The trouble ends.
    End(Fault),
    /// The job fails: the destination is gone.
    Fail,
}

/// Changes still to come, the next one last.
#[derive(Clone, Debug, Default)]
pub(super) struct Script(Vec<(u64, Change)>);

impl Script {
    /// Changes of one moment happen in the order they were added.
    pub(super) fn add(&mut self, at_ns: u64, change: Change) {
        let index = self.0.partition_point(|(other_ns, _)| *other_ns > at_ns);
        self.0.insert(index, (at_ns, change));
    }

    /// When the next one is due, ns.
    pub(super) fn next_ns(&self) -> Option<u64> {
        self.0.last().map(|(at_ns, _)| *at_ns)
    }

    /// Takes the next one if it is due at `now_ns`.
    pub(super) fn take(&mut self, now_ns: u64) -> Option<Change> {
        self.0
            .pop_if(|(at_ns, _)| *at_ns <= now_ns)
            .map(|(_, change)| change)
    }
}

/// The troubles there are now.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Faults {
    pub(super) deaf: bool,
    pub(super) refusing: bool,
    pub(super) events_lost: bool,
}

impl Faults {
    pub(super) fn set(&mut self, fault: Fault, on: bool) {
        match fault {
            Fault::Deaf => self.deaf = on,
            Fault::Refusing => self.refusing = on,
            Fault::EventsLost => self.events_lost = on,
        }
    }
}
