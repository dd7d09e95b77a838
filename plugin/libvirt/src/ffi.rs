//! The calls to libvirt that the `virt` crate lacks or gets wrong.
//!
//! Every function here is safe to call: data handed to C lives long enough, and data from C is copied and freed before
//! it returns.
#![expect(
    unsafe_code,
    reason = "the one module that speaks to libvirt's C interface itself"
)]

mod callback;
mod fields;
mod params;
mod preflight;

use core::ffi::{CStr, c_int, c_ulonglong};
use core::ptr;

use libvirt_hpc_control::time::Timestamp;
use virt::connect::Connect;
use virt::domain::Domain;
use virt::error::Error;
use virt_sys as sys;

pub(crate) use callback::{subscribe, unsubscribe, unwatch_close, watch_close};
pub(crate) use fields::{domain_stats, job_stats};
pub(crate) use params::{Params, migrate, migrate_to_uri};
pub(crate) use preflight::{
    checkpoints, compare_hypervisor_cpu, memory_peek, snapshots, start_dirty_rate,
};

/// The time of `CLOCK_MONOTONIC`.
pub(crate) fn now() -> Timestamp {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: `time` is ours to be written; the clock exists on every Linux, so that is done.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut time) };
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    let nanoseconds = u64::try_from(time.tv_nsec).unwrap_or(0);
    Timestamp::from_nanos(
        seconds
            .saturating_mul(1_000_000_000)
            .saturating_add(nanoseconds),
    )
}

/// `virInitialize`; only the first call acts. Without it, libvirt has no place for a thread's last error
/// and crashes where it would set or reset one.
pub(crate) fn initialize() -> Result<(), Error> {
    // SAFETY: takes nothing, and may be called at any time from any thread.
    check(unsafe { sys::virInitialize() })
}

/// `virConnectOpenAuth` with libvirt's own callbacks.
pub(crate) fn open(uri: Option<&CStr>, read_only: bool) -> Result<Connect, Error> {
    let name = uri.map_or(ptr::null(), CStr::as_ptr);
    let flags = if read_only { sys::VIR_CONNECT_RO } else { 0 };
    // SAFETY: `name` is null or outlives the call; libvirt never writes its default callbacks.
    let pointer = unsafe { sys::virConnectOpenAuth(name, sys::virConnectAuthPtrDefault, flags) };
    if pointer.is_null() {
        return Err(Error::last_error());
    }
    // SAFETY: the reference is ours and given to the handle.
    Ok(unsafe { Connect::from_ptr(pointer) })
}

/// Zero or more is success, as everywhere in libvirt.
fn check(status: c_int) -> Result<(), Error> {
    if status < 0 {
        Err(Error::last_error())
    } else {
        Ok(())
    }
}

/// `virDomainGetState`: state and reason.
pub(crate) fn state(domain: &Domain) -> Result<(c_int, c_int), Error> {
    let (mut state, mut reason) = (0, 0);
    // SAFETY: libvirt writes both, or none if it fails.
    check(unsafe { sys::virDomainGetState(domain.as_ptr(), &mut state, &mut reason, 0) })?;
    Ok((state, reason))
}

/// `virDomainGetControlInfo`: `virDomainControlState`, and `virDomainControlErrorReason`.
pub(crate) fn control_state(domain: &Domain) -> Result<(u32, u32), Error> {
    let mut info = sys::virDomainControlInfo {
        state: 0,
        details: 0,
        stateTime: 0,
    };
    // SAFETY: libvirt writes `info`, or nothing if it fails.
    check(unsafe { sys::virDomainGetControlInfo(domain.as_ptr(), &raw mut info, 0) })?;
    Ok((info.state, info.details))
}

/// `virDomainMigrateGetMaxDowntime`, ms.
pub(crate) fn max_downtime(domain: &Domain) -> Result<u64, Error> {
    let mut downtime: c_ulonglong = 0;
    // SAFETY: libvirt writes `downtime`, or nothing if it fails.
    check(unsafe { sys::virDomainMigrateGetMaxDowntime(domain.as_ptr(), &mut downtime, 0) })?;
    Ok(downtime)
}

/// How many virtual processors are read: enough to tell whether a guest is busy.
const VCPUS_SEEN: usize = 1024;

/// `virDomainGetVcpus`: CPU time of the virtual processors together, nanoseconds.
pub(crate) fn vcpu_time(domain: &Domain) -> Result<u64, Error> {
    // SAFETY: a struct of integers, for which zero is a value.
    let mut infos = vec![unsafe { core::mem::zeroed::<sys::virVcpuInfo>() }; VCPUS_SEEN];
    let most = c_int::try_from(infos.len()).unwrap_or(c_int::MAX);
    // SAFETY: `infos` holds `most` elements to be written; no CPU maps are asked for.
    let written = unsafe {
        sys::virDomainGetVcpus(
            domain.as_ptr(),
            infos.as_mut_ptr(),
            most,
            ptr::null_mut(),
            0,
        )
    };
    check(written)?;
    let written = usize::try_from(written).unwrap_or(0);
    Ok(infos
        .iter()
        .take(written)
        .map(|info| info.cpuTime)
        .fold(0, u64::saturating_add))
}

/// `virDomainAbortJob`
pub(crate) fn abort_job(domain: &Domain) -> Result<(), Error> {
    // SAFETY: the domain is valid.
    check(unsafe { sys::virDomainAbortJob(domain.as_ptr()) })
}

/// `virDomainMigrateStartPostCopy`
pub(crate) fn start_postcopy(domain: &Domain) -> Result<(), Error> {
    // SAFETY: the domain is valid.
    check(unsafe { sys::virDomainMigrateStartPostCopy(domain.as_ptr(), 0) })
}
