use libvirt_hpc_control::guard::SPEED_UNLIMITED_MIB_PER_S;
use libvirt_hpc_control::sample::Settings;
use libvirt_hpc_libvirt::features::Version;
use libvirt_hpc_xml_schemas::{CpuMode, Disk, DiskSource, HostDevice, Traits};

use super::*;

const GIB: u64 = 1 << 30;
const QEMU: Version = Version::new(10, 0, 2);

fn reached() -> Reached {
    Reached {
        libvirt: Some(Version::new(11, 3, 0)),
        qemu: Some(QEMU),
        hostname: Some("beta".to_owned()),
        free_bytes: Some(64 * GIB),
        cpu: Cpu::Compatible,
        ..Reached::default()
    }
}

/// Two hosts between which nothing is wrong.
fn clean() -> Facts {
    let disk = |source, storage| StoredDisk {
        disk: Disk {
            target: "vda".to_owned(),
            source,
        },
        storage,
    };
    let path = DiskSource::Path("/nfs/vm.qcow2".to_owned());
    Facts {
        source: Source {
            libvirt: Some(Version::new(11, 3, 0)),
            qemu: Some(QEMU),
            memory_bytes: 8 * GIB,
            disks: vec![
                disk(path.clone(), Storage::Shared),
                disk(path, Storage::Unknown),
                disk(DiskSource::Elsewhere, Storage::Shared),
            ],
            settings: Some(Settings {
                downtime_ms: 300,
                speed_mib_per_s: SPEED_UNLIMITED_MIB_PER_S,
            }),
            pml: Some(false),
            ..Source::default()
        },
        destination: Destination::Reached(Box::new(reached())),
        copies_storage: false,
    }
}

fn of_source(change: impl FnOnce(&mut Source)) -> Vec<Finding> {
    let mut facts = clean();
    change(&mut facts.source);
    findings(&facts)
}

fn of_traits(change: impl FnOnce(&mut Traits)) -> Vec<Finding> {
    of_source(|source| change(&mut source.traits))
}

fn of_destination(change: impl FnOnce(&mut Reached)) -> Vec<Finding> {
    let mut there = reached();
    change(&mut there);
    findings(&Facts {
        destination: Destination::Reached(Box::new(there)),
        ..clean()
    })
}

#[test]
fn nothing_is_named_between_two_clean_hosts() {
    assert_eq!(findings(&clean()), []);
    let unnamed = Facts {
        destination: Destination::Unnamed,
        ..clean()
    };
    assert_eq!(findings(&unnamed), []);
}

#[test]
fn what_nobody_could_tell_is_no_finding() {
    let unknown = Facts {
        source: Source::default(),
        destination: Destination::Reached(Box::default()),
        copies_storage: false,
    };
    assert_eq!(findings(&unknown), []);
}

#[test]
fn a_domain_that_is_off_paused_or_busy_is_named() {
    assert_eq!(
        of_source(|s| s.state = RunState::Off),
        [Finding::NotRunning]
    );
    assert_eq!(of_source(|s| s.state = RunState::Paused), [Finding::Paused]);
    assert_eq!(of_source(|s| s.busy = true), [Finding::OtherJob]);
}

#[test]
fn snapshots_and_checkpoints_are_named_with_their_number() {
    assert_eq!(of_source(|s| s.snapshots = 2), [Finding::Snapshots(2)]);
    assert_eq!(of_source(|s| s.checkpoints = 3), [Finding::Checkpoints(3)]);
}

#[test]
fn a_disk_of_this_host_is_named_unless_it_is_copied() {
    let mut facts = clean();
    facts.source.disks[0].storage = Storage::Local;
    let local = Finding::LocalDisk {
        target: "vda".to_owned(),
        path: "/nfs/vm.qcow2".to_owned(),
    };
    assert_eq!(findings(&facts), [local]);
    facts.copies_storage = true;
    assert_eq!(findings(&facts), []);
}

#[test]
fn devices_of_the_host_are_named_by_what_becomes_of_them() {
    let with = |device| of_traits(|t| t.host_devices = vec![device, device]);
    assert_eq!(with(HostDevice::Other), [Finding::HostDevice]);
    assert_eq!(with(HostDevice::Vfio), [Finding::Vfio]);
    assert_eq!(of_traits(|t| t.filesystems = true), [Finding::Filesystem]);
}

#[test]
fn settings_of_the_memory_and_the_processor_are_named() {
    assert_eq!(
        of_traits(|t| t.launch_security = true),
        [Finding::LaunchSecurity]
    );
    assert_eq!(of_traits(|t| t.locked = true), [Finding::Locked]);
    assert_eq!(of_traits(|t| t.hard_limit = true), [Finding::HardLimit]);
    assert_eq!(of_traits(|t| t.dirty_ring = true), [Finding::DirtyRing]);
    let passthrough = of_traits(|t| t.cpu_mode = CpuMode::HostPassthrough);
    assert_eq!(passthrough, [Finding::HostPassthrough]);
}

#[test]
fn limits_that_somebody_left_are_named() {
    let with = |downtime_ms, speed_mib_per_s| {
        of_source(|s| {
            s.settings = Some(Settings {
                downtime_ms,
                speed_mib_per_s,
            });
        })
    };
    assert_eq!(
        with(1234, SPEED_UNLIMITED_MIB_PER_S),
        [Finding::StaleLimit(1234)]
    );
    assert_eq!(with(300, 2), [Finding::StaleSpeed(2)]);
    assert_eq!(with(300, 0), [], "zero is no limit");
}

#[test]
fn post_copy_is_named_where_the_policy_allows_it() {
    let with = |page_bytes| {
        of_source(|s| {
            (s.postcopy, s.page_bytes) = (true, page_bytes);
        })
    };
    assert_eq!(with(None), [Finding::Postcopy]);
    assert_eq!(with(Some(2 << 20)), [Finding::Postcopy]);
    assert_eq!(with(Some(GIB)), [Finding::PostcopyHugePages(GIB)]);
    assert_eq!(of_source(|s| s.page_bytes = Some(GIB)), []);
}

#[test]
fn hosts_that_hide_writes_are_named_under_kvm_alone() {
    assert_eq!(of_source(|s| s.pml = Some(true)), [Finding::Pml]);
    let old = Version::new(8, 8, 0);
    assert_eq!(
        of_source(|s| s.libvirt = Some(old)),
        [Finding::NoCounters(old)]
    );
    let emulated = of_source(|s| (s.pml, s.libvirt, s.emulated) = (Some(true), Some(old), true));
    assert_eq!(emulated, []);
}

#[test]
fn a_qemu_that_corrupts_emulated_guests_is_named_once_on_either_host() {
    let old = Version::new(7, 2, 22);
    let emulated = |from, to| {
        let mut facts = clean();
        (facts.source.emulated, facts.source.qemu) = (true, Some(from));
        let there = Reached {
            qemu: Some(to),
            ..reached()
        };
        facts.destination = Destination::Reached(Box::new(there));
        findings(&facts)
    };
    assert_eq!(emulated(old, QEMU), [Finding::EmulatedCorrupts(old)]);
    assert_eq!(emulated(old, old), [Finding::EmulatedCorrupts(old)]);
    let older = Finding::QemuOlder {
        from: QEMU,
        to: old,
    };
    assert_eq!(emulated(QEMU, old), [older, Finding::EmulatedCorrupts(old)]);
    assert_eq!(of_source(|s| s.qemu = Some(old)), [], "KVM is not harmed");
}

#[test]
fn a_destination_that_does_not_answer_is_named_with_the_reason() {
    let facts = Facts {
        destination: Destination::Unreachable("refused".to_owned()),
        ..clean()
    };
    let found = findings(&facts);
    assert_eq!(found, [Finding::Unreachable("refused".to_owned())]);
    assert!(found[0].what().ends_with(": refused"));
}

#[test]
fn a_destination_that_is_the_source_or_has_the_domain_is_named() {
    assert_eq!(of_destination(|d| d.is_source = true), [Finding::SameHost]);
    assert_eq!(
        of_destination(|d| d.has_domain = true),
        [Finding::DomainThere]
    );
    for name in ["localhost", "localhost.localdomain"] {
        let found = of_destination(|d| d.hostname = Some(name.to_owned()));
        assert_eq!(found, [Finding::Localhost(name.to_owned())]);
    }
}

#[test]
fn a_destination_that_cannot_run_the_guest_is_named() {
    assert_eq!(
        of_destination(|d| d.cpu = Cpu::Incompatible),
        [Finding::CpuIncompatible]
    );
    assert_eq!(of_destination(|d| d.cpu = Cpu::Unknown), []);
    let to = Version::new(9, 2, 0);
    let older = Finding::QemuOlder { from: QEMU, to };
    assert_eq!(of_destination(|d| d.qemu = Some(to)), [older]);
    assert_eq!(
        of_destination(|d| d.qemu = Some(Version::new(11, 0, 0))),
        []
    );
}

#[test]
fn memory_of_the_kind_that_the_domain_needs_is_counted() {
    let short = Finding::Memory {
        needed_bytes: 8 * GIB + (256 << 20),
        free_bytes: 8 * GIB,
    };
    assert_eq!(of_destination(|d| d.free_bytes = Some(8 * GIB)), [short]);
    let huge = |free_huge_bytes| {
        let mut facts = clean();
        facts.source.page_bytes = Some(GIB);
        let there = Reached {
            free_bytes: Some(0),
            free_huge_bytes,
            ..reached()
        };
        facts.destination = Destination::Reached(Box::new(there));
        findings(&facts)
    };
    let short = Finding::HugePages {
        page_bytes: GIB,
        needed_bytes: 8 * GIB,
        free_bytes: 7 * GIB,
    };
    assert_eq!(huge(Some(7 * GIB)), [short]);
    assert_eq!(huge(Some(8 * GIB)), []);
    assert_eq!(huge(None), []);
}

#[test]
fn the_worst_comes_first_and_each_has_words_a_name_and_a_remedy() {
    let found = of_source(|s| {
        s.state = RunState::Paused;
        s.snapshots = 1;
        s.traits.host_devices = vec![HostDevice::Vfio];
    });
    let severities: Vec<_> = found.iter().map(Finding::severity).collect();
    assert_eq!(
        severities,
        [Severity::Refuse, Severity::Hurt, Severity::Note]
    );
    for finding in found {
        let (what, remedy) = (finding.what(), finding.remedy());
        assert!(!what.is_empty() && !remedy.is_empty() && !what.ends_with('.'));
        assert!(
            finding
                .code()
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte == b'_')
        );
    }
}

#[test]
fn text_of_others_cannot_move_the_cursor() {
    for finding in [
        Finding::Unreachable("\u{1b}[2J".to_owned()),
        Finding::Localhost("localhost.\u{1b}[2J".to_owned()),
        Finding::LocalDisk {
            target: "\u{1b}[2J".to_owned(),
            path: "/\u{1b}[2J".to_owned(),
        },
    ] {
        assert!(!finding.what().contains('\u{1b}'));
    }
}
