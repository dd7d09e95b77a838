//! Versions, and their abilities.

use virt::connect::Connect;

use crate::connect::Connection;
use crate::error::{Error, Named};

/// A version as libvirt encodes it: major x 1,000,000 + minor x 1,000 + release.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    /// For 11.3.0: 11
    pub major: u32,
    /// For 11.3.0: 3
    pub minor: u32,
    /// For 11.3.0: 0
    pub release: u32,
}

impl Version {
    /// `major.minor.release`
    #[must_use]
    pub const fn new(major: u32, minor: u32, release: u32) -> Self {
        Self {
            major,
            minor,
            release,
        }
    }

    /// As libvirt encodes it.
    #[must_use]
    pub fn number(self) -> u64 {
        let (major, minor) = (u64::from(self.major), u64::from(self.minor));
        major * 1_000_000 + minor * 1_000 + u64::from(self.release)
    }

    const fn decode(number: u32) -> Self {
        Self::new(number / 1_000_000, number / 1_000 % 1_000, number % 1_000)
    }
}

impl core::fmt::Display for Version {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.release)
    }
}

/// The client library loaded into this process (`virGetVersion`).
///
/// # Errors
/// When the library cannot be initialised.
pub fn library_version() -> Result<Version, Error> {
    Connect::version()
        .map(Version::decode)
        .named("virGetVersion", None)
}

/// The daemon behind `connection` (`virConnectGetLibVersion`).
///
/// # Errors
/// If it does not say.
pub fn daemon_version(connection: &Connection) -> Result<Version, Error> {
    connection
        .handle()
        .lib_version()
        .map(Version::decode)
        .named("virConnectGetLibVersion", None)
}

/// The other end of a connection, and its abilities.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Features {
    /// The client library (`virGetVersion`).
    pub library: Version,
    /// The daemon (`virConnectGetLibVersion`).
    pub daemon: Version,
    /// The daemon's default hypervisor (`virConnectGetVersion`), none if it cannot say. A guest
    /// started before an upgrade may run an older one.
    pub hypervisor: Option<Version>,
}

/// libvirt that knows `VIR_MIGRATE_PARAM_BANDWIDTH_AVAIL_SWITCHOVER`.
const LIBVIRT_AVAIL_SWITCHOVER: Version = Version::new(11, 1, 0);
/// QEMU with the migration parameter `avail-switchover-bandwidth` (`qapi/migration.json`).
const QEMU_AVAIL_SWITCHOVER: Version = Version::new(8, 2, 0);

impl Features {
    /// Asks the daemon behind `connection`.
    ///
    /// # Errors
    /// If a version cannot be had. A driver that does not report its hypervisor's is no error.
    pub fn of(connection: &Connection) -> Result<Self, Error> {
        Ok(Self {
            library: library_version()?,
            daemon: daemon_version(connection)?,
            hypervisor: connection
                .handle()
                .hyp_version()
                .ok()
                .filter(|&number| number > 0)
                .map(Version::decode),
        })
    }

    /// Whether the migrate call may carry `bandwidth.avail.switchover`: client library and daemon from
    /// libvirt 11.1.0 on, QEMU from 8.2.0 on. For a managed migration ask the destination too: both
    /// daemons validate the parameters.
    #[must_use]
    pub fn avail_switchover_bandwidth(&self) -> bool {
        self.library >= LIBVIRT_AVAIL_SWITCHOVER
            && self.daemon >= LIBVIRT_AVAIL_SWITCHOVER
            && self
                .hypervisor
                .is_some_and(|qemu| qemu >= QEMU_AVAIL_SWITCHOVER)
    }
}

#[cfg(test)]
mod tests {
    use super::{Features, Version};

    #[test]
    fn decodes_libvirts_numbers() {
        assert_eq!(Version::decode(9_000_000), Version::new(9, 0, 0));
        assert_eq!(Version::decode(11_003_002).to_string(), "11.3.2");
    }

    #[test]
    fn avail_switchover_needs_all_three() {
        let new = Version::new(11, 3, 0);
        let features = |library, daemon, hypervisor| Features {
            library,
            daemon,
            hypervisor,
        };
        let qemu = Some(Version::new(8, 2, 0));
        assert!(features(new, new, qemu).avail_switchover_bandwidth());
        assert!(!features(Version::new(9, 0, 0), new, qemu).avail_switchover_bandwidth());
        assert!(!features(new, Version::new(11, 0, 9), qemu).avail_switchover_bandwidth());
        assert!(!features(new, new, Some(Version::new(8, 1, 5))).avail_switchover_bandwidth());
        assert!(!features(new, new, None).avail_switchover_bandwidth());
    }
}
