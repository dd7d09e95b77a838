//! Faults of hosts, besides guests.

use anyhow::Result;

use super::Rig;

impl Rig {
    /// Shifts the wall clock of a host's libvirtd, and of nothing else, by so many seconds. The first time restarts
    /// libvirtd.
    ///
    /// # Errors
    /// When the rig refuses.
    pub fn clock(&self, host: &str, seconds: i64) -> Result<()> {
        self.must(["clock", host, &format!("{seconds:+}")])
            .map(drop)
    }

    /// Puts another hook before libvirt-hpc's, which takes `seconds` for an operation of libvirt's.
    ///
    /// # Errors
    /// When the rig refuses.
    pub fn slow_hook(&self, host: &str, seconds: u32, operation: &str) -> Result<()> {
        self.must(["hook", host, &seconds.to_string(), operation])
            .map(drop)
    }
}
