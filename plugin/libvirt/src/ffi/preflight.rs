//! Questions about a domain and a host before a migration.

use core::ffi::{CStr, c_int, c_uint};
use core::ptr;

use virt::connect::Connect;
use virt::domain::Domain;
use virt::error::Error;
use virt_sys as sys;

use super::check;

/// `virDomainStartDirtyRateCalc`: the period is in seconds; returns at once.
pub(crate) fn start_dirty_rate(domain: &Domain, seconds: c_int, mode: c_uint) -> Result<(), Error> {
    // SAFETY: the domain is valid.
    check(unsafe { sys::virDomainStartDirtyRateCalc(domain.as_ptr(), seconds, mode) })
}

/// `virDomainMemoryPeek`: reads physical memory from `address` on.
pub(crate) fn memory_peek(domain: &Domain, address: u64, buffer: &mut [u8]) -> Result<(), Error> {
    // SAFETY: the domain is valid, and libvirt writes no more than the buffer's length.
    check(unsafe {
        sys::virDomainMemoryPeek(
            domain.as_ptr(),
            address,
            buffer.len(),
            buffer.as_mut_ptr().cast(),
            sys::VIR_MEMORY_PHYSICAL,
        )
    })
}

/// The answer of a call that counts.
fn count(number: c_int) -> Result<u32, Error> {
    check(number)?;
    Ok(number.unsigned_abs())
}

/// `virDomainSnapshotNum`
pub(crate) fn snapshots(domain: &Domain) -> Result<u32, Error> {
    // SAFETY: the domain is valid.
    count(unsafe { sys::virDomainSnapshotNum(domain.as_ptr(), 0) })
}

/// `virDomainListAllCheckpoints`, which only counts if no list is asked for.
pub(crate) fn checkpoints(domain: &Domain) -> Result<u32, Error> {
    // SAFETY: the domain is valid, and libvirt writes no list to a null pointer.
    count(unsafe { sys::virDomainListAllCheckpoints(domain.as_ptr(), ptr::null_mut(), 0) })
}

/// `virConnectCompareHypervisorCPU`: `virCPUCompareResult`.
pub(crate) fn compare_hypervisor_cpu(
    connect: &Connect,
    arch: Option<&CStr>,
    machine: Option<&CStr>,
    virt_type: Option<&CStr>,
    cpu: &CStr,
) -> Result<c_int, Error> {
    let text = |text: Option<&CStr>| text.map_or(ptr::null(), CStr::as_ptr);
    // SAFETY: the connection is valid, and each text is null or outlives the call.
    let result = unsafe {
        sys::virConnectCompareHypervisorCPU(
            connect.as_ptr(),
            ptr::null(),
            text(arch),
            text(machine),
            text(virt_type),
            cpu.as_ptr(),
            0,
        )
    };
    check(result).map(|()| result)
}
