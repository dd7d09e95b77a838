//! One of them as a law.

use std::time::Duration;

use libvirt_hpc_control::event::Cause;
use libvirt_hpc_control::law::{Decision, Law, View};
use libvirt_hpc_control::time::Timestamp;

use crate::clark::Clark;
use crate::cloud_hypervisor::CloudHypervisor;
use crate::cloudstack::CloudStackLaw;
use crate::ganeti::Ganeti;
use crate::guestperf::Guestperf;
use crate::kubevirt::Kubevirt;
use crate::name::Name;
use crate::nova::Nova;
use crate::ovirt::Ovirt;
use crate::pacer::Pacer;
use crate::peer::{Knobs, Moment, Peer};
use crate::proxmox::Proxmox;
use crate::stock::{Stock, Stock2011};
use crate::stops::{ForcedStop, PostcopyAfterRoundOne, StopAfterRoundOne};
use crate::times::{TIMES_AS_PUBLISHED_PPM, Times};
use crate::xen::Xen;

/// A law of somebody else's: which, and how fast its clock runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Baseline {
    /// Which law, with its settings.
    pub law: Name,
    /// By how much its times are multiplied, parts per million; [`TIMES_AS_PUBLISHED_PPM`] leaves them.
    pub times_ppm: u64,
}

impl Baseline {
    /// The law with its times as published.
    #[must_use]
    pub const fn as_published(law: Name) -> Self {
        Self {
            law,
            times_ppm: TIMES_AS_PUBLISHED_PPM,
        }
    }

    /// The same law with its times multiplied by `times_ppm` parts per million; zero counts as one.
    #[must_use]
    pub const fn scaled(self, times_ppm: u64) -> Self {
        Self { times_ppm, ..self }
    }

    /// The law, for one migration.
    #[must_use]
    pub fn build(&self) -> BaselineLaw {
        BaselineLaw::new(self)
    }

    /// The peer's flags of its migrate call, as options of `virsh migrate`: they cannot be set once the migration runs.
    /// A law that switches to post-copy cannot do so without.
    #[must_use]
    pub const fn virsh_options(&self) -> &'static [&'static str] {
        self.law.virsh_options()
    }
}

/// A law of somebody else's at work on one migration.
#[derive(Clone, Debug)]
pub struct BaselineLaw {
    name: &'static str,
    times: Times,
    began: Option<Timestamp>,
    knobs: Knobs,
    peer: AnyPeer,
}

impl BaselineLaw {
    pub(crate) fn new(baseline: &Baseline) -> Self {
        Self {
            name: baseline.law.as_str(),
            times: Times::new(baseline.times_ppm),
            began: None,
            knobs: Knobs::UNTOUCHED,
            peer: AnyPeer::new(baseline.law),
        }
    }
}

impl Law for BaselineLaw {
    fn name(&self) -> &'static str {
        self.name
    }

    fn decide(&mut self, view: &View) -> Decision {
        let at = view.sample.at;
        // Their clocks start with the job, which is before memory flows.
        let began = *self
            .began
            .get_or_insert(at.before(Duration::from_millis(view.sample.elapsed_ms)));
        let now = Moment {
            clock: self.times.shown(at.since(began)),
            view,
            times: self.times,
        };
        self.peer.peer().poll(&now, &mut self.knobs);
        let Knobs {
            limit,
            speed_mib_per_s,
            action,
        } = self.knobs;
        let idle = self.knobs == Knobs::UNTOUCHED;
        Decision {
            limit,
            speed_mib_per_s,
            action,
            cause: if idle {
                Cause::Observing
            } else {
                Cause::Schedule
            },
        }
    }
}

#[derive(Clone, Debug)]
enum AnyPeer {
    Stock(Stock),
    Stock2011(Stock2011),
    Nova(Nova),
    Ovirt(Ovirt),
    Kubevirt(Kubevirt),
    Proxmox(Proxmox),
    CloudStack(CloudStackLaw),
    Ganeti(Ganeti),
    CloudHypervisor(CloudHypervisor),
    Xen(Xen),
    Clark(Clark),
    Pacer(Pacer),
    Guestperf(Guestperf),
    StopAfterRoundOne(StopAfterRoundOne),
    PostcopyAfterRoundOne(PostcopyAfterRoundOne),
    ForcedStop(ForcedStop),
}

impl AnyPeer {
    fn new(name: Name) -> Self {
        match name {
            Name::Stock => Self::Stock(Stock),
            Name::Stock2011 => Self::Stock2011(Stock2011),
            Name::Nova(timeout) => Self::Nova(Nova::new(timeout)),
            Name::Ovirt(policy) => Self::Ovirt(Ovirt::new(policy)),
            Name::Kubevirt(law, permit) => Self::Kubevirt(Kubevirt::new(law, permit)),
            Name::Proxmox => Self::Proxmox(Proxmox::default()),
            Name::CloudStack(settings) => Self::CloudStack(CloudStackLaw::new(settings)),
            Name::Ganeti { postcopy } => Self::Ganeti(Ganeti::new(postcopy)),
            Name::CloudHypervisor { ignore_timeout } => {
                Self::CloudHypervisor(CloudHypervisor::new(ignore_timeout))
            }
            Name::Xen => Self::Xen(Xen::XEN),
            Name::XcpNg => Self::Xen(Xen::XCP_NG),
            Name::Clark(range) => Self::Clark(Clark::new(range)),
            Name::Pacer { finish_ms } => Self::Pacer(Pacer::new(finish_ms)),
            Name::Guestperf => Self::Guestperf(Guestperf),
            Name::StopAfterRoundOne => Self::StopAfterRoundOne(StopAfterRoundOne),
            Name::PostcopyAfterRoundOne => Self::PostcopyAfterRoundOne(PostcopyAfterRoundOne),
            Name::ForcedStop {
                after_ms,
                before_limit_ms,
            } => Self::ForcedStop(ForcedStop::new(after_ms, before_limit_ms)),
        }
    }

    fn peer(&mut self) -> &mut dyn Peer {
        match self {
            Self::Stock(peer) => peer,
            Self::Stock2011(peer) => peer,
            Self::Nova(peer) => peer,
            Self::Ovirt(peer) => peer,
            Self::Kubevirt(peer) => peer,
            Self::Proxmox(peer) => peer,
            Self::CloudStack(peer) => peer,
            Self::Ganeti(peer) => peer,
            Self::CloudHypervisor(peer) => peer,
            Self::Xen(peer) => peer,
            Self::Clark(peer) => peer,
            Self::Pacer(peer) => peer,
            Self::Guestperf(peer) => peer,
            Self::StopAfterRoundOne(peer) => peer,
            Self::PostcopyAfterRoundOne(peer) => peer,
            Self::ForcedStop(peer) => peer,
        }
    }
}
