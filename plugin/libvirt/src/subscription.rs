//! Events of domains, delivered.

use core::ffi::c_int;
use std::sync::Arc;

use virt_sys as sys;

use crate::connect::Connection;
use crate::domain::Domain;
use crate::error::{Error, Named};
use crate::event::Handler;
use crate::ffi;

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
