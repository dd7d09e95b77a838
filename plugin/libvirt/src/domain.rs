//! Domains: identity, state, and metadata.

use virt::domain::Domain as Handle;
use virt_sys as sys;

use crate::connect::Connection;
use crate::error::{Error, Named, without_nul};
use crate::ffi;
use crate::stats::page_faults;

/// Characters of a UUID as text: virsh searches by UUID only for texts of exactly this length.
const UUID_LENGTH: usize = sys::VIR_UUID_STRING_BUFLEN as usize - 1;

/// Which of a domain's two definitions is meant: `virDomainModificationImpact`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Impact {
    /// The running one if it runs, else the persistent one.
    Current,
    /// The running one.
    Live,
    /// The persistent one.
    Config,
    /// Both.
    LiveAndConfig,
}

impl Impact {
    fn flags(self) -> u32 {
        match self {
            Self::Current => sys::VIR_DOMAIN_AFFECT_CURRENT,
            Self::Live => sys::VIR_DOMAIN_AFFECT_LIVE,
            Self::Config => sys::VIR_DOMAIN_AFFECT_CONFIG,
            Self::LiveAndConfig => sys::VIR_DOMAIN_AFFECT_LIVE | sys::VIR_DOMAIN_AFFECT_CONFIG,
        }
    }
}

/// `virDomainGetState`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DomainState {
    /// `virDomainState`
    pub state: u32,
    /// The reason type of that state.
    pub reason: u32,
}

impl DomainState {
    /// Paused within a migration: for the switchover, or by a suspend during it; libvirt does not distinguish them
    /// (`qemuDomainSuspend`, `src/qemu/qemu_driver.c`).
    #[must_use]
    pub fn is_paused_for_migration(self) -> bool {
        self.state == sys::VIR_DOMAIN_PAUSED && self.reason == sys::VIR_DOMAIN_PAUSED_MIGRATION
    }

    /// Paused, for whatever reason: `VIR_DOMAIN_PAUSED`.
    #[must_use]
    pub fn is_paused(self) -> bool {
        self.state == sys::VIR_DOMAIN_PAUSED
    }

    /// Gone ahead to the destination while its memory follows, or stuck there.
    #[must_use]
    pub fn is_postcopy(self) -> bool {
        const REASONS: [u32; 2] = [
            sys::VIR_DOMAIN_PAUSED_POSTCOPY,
            sys::VIR_DOMAIN_PAUSED_POSTCOPY_FAILED,
        ];
        self.state == sys::VIR_DOMAIN_PAUSED && REASONS.contains(&self.reason)
    }

    /// Off: `VIR_DOMAIN_SHUTOFF`.
    #[must_use]
    pub fn is_off(self) -> bool {
        self.state == sys::VIR_DOMAIN_SHUTOFF
    }
}

/// A domain on a connection. Clones share both.
#[derive(Clone, Debug)]
pub struct Domain {
    handle: Handle,
    name: String,
    uuid: String,
    connection: Connection,
}

impl Domain {
    /// Finds a domain as virsh does (`virshLookupDomainInternal`, `tools/virsh-util.c`): by id if the
    /// text is a number, else or if there is none by UUID if it is as long as one, at last by name.
    ///
    /// # Errors
    /// libvirt's answer to the last of these; [`Error::is_no_domain`] if there is none.
    pub fn lookup(connection: &Connection, text: &str) -> Result<Self, Error> {
        without_nul("the domain's name", text)?;
        let connect = connection.handle();
        let space = |c: char| c.is_ascii_whitespace() || c == '\u{b}';
        let id = text.trim_start_matches(space).parse::<i32>().ok();
        if let Some(handle) = id
            .and_then(|id| u32::try_from(id).ok())
            .and_then(|id| connect.lookup_domain_by_id(id).ok())
        {
            return Self::new(connection, handle);
        }
        if text.len() == UUID_LENGTH
            && let Ok(handle) = connect.lookup_domain_by_uuid_string(text)
        {
            return Self::new(connection, handle);
        }
        let found = connect.lookup_domain_by_name(text);
        Self::new(
            connection,
            found.named("virDomainLookupByName", Some(text))?,
        )
    }

    /// Finds a domain by its UUID alone.
    ///
    /// # Errors
    /// As for [`Domain::lookup`].
    pub fn lookup_by_uuid(connection: &Connection, uuid: &str) -> Result<Self, Error> {
        without_nul("the domain's UUID", uuid)?;
        let found = connection.handle().lookup_domain_by_uuid_string(uuid);
        Self::new(
            connection,
            found.named("virDomainLookupByUUIDString", Some(uuid))?,
        )
    }

    /// The domains that run, or are paused, on `connection` (`virConnectListAllDomains`).
    ///
    /// # Errors
    /// When libvirt cannot tell.
    pub fn list_active(connection: &Connection) -> Result<Vec<Self>, Error> {
        let found = connection
            .handle()
            .list_all_domains(sys::VIR_CONNECT_LIST_DOMAINS_ACTIVE)
            .named("virConnectListAllDomains", None)?;
        found
            .into_iter()
            .map(|handle| Self::new(connection, handle))
            .collect()
    }

    /// Wraps libvirt's handle, which has its name and UUID.
    pub(crate) fn new(connection: &Connection, handle: Handle) -> Result<Self, Error> {
        let name = handle.name().named("virDomainGetName", None)?;
        let uuid = handle
            .uuid_string()
            .named("virDomainGetUUIDString", Some(&name))?;
        Ok(Self {
            handle,
            name,
            uuid,
            connection: connection.clone(),
        })
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its UUID, as libvirt prints it.
    #[must_use]
    pub fn uuid(&self) -> &str {
        &self.uuid
    }

    /// libvirt's number of this run of the domain, as it was when the domain was found; none if it did not run.
    #[must_use]
    pub fn id(&self) -> Option<u32> {
        self.handle.id()
    }

    /// The connection it was found on.
    #[must_use]
    pub fn connection(&self) -> &Connection {
        &self.connection
    }

    /// The `virt` crate's handle.
    pub(crate) fn handle(&self) -> &Handle {
        &self.handle
    }

    /// `virDomainGetState`
    ///
    /// # Errors
    /// When libvirt cannot tell; [`Error::is_no_domain`] if it is gone.
    pub fn state(&self) -> Result<DomainState, Error> {
        let (state, reason) =
            ffi::state(&self.handle).named("virDomainGetState", Some(&self.name))?;
        let (state, reason) = (state.cast_unsigned(), reason.cast_unsigned());
        Ok(DomainState { state, reason })
    }

    /// Whether another call has the domain, so that a question about its job would wait for that call, for up to half a
    /// minute if QEMU does not answer it; and the domain does not migrate. libvirt says so without waiting
    /// (`virDomainGetControlInfo`). False if libvirt cannot tell.
    ///
    /// A migration's job would be reported as such, whatever else has the domain (`job.current` in
    /// `qemuDomainGetControlInfo`, `src/qemu/qemu_driver.c`, 9.0 and 11.3).
    #[must_use]
    pub fn is_occupied(&self) -> bool {
        const INTERNAL: u32 = sys::VIR_DOMAIN_CONTROL_ERROR_REASON_INTERNAL;
        matches!(
            ffi::control_state(&self.handle),
            Ok((sys::VIR_DOMAIN_CONTROL_OCCUPIED, _) | (sys::VIR_DOMAIN_CONTROL_ERROR, INTERNAL))
        )
    }

    /// CPU time of all virtual processors together, nanoseconds (`virDomainGetVcpus`); none if libvirt
    /// cannot tell, which is no reason to fail: it is a hint.
    #[must_use]
    pub fn vcpu_time_ns(&self) -> Option<u64> {
        ffi::vcpu_time(&self.handle).ok()
    }

    /// The guest's page faults so far, of all virtual processors together, as KVM counts them (`virDomainListGetStats`,
    /// libvirt 8.9 and newer); none if they are not counted, or while another call has the domain: the count is a hint,
    /// and nobody waits for it.
    #[must_use]
    pub fn page_faults(&self) -> Option<u64> {
        page_faults(&ffi::domain_stats(&self.handle, sys::VIR_DOMAIN_STATS_VCPU).ok()?)
    }

    /// The most memory that the guest may have, bytes (`virDomainGetMaxMemory`, which counts in KiB).
    ///
    /// # Errors
    /// When libvirt cannot tell.
    pub fn memory_bytes(&self) -> Result<u64, Error> {
        let kib = self.handle.max_memory();
        let kib = kib.named("virDomainGetMaxMemory", Some(&self.name))?;
        Ok(kib.saturating_mul(1024))
    }

    /// How many processors it has now.
    ///
    /// # Errors
    /// When libvirt cannot tell.
    pub fn vcpus(&self) -> Result<u32, Error> {
        let info = self.handle.info();
        Ok(info
            .named("virDomainGetInfo", Some(&self.name))?
            .nr_virt_cpu)
    }

    /// Whether it runs.
    ///
    /// # Errors
    /// When libvirt cannot tell.
    pub fn is_active(&self) -> Result<bool, Error> {
        self.handle
            .is_active()
            .named("virDomainIsActive", Some(&self.name))
    }

    /// Whether it is defined beyond its running.
    ///
    /// # Errors
    /// When libvirt cannot tell.
    pub fn is_persistent(&self) -> Result<bool, Error> {
        self.handle
            .is_persistent()
            .named("virDomainIsPersistent", Some(&self.name))
    }

    /// Has the guest agent set the guest's clock by that of its hardware, which does not stop while the guest is paused
    /// (`virDomainSetTime` with `VIR_DOMAIN_TIME_SYNC`).
    ///
    /// # Errors
    /// When libvirt refuses: the guest has no agent, or it does not answer.
    pub fn sync_time(&self) -> Result<(), Error> {
        self.handle
            .set_time(0, 0, sys::VIR_DOMAIN_TIME_SYNC)
            .named("virDomainSetTime", Some(&self.name))
    }

    /// Its XML; `flags` are `virDomainXMLFlags`.
    ///
    /// # Errors
    /// When libvirt refuses, as it does for secure information on a read-only connection.
    pub fn xml(&self, flags: u32) -> Result<String, Error> {
        self.handle
            .xml_desc(flags)
            .named("virDomainGetXMLDesc", Some(&self.name))
    }

    /// The metadata element of namespace `uri`, without the namespace's prefix and declaration; none if
    /// there is none. Safe to call during a migration.
    ///
    /// # Errors
    /// When `uri` holds a NUL byte, or libvirt has no such definition or refuses.
    pub fn metadata(&self, uri: &str, impact: Impact) -> Result<Option<String>, Error> {
        without_nul("the metadata namespace", uri)?;
        let kind = sys::VIR_DOMAIN_METADATA_ELEMENT.cast_signed();
        let found = self.handle.metadata(kind, Some(uri), impact.flags());
        match found.named("virDomainGetMetadata", Some(&self.name)) {
            Err(error) if error.is_no_metadata() => Ok(None),
            found => found.map(Some),
        }
    }

    /// Replaces the metadata element of namespace `uri` by `element` under `prefix`, or removes it.
    /// libvirt puts `element` and all in it into the namespace, and refuses one that declares `prefix`
    /// itself (`virXMLInjectNamespace`, `src/util/virxml.c`): give it as [`Domain::metadata`] returns
    /// it.
    ///
    /// Never during a migration: libvirt then blocks up to 30 s, and the change comes after the job.
    ///
    /// # Errors
    /// When a text holds a NUL byte, or libvirt does not accept the element or refuses.
    pub fn set_metadata(
        &self,
        prefix: &str,
        uri: &str,
        element: Option<&str>,
        impact: Impact,
    ) -> Result<(), Error> {
        without_nul("the metadata prefix", prefix)?;
        without_nul("the metadata namespace", uri)?;
        element
            .map(|element| without_nul("the metadata element", element))
            .transpose()?;
        let kind = sys::VIR_DOMAIN_METADATA_ELEMENT.cast_signed();
        self.handle
            .set_metadata(kind, element, Some(prefix), Some(uri), impact.flags())
            .named("virDomainSetMetadata", Some(&self.name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connect::Options;

    /// libvirt's test driver takes it from the time that the guest's clock is set to: a job's up to 10000 s, then another
    /// call's; from 30000 s on an error, whose reason changes with each second (`testDomainGetControlInfo`).
    #[test]
    fn a_domain_that_another_call_has_is_known_without_waiting() {
        let connection = Connection::open(Some("test:///default"), Options::default());
        let connection = connection.expect("the test driver");
        let domain = Domain::lookup(&connection, "test").expect("the guest");
        let is_occupied = |seconds| {
            domain.handle().set_time(seconds, 0, 0).expect("set");
            domain.is_occupied()
        };
        assert!(!is_occupied(0), "nobody has it");
        assert!(!is_occupied(5_000), "a job's, as a migration's");
        assert!(is_occupied(10_000) && is_occupied(29_999));
        assert!(!is_occupied(30_002), "without a monitor no question waits");
        assert!(is_occupied(30_003), "a call beside the monitor");
    }
}
