//! Events of domains.

use core::ffi::c_int;
use std::sync::Arc;

use libvirt_hpc_control::time::Timestamp;
use virt_sys as sys;

use crate::connect::Connection;
use crate::domain::Domain;
use crate::error::{Error, Named};
use crate::ffi;
use crate::stats::JobStats;

/// Which domain an event is about.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct DomainId {
    /// Its name.
    pub name: String,
    /// Its UUID, as libvirt prints it.
    pub uuid: String,
}

/// The kind of event.
#[derive(Clone, Debug, PartialEq)]
pub enum EventKind {
    /// `VIR_DOMAIN_EVENT_ID_LIFECYCLE`
    Lifecycle {
        /// `virDomainEventType`
        event: u32,
        /// The detail type of that event.
        detail: u32,
    },
    /// `VIR_DOMAIN_EVENT_ID_MIGRATION_ITERATION`: this iteration begins. Also for a save or a dump.
    Iteration(u64),
    /// `VIR_DOMAIN_EVENT_ID_JOB_COMPLETED`: final statistics of a job that succeeded.
    JobCompleted(Box<JobStats>),
    /// `VIR_DOMAIN_EVENT_ID_METADATA_CHANGE`: something in the domain's `<metadata>` was set.
    MetadataChanged,
}

/// An event of a domain.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// When it arrived.
    pub at: Timestamp,
    /// Whose it is.
    pub domain: DomainId,
    /// The kind.
    pub kind: EventKind,
}

/// Whom events are given to, on libvirt's event thread: must neither block nor call libvirt.
pub type Handler = Arc<dyn Fn(Event) + Send + Sync>;

/// Events being delivered; dropping it ends that.
pub struct Subscription {
    connection: Connection,
    callbacks: Vec<c_int>,
}

impl Subscription {
    /// Has `handler` called for lifecycle, iteration, completion and metadata of `domain`, or of every
    /// domain.
    ///
    /// # Errors
    /// When the driver does not have lifecycle events or refuses them; the others are taken where
    /// they exist.
    pub fn new(
        connection: &Connection,
        domain: Option<&Domain>,
        handler: &Handler,
    ) -> Result<Self, Error> {
        let name = domain.map(Domain::name);
        let register = |id| {
            let domain = domain.map(Domain::handle);
            ffi::subscribe(connection.handle(), domain, id, Arc::clone(handler))
                .named("virConnectDomainEventRegisterAny", name)
        };
        let mut callbacks = vec![register(sys::VIR_DOMAIN_EVENT_ID_LIFECYCLE)?];
        callbacks.extend(register(sys::VIR_DOMAIN_EVENT_ID_MIGRATION_ITERATION).ok());
        callbacks.extend(register(sys::VIR_DOMAIN_EVENT_ID_JOB_COMPLETED).ok());
        callbacks.extend(register(sys::VIR_DOMAIN_EVENT_ID_METADATA_CHANGE).ok());
        Ok(Self {
            connection: connection.clone(),
            callbacks,
        })
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        for &callback in &self.callbacks {
            ffi::unsubscribe(self.connection.handle(), callback);
        }
    }
}
