//! Callbacks: a lost connection, and events of domains.

use core::ffi::{CStr, c_char, c_int, c_void};
use core::{mem, ptr};
use std::panic::{AssertUnwindSafe, catch_unwind};

use virt::connect::Connect;
use virt::domain::Domain;
use virt::error::Error;
use virt_sys as sys;

use super::fields::{copy_fields, text};
use super::{check, now};
use crate::event::{DomainId, Event, EventKind, Handler};
use crate::stats::{JobStats, JobType};

/// Runs a callback's body: a panic must not unwind into C, which would end the process.
fn contain(body: impl FnOnce()) {
    // The panic hook has reported it; the event is lost, and the next poll makes up for it.
    drop(catch_unwind(AssertUnwindSafe(body)));
}

/// Frees the `T` that was handed to libvirt as `opaque`.
unsafe extern "C" fn release<T>(opaque: *mut c_void) {
    // SAFETY: `opaque` came from `Box::<T>::into_raw`, and libvirt calls this once.
    let boxed = unsafe { Box::from_raw(opaque.cast::<T>()) };
    contain(|| drop(boxed));
}

/// Called when a connection is lost, with `virConnectCloseReason`.
pub(crate) type CloseHandler = Box<dyn Fn(i32) + Send + Sync>;

unsafe extern "C" fn on_close(_: sys::virConnectPtr, reason: c_int, opaque: *mut c_void) {
    // SAFETY: `opaque` is the handler boxed by `watch_close`, alive until `release`.
    let handler = unsafe { &*opaque.cast::<CloseHandler>() };
    contain(|| handler(reason));
}

/// `virConnectRegisterCloseCallback`; to be undone by [`unwatch_close`].
pub(crate) fn watch_close(connect: &Connect, handler: CloseHandler) -> Result<(), Error> {
    let opaque = Box::into_raw(Box::new(handler)).cast::<c_void>();
    let free: sys::virFreeCallback = Some(release::<CloseHandler>);
    // SAFETY: `opaque` lives until libvirt calls `free`, which it does not if it refuses.
    let status = unsafe {
        sys::virConnectRegisterCloseCallback(connect.as_ptr(), Some(on_close), opaque, free)
    };
    check(status).inspect_err(|_| {
        // SAFETY: refused, so the box is still ours alone.
        unsafe { release::<CloseHandler>(opaque) };
    })
}

/// `virConnectUnregisterCloseCallback`
pub(crate) fn unwatch_close(connect: &Connect) {
    // SAFETY: the connection is open; not being registered is an error libvirt only reports.
    unsafe { sys::virConnectUnregisterCloseCallback(connect.as_ptr(), Some(on_close)) };
}

/// Copies the identity of `domain`.
///
/// # Safety
/// `domain` is valid.
unsafe fn identity(domain: sys::virDomainPtr) -> DomainId {
    let mut uuid: [c_char; sys::VIR_UUID_STRING_BUFLEN as usize] =
        [0; sys::VIR_UUID_STRING_BUFLEN as usize];
    // SAFETY: the name belongs to the domain; the buffer is as long as libvirt asks.
    let name = unsafe {
        sys::virDomainGetUUIDString(domain, uuid.as_mut_ptr());
        sys::virDomainGetName(domain)
    };
    // SAFETY: libvirt's name is null or a C string that lives as long as the domain.
    let name = (!name.is_null()).then(|| unsafe { CStr::from_ptr(name) });
    DomainId {
        name: name
            .map(|name| name.to_string_lossy().into_owned())
            .unwrap_or_default(),
        uuid: text(&uuid),
    }
}

/// Hands `kind` to the handler in `opaque`.
///
/// # Safety
/// `domain` is valid, `opaque` is the handler boxed by [`subscribe`].
unsafe fn dispatch(domain: sys::virDomainPtr, kind: EventKind, opaque: *mut c_void) {
    let at = now();
    contain(|| {
        // SAFETY: as the caller promises.
        let (handler, domain) = unsafe { (&*opaque.cast::<Handler>(), identity(domain)) };
        handler(Event { at, domain, kind });
    });
}

unsafe extern "C" fn on_lifecycle(
    _: sys::virConnectPtr,
    domain: sys::virDomainPtr,
    event: c_int,
    detail: c_int,
    opaque: *mut c_void,
) -> c_int {
    let (event, detail) = (event.cast_unsigned(), detail.cast_unsigned());
    // SAFETY: libvirt passes a valid domain and what was registered with it.
    unsafe { dispatch(domain, EventKind::Lifecycle { event, detail }, opaque) };
    0
}

unsafe extern "C" fn on_iteration(
    _: sys::virConnectPtr,
    domain: sys::virDomainPtr,
    iteration: c_int,
    opaque: *mut c_void,
) {
    let iteration = u64::try_from(iteration).unwrap_or(0);
    // SAFETY: libvirt passes a valid domain and what was registered with it.
    unsafe { dispatch(domain, EventKind::Iteration(iteration), opaque) };
}

unsafe extern "C" fn on_job_completed(
    _: sys::virConnectPtr,
    domain: sys::virDomainPtr,
    params: sys::virTypedParameterPtr,
    count: c_int,
    opaque: *mut c_void,
) {
    // SAFETY: libvirt passes `count` parameters and keeps them.
    let fields = unsafe { copy_fields(params, count) };
    let stats = Box::new(JobStats::new(JobType::Completed, fields));
    // SAFETY: libvirt passes a valid domain and what was registered with it.
    unsafe { dispatch(domain, EventKind::JobCompleted(stats), opaque) };
}

unsafe extern "C" fn on_metadata_change(
    _: sys::virConnectPtr,
    domain: sys::virDomainPtr,
    _: c_int,
    _: *const c_char,
    opaque: *mut c_void,
) {
    // SAFETY: libvirt passes a valid domain and what was registered with it.
    unsafe { dispatch(domain, EventKind::MetadataChanged, opaque) };
}

/// `virConnectDomainEventRegisterAny` for one of the four events above; the number is for
/// [`unsubscribe`].
pub(crate) fn subscribe(
    connect: &Connect,
    domain: Option<&Domain>,
    event: sys::virDomainEventID,
    handler: Handler,
) -> Result<c_int, Error> {
    type Generic = sys::virConnectDomainEventGenericCallback;
    // SAFETY: libvirt casts the callback back to the type that belongs to `event` before it calls it.
    let callback = unsafe {
        match event {
            sys::VIR_DOMAIN_EVENT_ID_MIGRATION_ITERATION => mem::transmute::<
                sys::virConnectDomainEventMigrationIterationCallback,
                Generic,
            >(Some(on_iteration)),
            sys::VIR_DOMAIN_EVENT_ID_JOB_COMPLETED => mem::transmute::<
                sys::virConnectDomainEventJobCompletedCallback,
                Generic,
            >(Some(on_job_completed)),
            sys::VIR_DOMAIN_EVENT_ID_METADATA_CHANGE => mem::transmute::<
                sys::virConnectDomainEventMetadataChangeCallback,
                Generic,
            >(Some(on_metadata_change)),
            _ => mem::transmute::<sys::virConnectDomainEventCallback, Generic>(Some(on_lifecycle)),
        }
    };
    let opaque = Box::into_raw(Box::new(handler)).cast::<c_void>();
    let free: sys::virFreeCallback = Some(release::<Handler>);
    // SAFETY: `opaque` lives until libvirt calls `free`, which it does not if it refuses.
    let number = unsafe {
        let domain = domain.map_or(ptr::null_mut(), |domain| domain.as_ptr());
        let event = event.cast_signed();
        sys::virConnectDomainEventRegisterAny(
            connect.as_ptr(),
            domain,
            event,
            callback,
            opaque,
            free,
        )
    };
    check(number).map(|()| number).inspect_err(|_| {
        // SAFETY: refused, so the box is still ours alone.
        unsafe { release::<Handler>(opaque) };
    })
}

/// `virConnectDomainEventDeregisterAny`; on a lost connection there is nothing left to undo.
pub(crate) fn unsubscribe(connect: &Connect, number: c_int) {
    // SAFETY: the connection is valid; an unknown number is an error libvirt only reports.
    unsafe { sys::virConnectDomainEventDeregisterAny(connect.as_ptr(), number) };
}
