//! The guests, and the links each is moved over.

use std::time::Duration;

/// For a guest without phases.
const STEADY: Duration = Duration::from_secs(3);

/// A link that is as fast as the machine.
pub(super) const UNSHAPED: &str = "unshaped";

/// A guest and its links. Of an emulated guest's two, stock ends on the first, and on the second it does not. The report
/// shows what it really did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Guest {
    /// Its name, also libvirt's.
    pub(super) name: &'static str,
    /// Its program: `hpc.work` of its kernel command line.
    pub(super) workload: &'static str,
    /// Whether it runs under KVM, without Linux; else emulated.
    pub(super) kvm: bool,
    /// Its memory, MiB.
    pub(super) memory_mib: u32,
    /// Its processors.
    pub(super) vcpus: u32,
    /// How long it is watched before and after each run: whole cycles of its phases, if it has any.
    pub(super) watch: Duration,
    /// Rates as `tc` has them, or [`UNSHAPED`].
    pub(super) links: &'static [&'static str],
}

/// A guest on one of its links.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cell {
    pub(super) guest: &'static Guest,
    /// The link's rate.
    pub(super) link: &'static str,
}

impl Cell {
    /// Its name in tables and files.
    #[must_use]
    pub(super) fn name(&self) -> String {
        format!("{}-{}", self.guest.name, self.link)
    }

    /// The link's rate, if it has one.
    #[must_use]
    pub(super) fn rate(&self) -> Option<&'static str> {
        Some(self.link).filter(|link| *link != UNSHAPED)
    }
}

/// All guests. The kernels are those of `tests/guest`, `hpcc` is Debian's. `bench --probe` shows what stock does on
/// each link.
pub(super) const GUESTS: [Guest; 7] = [
    Guest {
        name: "stencil",
        workload: "stencil:64",
        links: &["2gbit", "300mbit"],
        ..KERNEL
    },
    Guest {
        name: "phased",
        workload: "phased:64@2s,1s,1s",
        watch: Duration::from_secs(4),
        links: &["2gbit", "200mbit"],
        ..KERNEL
    },
    Guest {
        name: "ft",
        workload: "ft:64",
        links: &["1gbit", "300mbit"],
        ..KERNEL
    },
    Guest {
        name: "mg",
        workload: "mg:64",
        links: &["1gbit", "300mbit"],
        ..KERNEL
    },
    Guest {
        name: "gups",
        workload: "gups:64",
        links: &["4gbit", "400mbit"],
        ..KERNEL
    },
    Guest {
        name: "hpcc",
        workload: "hpcc:64",
        memory_mib: 320,
        kvm: false,
        vcpus: 2,
        watch: Duration::from_secs(8),
        links: &["2gbit", "100mbit"],
    },
    // Sets up and frees 400 MiB, and works on 40.
    Guest {
        name: "freed",
        workload: "freed:440@10s",
        memory_mib: 768,
        watch: Duration::from_secs(12),
        links: &["1gbit", "200mbit"],
        ..KERNEL
    },
];

/// Guests of native speed: the same kernels, larger, over links of 1 and 2 Gbit/s, and over one without a limit.
pub(super) const KVM_GUESTS: [Guest; 5] = [
    Guest {
        name: "stencil",
        workload: "stencil:128",
        ..NATIVE
    },
    // Its processors spin while it exchanges, as MPI ranks' do.
    Guest {
        name: "phased",
        workload: "phased:128@3s,3s,1s,spin",
        watch: Duration::from_secs(7),
        ..NATIVE
    },
    Guest {
        name: "ft",
        workload: "ft:128",
        ..NATIVE
    },
    Guest {
        name: "mg",
        workload: "mg:128",
        ..NATIVE
    },
    Guest {
        name: "gups",
        workload: "gups:128",
        ..NATIVE
    },
];

const NATIVE: Guest = Guest {
    kvm: true,
    memory_mib: 512,
    links: &["1gbit", "2gbit", UNSHAPED],
    ..KERNEL
};

/// The common settings of guests with a kernel: small, so that a first round is short on a slow link.
const KERNEL: Guest = Guest {
    name: "",
    workload: "",
    kvm: false,
    memory_mib: 256,
    vcpus: 1,
    watch: STEADY,
    links: &[],
};
