//! What a domain that migrates says of itself, and limits are reckoned with.

use libvirt_hpc_libvirt::settings::Speed;
use libvirt_hpc_libvirt::{Domain, Error};
use libvirt_hpc_xml_schemas as xml;

use super::pause;

/// A domain that migrates.
#[derive(Clone, Copy, Debug, Default)]
pub struct Guest {
    /// The speed limit of post-copy that libvirt holds, MiB/s, if it says; zero is none.
    pub postcopy_speed_mib_per_s: Option<u64>,
    /// The largest huge pages that back its memory, bytes; none if it has none.
    pub page_bytes: Option<u64>,
    /// What its pause takes with nothing left to send, ms, if that is known.
    pub pause_fixed_ms: Option<u32>,
}

impl Guest {
    /// Of a domain that does not say: no law switches it to post-copy.
    pub const UNKNOWN: Self = Self {
        postcopy_speed_mib_per_s: None,
        page_bytes: Some(u64::MAX),
        pause_fixed_ms: None,
    };

    /// Asks the domain.
    ///
    /// # Errors
    /// When libvirt does not give its XML.
    pub fn of(domain: &Domain) -> Result<Self, Error> {
        Ok(Self::read(domain, &domain.xml(0)?))
    }

    /// Asks the domain for what its XML, `document`, does not say.
    #[must_use]
    pub fn read(domain: &Domain, document: &str) -> Self {
        Self {
            postcopy_speed_mib_per_s: domain.max_speed_mib_per_s(Speed::Postcopy).ok(),
            page_bytes: xml::page_bytes(document),
            pause_fixed_ms: domain
                .vcpus()
                .ok()
                .map(|vcpus| pause::fixed_ms(document, vcpus)),
        }
    }
}
