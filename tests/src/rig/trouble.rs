//! What hosts have to put up with, besides guests.

use anyhow::Result;

use super::Rig;

impl Rig {
    /// Sets the wall clock of a host's libvirtd, and of nothing else, so many seconds beside the machine's. The first time
    /// libvirtd starts anew for it.
    ///
    /// # Errors
    /// When the rig refuses.
    pub fn clock(&self, host: &str, seconds: i64) -> Result<()> {
        self.must(["clock", host, &format!("{seconds:+}")])
            .map(drop)
    }

    /// Puts a hook of somebody else's before ours, that takes `seconds` for an operation of libvirt's.
    ///
    /// # Errors
    /// When the rig refuses.
    pub fn slow_hook(&self, host: &str, seconds: u32, operation: &str) -> Result<()> {
        self.must(["hook", host, &seconds.to_string(), operation])
            .map(drop)
    }
}
