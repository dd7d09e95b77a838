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
}

#[cfg(test)]
mod tests {
    use super::Version;

    #[test]
    fn decodes_libvirts_numbers() {
        assert_eq!(Version::decode(9_000_000), Version::new(9, 0, 0));
        assert_eq!(Version::decode(11_003_002).to_string(), "11.3.2");
    }
}
