//! Which of it is so.

use libvirt_hpc_control::policy::speed_limit;
use libvirt_hpc_libvirt::features::Version;
use libvirt_hpc_xml_schemas::{CpuMode, DiskSource, HostDevice};

use super::facts::{Cpu, Destination, Facts, Reached, RunState, Source, Storage, StoredDisk};
use super::finding::Finding;
use crate::migration::bounds::ordered_limit_ms;

/// The first QEMU that moves emulated guests unharmed: 7.2 corrupted 4 of 5 on the test bed, 10.0 none.
const EMULATED_SAFE: Version = Version::new(10, 0, 0);

/// The first libvirt that reports KVM's page faults.
const COUNTERS: Version = Version::new(8, 9, 0);

/// The largest pages with which post-copy pauses a guest no longer than it is used to.
const POSTCOPY_PAGE_BYTES: u64 = 2 << 20;

/// What a QEMU takes beside its guest's memory, bytes: page tables, devices, buffers of the migration.
const OVERHEAD_BYTES: u64 = 256 << 20;

/// Every finding, the worst first.
#[must_use]
pub fn findings(facts: &Facts) -> Vec<Finding> {
    let source = &facts.source;
    let mut found = of_the_domain(source);
    found.extend(of_its_disks(source, facts.copies_storage));
    found.extend(of_its_devices(source));
    found.extend(of_its_settings(source));
    found.extend(of_its_host(source));
    match &facts.destination {
        Destination::Unnamed => {}
        Destination::Unreachable(why) => found.push(Finding::Unreachable(why.clone())),
        Destination::Reached(reached) => found.extend(of_the_destination(source, reached)),
    }
    found.sort_by_key(Finding::severity);
    found
}

/// `finding` if it is so.
fn when(is_so: bool, finding: Finding) -> Option<Finding> {
    is_so.then_some(finding)
}

fn of_the_domain(source: &Source) -> Vec<Finding> {
    let state = match source.state {
        RunState::Running => None,
        RunState::Paused => Some(Finding::Paused),
        RunState::Off => Some(Finding::NotRunning),
    };
    let counted = |count, finding| when(count > 0, finding);
    [
        state,
        when(source.busy, Finding::OtherJob),
        counted(source.snapshots, Finding::Snapshots(source.snapshots)),
        counted(source.checkpoints, Finding::Checkpoints(source.checkpoints)),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn of_its_disks(source: &Source, copied: bool) -> Vec<Finding> {
    let local = |stored: &StoredDisk| match (&stored.disk.source, stored.storage) {
        (DiskSource::Path(path), Storage::Local) if !copied => Some(Finding::LocalDisk {
            target: stored.disk.target.clone(),
            path: path.clone(),
        }),
        _ => None,
    };
    source.disks.iter().filter_map(local).collect()
}

fn of_its_devices(source: &Source) -> Vec<Finding> {
    let traits = &source.traits;
    let has = |device| traits.host_devices.contains(&device);
    [
        when(has(HostDevice::Other), Finding::HostDevice),
        when(has(HostDevice::Vfio), Finding::Vfio),
        when(traits.filesystems, Finding::Filesystem),
        when(traits.launch_security, Finding::LaunchSecurity),
        when(traits.locked, Finding::Locked),
        when(traits.hard_limit, Finding::HardLimit),
        when(traits.dirty_ring, Finding::DirtyRing),
        when(
            traits.cpu_mode == CpuMode::HostPassthrough,
            Finding::HostPassthrough,
        ),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn of_its_settings(source: &Source) -> Vec<Finding> {
    let settings = source.settings;
    let downtime = settings.and_then(|settings| ordered_limit_ms(settings.downtime_ms));
    let speed = settings.and_then(|settings| speed_limit(settings.speed_mib_per_s));
    let large = source
        .page_bytes
        .filter(|bytes| *bytes > POSTCOPY_PAGE_BYTES);
    let postcopy = source
        .postcopy
        .then(|| large.map_or(Finding::Postcopy, Finding::PostcopyHugePages));
    [
        downtime.map(|ms| Finding::StaleLimit(ms.into())),
        speed.map(Finding::StaleSpeed),
        postcopy,
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn of_its_host(source: &Source) -> Vec<Finding> {
    let corrupts = |version: &Version| source.emulated && *version < EMULATED_SAFE;
    let old = |version: &Version| !source.emulated && *version < COUNTERS;
    [
        source.qemu.filter(corrupts).map(Finding::EmulatedCorrupts),
        source.libvirt.filter(old).map(Finding::NoCounters),
        when(source.pml == Some(true) && !source.emulated, Finding::Pml),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn of_the_destination(source: &Source, there: &Reached) -> Vec<Finding> {
    if there.is_source {
        return vec![Finding::SameHost];
    }
    let localhost = |name: &&String| name.as_str() == "localhost" || name.starts_with("localhost.");
    let older = source.qemu.zip(there.qemu).filter(|(from, to)| to < from);
    let corrupts = |version: &Version| source.emulated && *version < EMULATED_SAFE;
    let source_is_safe = source.qemu.is_none_or(|version| !corrupts(&version));
    [
        there
            .hostname
            .as_ref()
            .filter(localhost)
            .cloned()
            .map(Finding::Localhost),
        when(there.has_domain, Finding::DomainThere),
        when(there.cpu == Cpu::Incompatible, Finding::CpuIncompatible),
        memory(source, there),
        older.map(|(from, to)| Finding::QemuOlder { from, to }),
        there
            .qemu
            .filter(|version| source_is_safe && corrupts(version))
            .map(Finding::EmulatedCorrupts),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Whether the destination has the memory, of the kind that backs the domain's.
fn memory(source: &Source, there: &Reached) -> Option<Finding> {
    let needed_bytes = source.memory_bytes;
    match (source.page_bytes, there.free_huge_bytes) {
        (Some(page_bytes), Some(free_bytes)) => {
            (free_bytes < needed_bytes).then_some(Finding::HugePages {
                page_bytes,
                needed_bytes,
                free_bytes,
            })
        }
        (Some(_), None) => None,
        (None, _) => {
            let needed_bytes = needed_bytes.saturating_add(OVERHEAD_BYTES);
            let free_bytes = there.free_bytes.filter(|free| *free < needed_bytes)?;
            Some(Finding::Memory {
                needed_bytes,
                free_bytes,
            })
        }
    }
}
