//! What libvirt and the hosts say. What one of them does not answer stays unknown; only the domain itself must answer.

use std::fs;
use std::os::unix::fs::FileTypeExt;
use std::path::Path;

use anyhow::{Context, Result};
use libvirt_hpc_libvirt::connect::Options;
use libvirt_hpc_libvirt::features::Features;
use libvirt_hpc_libvirt::host::{self, CpuFit};
use libvirt_hpc_libvirt::{Connection, Domain};
use libvirt_hpc_xml_schemas::{self as xml, CpuMode, Disk, DiskSource, Traits};

use crate::estimate::preflight::{
    Cpu, Destination, Facts, Reached, RunState, Source, Storage, StoredDisk,
};
use crate::flags::hpc_commands::EstimateArgs;
use crate::migration::guest::Guest;
use crate::migration::settings;
use crate::session::connect;

/// Whether Intel's processors log writes by themselves.
const PML: &str = "/sys/module/kvm_intel/parameters/pml";

/// File systems that several hosts share (`virFileIsSharedFSType`, libvirt `src/util/virfile.c`), by `statfs`.
const SHARED: [i64; 10] = [
    0x6969,      // NFS
    0x517b,      // SMB
    0xff53_4d42, // CIFS
    0x0116_1970, // GFS2
    0x7461_636f, // OCFS2
    0x5346_414f, // AFS
    0x00c3_6400, // Ceph
    0x4750_4653, // GPFS
    0x0bd0_0bd0, // Lustre
    0x1983_0326, // BeeGFS
];

/// A file system of a program's, which may be shared or not.
const FUSE: i64 = 0x6573_5546;

/// A domain, and all that was asked about it.
pub(super) struct Domains {
    /// The domain's name.
    pub(super) name: String,
    /// For the preflight.
    pub(super) facts: Facts,
    /// For the bounds.
    pub(super) guest: Guest,
    /// The host's memory that it has, bytes; none if unknown.
    pub(super) resident_bytes: Option<u64>,
    /// Whether its writes will be counted.
    pub(super) counted: bool,
}

/// Asks about `domain`, and about the destination if `args` names one.
pub(super) fn of(
    domain: &Domain,
    policy: &xml::Policy,
    args: &EstimateArgs,
    options: Options,
) -> Result<Domains> {
    let document = domain.xml(0)?;
    let traits = Traits::read(&document).context("its XML cannot be read")?;
    let source = source(domain, policy, &document, traits)?;
    let destination = match &args.dest_uri {
        None => Destination::Unnamed,
        Some(uri) => destination(uri, options, domain, &source, &document),
    };
    let counts = source.pml != Some(true) && !source.traits.dirty_ring;
    Ok(Domains {
        name: domain.name().to_owned(),
        guest: Guest::read(domain, &document),
        resident_bytes: domain
            .resident_bytes()
            .filter(|_| source.page_bytes.is_none()),
        counted: counts && !source.emulated && domain.page_faults().is_some(),
        facts: Facts {
            source,
            destination,
            copies_storage: args.copy_storage,
        },
    })
}

fn source(domain: &Domain, policy: &xml::Policy, document: &str, traits: Traits) -> Result<Source> {
    let connection = domain.connection();
    let is_local = connection
        .uri()
        .is_ok_and(|uri| connect::is_this_host(&uri));
    let features = Features::of(connection).ok();
    let state = match domain.state()? {
        state if state.is_paused() => RunState::Paused,
        _ if domain.is_active()? => RunState::Running,
        _ => RunState::Off,
    };
    let disks = traits.disks.iter().map(|disk| StoredDisk {
        storage: storage(disk, is_local),
        disk: disk.clone(),
    });
    Ok(Source {
        state,
        libvirt: features.map(|features| features.daemon),
        qemu: features.and_then(|features| features.hypervisor),
        emulated: xml::is_emulated(document),
        page_bytes: xml::page_bytes(document),
        memory_bytes: domain.memory_bytes()?,
        disks: disks.collect(),
        // A driver without jobs has none.
        busy: domain
            .job_stats()
            .is_ok_and(|job| job.job_type.is_running()),
        settings: settings::read(domain).ok(),
        snapshots: domain.snapshots().unwrap_or(0),
        checkpoints: domain.checkpoints().unwrap_or(0),
        pml: is_local.then(|| pml(Path::new(PML))).flatten(),
        postcopy: policy.postcopy_allowed == Some(true),
        traits,
    })
}

/// None where there is no such processor.
fn pml(file: &Path) -> Option<bool> {
    let text = fs::read_to_string(file).ok()?;
    Some(text.trim() == "Y")
}

/// Where a disk is, as far as this host can tell.
pub(super) fn storage(disk: &Disk, is_local: bool) -> Storage {
    let DiskSource::Path(path) = &disk.source else {
        return Storage::Shared;
    };
    let path = Path::new(path);
    let is_file = fs::metadata(path).is_ok_and(|file| !file.file_type().is_block_device());
    if !is_local || !is_file {
        return Storage::Unknown;
    }
    match rustix::fs::statfs(path).map(|system| system.f_type) {
        Ok(kind) if SHARED.contains(&kind) => Storage::Shared,
        Ok(FUSE) | Err(_) => Storage::Unknown,
        Ok(_) => Storage::Local,
    }
}

fn destination(
    uri: &str,
    options: Options,
    domain: &Domain,
    source: &Source,
    document: &str,
) -> Destination {
    let reached = match Connection::open(Some(uri), options) {
        Ok(reached) => reached,
        Err(error) => {
            let words = error.libvirt_message().map(str::to_owned);
            return Destination::Unreachable(words.unwrap_or_else(|| error.to_string()));
        }
    };
    let features = Features::of(&reached).ok();
    let hostname = reached.hostname().ok();
    let is_source = hostname.is_some() && hostname == domain.connection().hostname().ok();
    // Without a size in the XML it is the host's default, which may differ there.
    let named = document.contains("<page size");
    let page_bytes = source.page_bytes.filter(|_| named);
    Destination::Reached(Box::new(Reached {
        libvirt: features.map(|features| features.daemon),
        qemu: features.and_then(|features| features.hypervisor),
        hostname,
        is_source,
        has_domain: has_domain(&reached, domain),
        free_bytes: reached.free_memory_bytes().ok(),
        free_huge_bytes: page_bytes.and_then(|bytes| reached.free_pages_bytes(bytes).ok()),
        cpu: cpu(&reached, &source.traits),
    }))
}

fn has_domain(there: &Connection, domain: &Domain) -> bool {
    let found = [
        Domain::lookup_by_uuid(there, domain.uuid()),
        Domain::lookup(there, domain.name()),
    ];
    found
        .into_iter()
        .flatten()
        .any(|other| other.is_active().unwrap_or(false))
}

fn cpu(there: &Connection, traits: &Traits) -> Cpu {
    let Some(element) = &traits.cpu_element else {
        return Cpu::Compatible;
    };
    if traits.cpu_mode == CpuMode::HostPassthrough {
        return Cpu::Unknown;
    }
    let fit = there.fits_cpu(host::Cpu {
        arch: traits.arch.as_deref(),
        machine: traits.machine.as_deref(),
        virt_type: traits.virt_type.as_deref(),
        element,
    });
    match fit {
        Ok(CpuFit::Compatible) => Cpu::Compatible,
        Ok(CpuFit::Incompatible) => Cpu::Incompatible,
        Err(_) => Cpu::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pml_is_what_the_module_says() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("pml");
        assert_eq!(pml(&file), None);
        for (text, expected) in [("Y\n", true), ("N\n", false)] {
            fs::write(&file, text).expect("written");
            assert_eq!(pml(&file), Some(expected));
        }
    }

    #[test]
    fn only_a_file_of_this_host_can_be_told_to_be_its_own() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("disk");
        fs::write(&file, "").expect("written");
        let disk = |path: &Path| Disk {
            target: "vda".to_owned(),
            source: DiskSource::Path(path.display().to_string()),
        };
        assert_eq!(storage(&disk(&file), false), Storage::Unknown);
        assert_eq!(
            storage(&disk(Path::new("/nonexistent")), true),
            Storage::Unknown
        );
        assert_eq!(storage(&Disk::default(), true), Storage::Shared);
        // /proc is nobody else's, and no program's.
        assert_eq!(
            storage(&disk(Path::new("/proc/self/stat")), true),
            Storage::Local
        );
    }
}
