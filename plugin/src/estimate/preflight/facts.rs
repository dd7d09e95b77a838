//! The facts; none where nobody could tell.

use libvirt_hpc_control::sample::Settings;
use libvirt_hpc_libvirt::features::Version;
use libvirt_hpc_xml_schemas::{Disk, Traits};

/// Whether a domain runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RunState {
    /// Yes.
    #[default]
    Running,
    /// It is paused.
    Paused,
    /// It is off.
    Off,
}

/// Whether another host sees what is stored here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Storage {
    /// A file system that several hosts share, or storage on the network.
    Shared,
    /// This host's alone.
    Local,
    /// A block device, which may be one of a shared array, or the domain is not on this host.
    Unknown,
}

/// A disk, and where it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredDisk {
    /// The disk.
    pub disk: Disk,
    /// Where.
    pub storage: Storage,
}

/// The domain, and the host that it leaves.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Source {
    /// Whether it runs.
    pub state: RunState,
    /// The daemon's version.
    pub libvirt: Option<Version>,
    /// The hypervisor's version.
    pub qemu: Option<Version>,
    /// Whether its processors are emulated.
    pub emulated: bool,
    /// What its XML says.
    pub traits: Traits,
    /// The huge pages that back its memory, bytes; none if it has none.
    pub page_bytes: Option<u64>,
    /// Its memory, bytes.
    pub memory_bytes: u64,
    /// Its disks.
    pub disks: Vec<StoredDisk>,
    /// Whether another job has it.
    pub busy: bool,
    /// The limits as they are stored.
    pub settings: Option<Settings>,
    /// Snapshots.
    pub snapshots: u32,
    /// Checkpoints: bitmaps of its disks.
    pub checkpoints: u32,
    /// Whether the processor logs writes by itself (Intel's PML).
    pub pml: Option<bool>,
    /// Whether its policy allows post-copy.
    pub postcopy: bool,
}

/// How a destination's hypervisor can run the domain's processor.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Cpu {
    /// It can.
    Compatible,
    /// It cannot.
    Incompatible,
    /// libvirt cannot tell.
    #[default]
    Unknown,
}

/// The destination, as its libvirt describes it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reached {
    /// The daemon's version.
    pub libvirt: Option<Version>,
    /// The hypervisor's version.
    pub qemu: Option<Version>,
    /// The host's name.
    pub hostname: Option<String>,
    /// Whether it is the source itself.
    pub is_source: bool,
    /// Whether a domain of that name or UUID runs there.
    pub has_domain: bool,
    /// Free memory, bytes.
    pub free_bytes: Option<u64>,
    /// Free huge pages of the domain's size, bytes.
    pub free_huge_bytes: Option<u64>,
    /// Whether it can run the domain's processor.
    pub cpu: Cpu,
}

/// The destination.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Destination {
    /// None was named.
    Unnamed,
    /// libvirt there does not answer, for this reason.
    Unreachable(String),
    /// What it says.
    Reached(Box<Reached>),
}

/// All that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// The domain and its host.
    pub source: Source,
    /// The other host.
    pub destination: Destination,
    /// Disks are to be copied along.
    pub copies_storage: bool,
}
