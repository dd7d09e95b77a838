//! Events of domains.

use std::sync::Arc;

use libvirt_hpc_control::time::Timestamp;

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
