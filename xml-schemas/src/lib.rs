//! The migration policy in the XML of a domain.
//!
//! A domain is marked by one element in its `<metadata>`, `<migration xmlns="urn:libvirt-hpc:domain:1.0">`; the element
//! contains the owner's wishes, all optional ([`Policy`]).
//!
//! [`read_domain`] finds it in a whole domain XML, [`read_metadata`] reads the element by itself, and
//! [`Policy::to_xml`] and [`Policy::to_metadata`] write it. Names are resolved through namespaces, never compared as
//! text, so any prefix and an `xmlns` on any ancestor will do, as will the form that `virDomainGetMetadata` returns,
//! without the namespace.
//!
//! Documents are not trusted. For any bytes, the reader answers with a [`Reading`] or a [`PolicyError`], in time and
//! memory proportional to [`MAX_DOCUMENT_BYTES`] at most.
#![forbid(unsafe_code)]

mod accelerator;
mod attributes;
mod cursor;
mod devices;
mod document;
mod memory;
mod migration;
mod pages;
mod policy;
mod read;
mod report;
mod traits;
mod value;
mod write;

pub use accelerator::is_emulated;
pub use cursor::MAX_DEPTH;
pub use devices::device_count;
pub use document::MAX_DOCUMENT_BYTES;
pub use memory::memory_is_bounded;
pub use pages::page_bytes;
pub use policy::{Deadline, Job, Policy, Then};
pub use read::{Reading, read_domain, read_metadata};
pub use report::{MAX_WARNINGS, PolicyError, Warning};
pub use traits::{CpuMode, Disk, DiskSource, HostDevice, Traits};
pub use value::{
    BANDWIDTH_MAX_MIB_PER_S, DEADLINE_MAX_SECONDS, DOWNTIME_MAX_MS, JOB_ID_MAX_BYTES,
    JOB_MAX_MEMBERS, SLOWDOWN_MAX_MILLIPERCENT,
};

/// The XML namespace of the policy. The version is part of the name, as in
/// libosinfo's and nova's.
pub const NAMESPACE: &str = "urn:libvirt-hpc:domain:1.0";

/// The prefix to write, and the `key` for `virDomainSetMetadata`. Readers accept any.
pub const PREFIX: &str = "hpc";
