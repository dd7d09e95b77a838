//! What can be wrong, and what helps.

use libvirt_hpc_libvirt::features::Version;
use serde::Serialize;

use crate::harmless::printable;
use crate::in_words::mib;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// libvirt or QEMU will refuse the migration.
    Refuse,
    /// It may fail, or cost much more than it need.
    Hurt,
    /// Worth knowing.
    Note,
}

impl Severity {
    /// As it is printed.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Refuse => "refuse",
            Self::Hurt => "hurt",
            Self::Note => "note",
        }
    }
}

/// One finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// The domain is off.
    NotRunning,
    /// Another job has the domain.
    OtherJob,
    /// The destination's libvirt does not answer.
    Unreachable(String),
    /// The destination is the source.
    SameHost,
    /// The destination calls itself localhost.
    Localhost(String),
    /// The domain runs there.
    DomainThere,
    /// A disk is on the source alone.
    LocalDisk {
        /// Its name in the guest.
        target: String,
        /// The file.
        path: String,
    },
    /// There are snapshots.
    Snapshots(u32),
    /// A device of the host that cannot migrate.
    HostDevice,
    /// The guest's memory is encrypted.
    LaunchSecurity,
    /// The destination cannot run the processor.
    CpuIncompatible,
    /// The destination has too few huge pages.
    HugePages {
        /// Their size, bytes.
        page_bytes: u64,
        /// What the domain needs, bytes.
        needed_bytes: u64,
        /// What is free, bytes.
        free_bytes: u64,
    },
    /// The destination has too little free memory.
    Memory {
        /// What the domain needs, bytes.
        needed_bytes: u64,
        /// What is free, bytes.
        free_bytes: u64,
    },
    /// A device that is passed through.
    Vfio,
    /// A folder of the host's.
    Filesystem,
    /// The destination's QEMU is older.
    QemuOlder {
        /// The source's.
        from: Version,
        /// The destination's.
        to: Version,
    },
    /// This QEMU corrupts emulated guests.
    EmulatedCorrupts(Version),
    /// A downtime limit is stored.
    StaleLimit(u64),
    /// A speed limit is stored.
    StaleSpeed(u64),
    /// Writes are logged in a dirty ring.
    DirtyRing,
    /// All memory of the domain's QEMU is limited.
    HardLimit,
    /// Post-copy with large pages.
    PostcopyHugePages(u64),
    /// Memory is locked.
    Locked,
    /// The processor is the host's own.
    HostPassthrough,
    /// The processor logs writes by itself.
    Pml,
    /// libvirt does not report the count of page faults.
    NoCounters(Version),
    /// The domain is paused.
    Paused,
    /// There are bitmaps.
    Checkpoints(u32),
    /// Post-copy needs userfaultfd.
    Postcopy,
}

impl Finding {
    /// How bad it is.
    #[must_use]
    pub const fn severity(&self) -> Severity {
        match self {
            Self::NotRunning
            | Self::OtherJob
            | Self::Unreachable(_)
            | Self::SameHost
            | Self::Localhost(_)
            | Self::DomainThere
            | Self::LocalDisk { .. }
            | Self::Snapshots(_)
            | Self::HostDevice
            | Self::LaunchSecurity
            | Self::CpuIncompatible
            | Self::HugePages { .. } => Severity::Refuse,
            Self::Memory { .. }
            | Self::Vfio
            | Self::Filesystem
            | Self::QemuOlder { .. }
            | Self::EmulatedCorrupts(_)
            | Self::StaleLimit(_)
            | Self::StaleSpeed(_)
            | Self::DirtyRing
            | Self::HardLimit
            | Self::PostcopyHugePages(_) => Severity::Hurt,
            Self::Locked
            | Self::HostPassthrough
            | Self::Pml
            | Self::NoCounters(_)
            | Self::Paused
            | Self::Checkpoints(_)
            | Self::Postcopy => Severity::Note,
        }
    }

    /// Its name for programs.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NotRunning => "not_running",
            Self::OtherJob => "other_job",
            Self::Unreachable(_) => "unreachable",
            Self::SameHost => "same_host",
            Self::Localhost(_) => "localhost",
            Self::DomainThere => "domain_there",
            Self::LocalDisk { .. } => "local_disk",
            Self::Snapshots(_) => "snapshots",
            Self::HostDevice => "host_device",
            Self::LaunchSecurity => "launch_security",
            Self::CpuIncompatible => "cpu_incompatible",
            Self::HugePages { .. } => "huge_pages",
            Self::Memory { .. } => "memory",
            Self::Vfio => "vfio",
            Self::Filesystem => "filesystem",
            Self::QemuOlder { .. } => "qemu_older",
            Self::EmulatedCorrupts(_) => "emulated_corrupts",
            Self::StaleLimit(_) => "stale_limit",
            Self::StaleSpeed(_) => "stale_speed",
            Self::DirtyRing => "dirty_ring",
            Self::HardLimit => "hard_limit",
            Self::PostcopyHugePages(_) => "postcopy_huge_pages",
            Self::Locked => "locked",
            Self::HostPassthrough => "host_passthrough",
            Self::Pml => "pml",
            Self::NoCounters(_) => "no_counters",
            Self::Paused => "paused",
            Self::Checkpoints(_) => "checkpoints",
            Self::Postcopy => "postcopy",
        }
    }

    /// What is so.
    #[must_use]
    pub fn what(&self) -> String {
        match self {
            Self::NotRunning => "the domain does not run: there is no memory to move".to_owned(),
            Self::OtherJob => "another job has the domain".to_owned(),
            Self::Unreachable(why) => {
                format!("the destination's libvirt does not answer: {}", printable(why))
            }
            Self::SameHost => "the destination is this host".to_owned(),
            Self::Localhost(name) => format!(
                "the destination calls itself {}: the source would connect to itself",
                printable(name)
            ),
            Self::DomainThere => {
                "a domain of this name or UUID runs on the destination".to_owned()
            }
            Self::LocalDisk { target, path } => format!(
                "disk {} is on this host alone ({})",
                printable(target),
                printable(path)
            ),
            Self::Snapshots(count) => format!("the domain has {count} snapshots"),
            Self::HostDevice => {
                "the domain has a USB, SCSI or character device of this host".to_owned()
            }
            Self::LaunchSecurity => {
                "the guest's memory is encrypted (<launchSecurity>)".to_owned()
            }
            Self::CpuIncompatible => {
                "the destination's hypervisor cannot run the domain's processor".to_owned()
            }
            Self::HugePages {
                page_bytes,
                needed_bytes,
                free_bytes,
            } => format!(
                "the destination has {} free in huge pages of {} KiB, and the domain needs {}",
                mib(*free_bytes),
                page_bytes / 1024,
                mib(*needed_bytes)
            ),
            Self::Memory {
                needed_bytes,
                free_bytes,
            } => format!(
                "the destination has {} of free memory, and the domain needs {}",
                mib(*free_bytes),
                mib(*needed_bytes)
            ),
            Self::Vfio => {
                "a device of this host is passed through (VFIO): its state counts in the pause, and is not in the estimate"
                    .to_owned()
            }
            Self::Filesystem => {
                "the guest has a folder of this host (<filesystem>): QEMU refuses while 9p is mounted, and older libvirt \
                 refuses virtiofs"
                    .to_owned()
            }
            Self::QemuOlder { from, to } => {
                format!("the destination's QEMU {to} is older than the source's {from}")
            }
            Self::EmulatedCorrupts(version) => {
                format!("QEMU {version} corrupts the memory of emulated guests (TCG) in a migration")
            }
            Self::StaleLimit(ms) => format!(
                "a downtime limit of {ms} ms is stored in the domain: the guest will not be paused for longer"
            ),
            Self::StaleSpeed(mib_per_s) => {
                format!("a speed limit of {mib_per_s} MiB/s is stored in the domain")
            }
            Self::DirtyRing => {
                "writes are logged in a dirty ring: it slows the guest while memory is sent, and hides what it writes"
                    .to_owned()
            }
            Self::HardLimit => {
                "the memory of the domain's QEMU is limited (<hard_limit>): a migration needs some more, and QEMU is \
                 killed above it"
                    .to_owned()
            }
            Self::PostcopyHugePages(bytes) => format!(
                "post-copy is allowed, and pages of {} KiB back the memory: the guest waits for each",
                bytes / 1024
            ),
            Self::Locked => {
                "the domain's memory is locked (<locked>): the destination must lock as much, and XBZRLE is off".to_owned()
            }
            Self::HostPassthrough => {
                "the processor is the host's own (host-passthrough): libvirt cannot compare two hosts".to_owned()
            }
            Self::Pml => {
                "the processor logs writes by itself (PML): quiet phases of a guest that spins cannot be seen".to_owned()
            }
            Self::NoCounters(version) => format!(
                "libvirt {version} does not report KVM's page faults: quiet phases of a guest that spins cannot be seen"
            ),
            Self::Paused => "the domain is paused, and will be on the destination".to_owned(),
            Self::Checkpoints(count) => {
                format!("the domain has {count} checkpoints, which libvirt does not move")
            }
            Self::Postcopy => {
                "post-copy is allowed: the destination's QEMU needs userfaultfd, which cannot be asked from here".to_owned()
            }
        }
    }

    /// What helps.
    #[must_use]
    pub const fn remedy(&self) -> &'static str {
        match self {
            Self::NotRunning => {
                "start it, or define it there (virsh migrate --offline --persistent)"
            }
            Self::OtherJob => "wait for its end, or end it: virsh domjobinfo, virsh domjobabort",
            Self::Unreachable(_) => {
                "try virsh -c DESTURI version; check the daemon, the firewall, and keys or certificates"
            }
            Self::SameHost => "name another host",
            Self::Localhost(_) => {
                "give that host a name that others resolve, or set migration_host in its qemu.conf"
            }
            Self::DomainThere => "end or rename that one, or move under another name (--dname)",
            Self::LocalDisk { .. } => {
                "copy it along (--copy-storage-all, and this command's --copy-storage), or move it to shared storage"
            }
            Self::Snapshots(_) => {
                "delete them: virsh snapshot-delete DOMAIN NAME --metadata keeps their data"
            }
            Self::HostDevice => "detach it for the migration: virsh detach-device",
            Self::LaunchSecurity => "shut the domain down and start it there",
            Self::CpuIncompatible => {
                "choose a processor that both hosts have (virsh hypervisor-cpu-baseline), and restart the domain"
            }
            Self::HugePages { .. } => {
                "free or reserve them there (vm.nr_hugepages; virsh allocpages)"
            }
            Self::Memory { .. } => {
                "move or stop other guests there; cached files are not counted as free, so look at free -m first"
            }
            Self::Vfio => {
                "detach it for the migration, or check that its driver can migrate; libvirt refuses it otherwise"
            }
            Self::Filesystem => "unmount it in the guest, and detach it for the migration",
            Self::QemuOlder { .. } => {
                "update the destination first: it may lack the machine type, and QEMU is tested in the other direction"
            }
            Self::EmulatedCorrupts(_) => {
                "update QEMU to 10.0 on both hosts, or shut the guest down to move it"
            }
            Self::StaleLimit(_) => {
                "if nobody wants it: virsh migrate-setmaxdowntime DOMAIN 300, which is what QEMU begins with"
            }
            Self::StaleSpeed(_) => {
                "if nobody wants it: virsh migrate-setspeed DOMAIN 8796093022207, which is no limit"
            }
            Self::DirtyRing => "remove <dirty-ring> from the domain's XML, and restart it",
            Self::HardLimit => "leave room above the guest's memory, or remove it",
            Self::PostcopyHugePages(_) => {
                "do not allow post-copy for this domain: virsh-hpc hpc-policy DOMAIN --set-postcopy no"
            }
            Self::Locked => {
                "check the memory that is free there, and the limit of locked memory of its daemon"
            }
            Self::HostPassthrough => {
                "move only between hosts with the same processor, microcode and kernel"
            }
            Self::Pml => {
                "if it matters: load kvm_intel with pml=0 (docs/operations.md, section 6); nothing else is lost"
            }
            Self::NoCounters(_) => "if it matters: libvirt 8.9 or newer",
            Self::Paused => "resume it, if that is not meant: virsh resume",
            Self::Checkpoints(_) => "make a full backup after the migration, or delete them",
            Self::Postcopy => {
                "check sysctl vm.unprivileged_userfaultfd or /dev/userfaultfd there; without, the guest is switched over"
            }
        }
    }
}
