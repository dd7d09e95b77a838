//! All of them.

use crate::law::Baseline;
use crate::name::{CloudStack, KubevirtLaw, Name, NovaTimeout, OvirtPolicy, Permit, Range};

/// One law of the registry.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// The law, with the settings it has if none are given.
    pub law: Name,
    /// Its settings, as they follow its name; empty if it has none.
    pub settings: &'static str,
    /// A description in a line.
    pub about: &'static str,
}

impl Entry {
    /// Its name.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.law.as_str()
    }

    /// How it is written.
    #[must_use]
    pub fn usage(&self) -> String {
        format!("{}{}", self.name(), self.settings)
    }

    /// The law with its own settings, its times as published.
    #[must_use]
    pub const fn baseline(&self) -> Baseline {
        Baseline::as_published(self.law)
    }
}

/// Every law, in the order in which tables show them.
#[must_use]
pub fn all() -> &'static [Entry] {
    ALL
}

pub(crate) fn find(name: &str) -> Option<&'static Entry> {
    ALL.iter().find(|entry| entry.name() == name)
}

const fn entry(law: Name, settings: &'static str, about: &'static str) -> Entry {
    Entry {
        law,
        settings,
        about,
    }
}

const fn ovirt(policy: OvirtPolicy, about: &'static str) -> Entry {
    entry(Name::Ovirt(policy), "", about)
}

const fn kubevirt(law: KubevirtLaw, about: &'static str) -> Entry {
    let law = Name::Kubevirt(law, Permit::Disruption);
    entry(law, "[=nothing|disruption|postcopy]", about)
}

const CLARK: Name = Name::Clark(Range {
    min_mbit_per_s: crate::clark::MIN_MBIT_PER_S,
    max_mbit_per_s: crate::clark::MAX_MBIT_PER_S,
});

const ALL: &[Entry] = &[
    entry(
        Name::Stock,
        "",
        "libvirt and QEMU alone: a limit of 300 ms, for good",
    ),
    entry(
        Name::Stock2011,
        "",
        "QEMU as it was in 2011: 30 ms and 32 MiB/s",
    ),
    entry(
        Name::Nova(NovaTimeout::Abort),
        "",
        "OpenStack nova: a ramp to 500 ms by the clock, abort after 800 s/GiB",
    ),
    entry(
        Name::Nova(NovaTimeout::Pause),
        "[=postcopy]",
        "the same, but the guest is paused after 800 s/GiB, or switches to post-copy",
    ),
    ovirt(
        OvirtPolicy::Minimal,
        "oVirt, minimal downtime: 100 to 500 ms by the iteration, then abort",
    ),
    ovirt(
        OvirtPolicy::Suspend,
        "oVirt, suspend workload if needed: the same, then 5 s, then abort",
    ),
    ovirt(
        OvirtPolicy::Postcopy,
        "oVirt, post-copy: 100 to 200 ms, then post-copy",
    ),
    ovirt(
        OvirtPolicy::VeryLarge,
        "oVirt, very large VMs: 300 to 1500 ms, then 5 s, then abort",
    ),
    ovirt(
        OvirtPolicy::Legacy,
        "oVirt, legacy: 101 to 500 ms, abort after 42 iterations",
    ),
    kubevirt(
        KubevirtLaw::Legacy,
        "KubeVirt: pause after 150 s/GB, abort after twice that or 150 s without progress",
    ),
    kubevirt(
        KubevirtLaw::Vep291,
        "KubeVirt VEP 291: a ramp from 150 to 900 ms in steps of 10 s, and the law before",
    ),
    kubevirt(
        KubevirtLaw::Vep248,
        "KubeVirt VEP 248: waits 40 s for a fall, then takes the best seen, with failing patience",
    ),
    entry(
        Name::Proxmox,
        "",
        "Proxmox VE: twice the limit whenever the remaining memory has risen six times",
    ),
    entry(
        Name::CloudStack(CloudStack {
            downtime_ms: None,
            pause_after_ms: None,
            wait_ms: None,
        }),
        "[=DOWNTIME,PAUSEAFTER,WAIT, each a time or off]",
        "CloudStack: one limit after 1 s, a pause and an abort by the clock, all off by default",
    ),
    entry(
        Name::Ganeti { postcopy: false },
        "[=postcopy]",
        "Ganeti: 30 ms and 32 MiB/s, or post-copy after the first iteration",
    ),
    entry(
        Name::CloudHypervisor {
            ignore_timeout: false,
        },
        "[=ignore]",
        "cloud-hypervisor: stop at a sync that leaves 300 ms or less; cancel after an hour",
    ),
    entry(
        Name::Xen,
        "",
        "Xen: stop after five iterations, or with fewer than 50 pages remaining",
    ),
    entry(
        Name::XcpNg,
        "",
        "XCP-ng: stop after four iterations, or with 50 pages remaining",
    ),
    entry(
        CLARK,
        "[=MIN,MAX in Mbit/s]",
        "Clark 2005: a speed just above the rate of change; stop where that is more than MAX",
    ),
    entry(
        Name::Pacer {
            finish_ms: crate::pacer::FINISH_MS,
        },
        "[=FINISH]",
        "Pacer: the slowest speed that still ends in time",
    ),
    entry(
        Name::Guestperf,
        "",
        "QEMU's guestperf: 500 ms; cancel after 30 iterations or 300 s",
    ),
    entry(
        Name::StopAfterRoundOne,
        "",
        "stop the guest at the first sync after the first iteration",
    ),
    entry(
        Name::PostcopyAfterRoundOne,
        "",
        "post-copy as soon as the first iteration has ended",
    ),
    entry(
        Name::ForcedStop {
            after_ms: 0,
            before_limit_ms: None,
        },
        "[=TIME[,LIMIT until then]]",
        "stop the guest at that time of the job, 0 s by default: the best such time is the oracle",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_found_by_its_own_name_and_described_in_a_line() {
        for entry in all() {
            let found = find(entry.name()).map(|found| found.law);
            assert_eq!(found, Some(entry.law), "{}", entry.name());
            assert!((10..=110).contains(&entry.about.len()), "{}", entry.about);
            assert_eq!(entry.baseline().to_string(), entry.name());
        }
    }
}
