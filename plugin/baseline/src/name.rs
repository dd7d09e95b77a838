//! Which law, with which settings.

/// The laws, with their settings. Sources and constants are in the file of each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the registry describes each")]
pub enum Name {
    Stock,
    Stock2011,
    Nova(NovaTimeout),
    Ovirt(OvirtPolicy),
    Kubevirt(KubevirtLaw, Permit),
    Proxmox,
    CloudStack(CloudStack),
    Ganeti {
        /// Whether it switches to post-copy when the first round has ended.
        postcopy: bool,
    },
    CloudHypervisor {
        /// At the timeout it stops the guest (`ignore`), rather than to cancel (its default).
        ignore_timeout: bool,
    },
    Xen,
    XcpNg,
    Clark(Range),
    Pacer {
        /// When the migration should end, milliseconds of the job.
        finish_ms: u64,
    },
    Guestperf,
    StopAfterRoundOne,
    PostcopyAfterRoundOne,
    ForcedStop {
        /// When, milliseconds of the job.
        after_ms: u64,
        /// The downtime limit until then, milliseconds; none leaves that of the start.
        before_limit_ms: Option<u32>,
    },
}

/// nova's action at `live_migration_completion_timeout`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NovaTimeout {
    /// `live_migration_timeout_action = abort`, its default.
    Abort,
    /// `force_complete` where post-copy is not permitted: the guest is paused.
    Pause,
    /// `force_complete` with `live_migration_permit_post_copy`.
    Postcopy,
}

/// A migration policy of oVirt's engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "named as oVirt names them")]
pub enum OvirtPolicy {
    Minimal,
    Suspend,
    Postcopy,
    VeryLarge,
    Legacy,
}

/// One of KubeVirt's three.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KubevirtLaw {
    /// The law without a feature gate.
    Legacy,
    /// The ramp, and the legacy law in parallel.
    Vep291,
    /// The stall detector.
    Vep248,
}

/// The permissions of a cluster's migration policy for KubeVirt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Permit {
    /// Neither, KubeVirt's default: it aborts a migration that does not converge.
    Nothing,
    /// `allowWorkloadDisruption`: it may pause the guest. The default here, so that it completes.
    Disruption,
    /// That and `allowPostCopy`.
    Postcopy,
}

impl Permit {
    pub(crate) const fn disruption(self) -> bool {
        matches!(self, Self::Disruption | Self::Postcopy)
    }

    pub(crate) const fn postcopy(self) -> bool {
        matches!(self, Self::Postcopy)
    }
}

/// CloudStack's three settings in `agent.properties`; each is off by default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct CloudStack {
    /// `vm.migrate.downtime`, milliseconds.
    pub downtime_ms: Option<u32>,
    /// `vm.migrate.pauseafter`, milliseconds.
    pub pause_after_ms: Option<u64>,
    /// `vm.migrate.wait`, there in seconds, here in milliseconds.
    pub wait_ms: Option<u64>,
}

/// The speeds between which Clark's law stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Range {
    /// The lowest, Mbit/s.
    pub min_mbit_per_s: u32,
    /// The highest, Mbit/s.
    pub max_mbit_per_s: u32,
}

impl Name {
    /// The name as it is written, without settings.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Stock => "stock",
            Self::Stock2011 => "stock-2011",
            Self::Nova(NovaTimeout::Abort) => "nova-abort",
            Self::Nova(NovaTimeout::Pause | NovaTimeout::Postcopy) => "nova-force-complete",
            Self::Ovirt(OvirtPolicy::Minimal) => "ovirt-minimal",
            Self::Ovirt(OvirtPolicy::Suspend) => "ovirt-suspend",
            Self::Ovirt(OvirtPolicy::Postcopy) => "ovirt-postcopy",
            Self::Ovirt(OvirtPolicy::VeryLarge) => "ovirt-very-large",
            Self::Ovirt(OvirtPolicy::Legacy) => "ovirt-legacy",
            Self::Kubevirt(KubevirtLaw::Legacy, _) => "kubevirt-legacy",
            Self::Kubevirt(KubevirtLaw::Vep291, _) => "vep-291",
            Self::Kubevirt(KubevirtLaw::Vep248, _) => "vep-248",
            Self::Proxmox => "proxmox",
            Self::CloudStack(_) => "cloudstack",
            Self::Ganeti { .. } => "ganeti",
            Self::CloudHypervisor { .. } => "cloud-hypervisor",
            Self::Xen => "xen",
            Self::XcpNg => "xcp-ng",
            Self::Clark(_) => "clark",
            Self::Pacer { .. } => "pacer",
            Self::Guestperf => "guestperf",
            Self::StopAfterRoundOne => "stop-after-round-one",
            Self::PostcopyAfterRoundOne => "postcopy-after-round-one",
            Self::ForcedStop { .. } => "forced-stop",
        }
    }

    /// See [`crate::Baseline::virsh_options`].
    pub(crate) const fn virsh_options(self) -> &'static [&'static str] {
        match self {
            Self::Nova(NovaTimeout::Postcopy)
            | Self::Kubevirt(_, Permit::Postcopy)
            | Self::Ganeti { postcopy: true }
            | Self::PostcopyAfterRoundOne => &["--postcopy"],
            Self::Ovirt(OvirtPolicy::Minimal) => &["--auto-converge"],
            Self::Ovirt(OvirtPolicy::Suspend) | Self::Proxmox => {
                &["--auto-converge", "--compressed"]
            }
            Self::Ovirt(OvirtPolicy::Postcopy) => &["--auto-converge", "--postcopy"],
            Self::Ovirt(OvirtPolicy::VeryLarge) => &["--parallel"],
            Self::CloudStack(_) => &["--compressed"],
            _ => &[],
        }
    }
}
