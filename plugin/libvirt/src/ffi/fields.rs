//! Typed parameters from libvirt: `virTypedParameter` arrays, copied.

use core::ffi::{CStr, c_char, c_int, c_uint};
use core::{ptr, slice};

use virt::domain::Domain;
use virt::error::Error;
use virt_sys as sys;

use super::check;
use crate::stats::{Field, FieldValue, JobStats, JobType};

/// The characters of a C array up to its NUL or its end.
pub(super) fn text(characters: &[c_char]) -> String {
    let bytes: Vec<u8> = characters.iter().flat_map(|c| c.to_ne_bytes()).collect();
    let end = bytes
        .iter()
        .position(|&byte| byte == 0)
        .unwrap_or(bytes.len());
    String::from_utf8_lossy(&bytes[..end]).into_owned()
}

/// Copies libvirt's array.
///
/// # Safety
/// `params` is null or points at `count` parameters.
pub(super) unsafe fn copy_fields(params: sys::virTypedParameterPtr, count: c_int) -> Vec<Field> {
    let count = usize::try_from(count).unwrap_or(0);
    if params.is_null() || count == 0 {
        return Vec::new();
    }
    // SAFETY: as the caller promises.
    let params = unsafe { slice::from_raw_parts(params, count) };
    // SAFETY: each is as libvirt made it.
    params
        .iter()
        .filter_map(|param| Some((text(&param.field), unsafe { value(param)? })))
        .collect()
}

/// The value, none if its type is unknown or it is a null string.
///
/// # Safety
/// The union's live member is the one that `type_` names.
unsafe fn value(param: &sys::virTypedParameter) -> Option<FieldValue> {
    let value = param.value;
    // SAFETY: as the caller promises; a string is null or ends with NUL.
    unsafe {
        Some(match param.type_.cast_unsigned() {
            sys::VIR_TYPED_PARAM_INT => FieldValue::Int(value.i),
            sys::VIR_TYPED_PARAM_UINT => FieldValue::UnsignedInt(value.ui),
            sys::VIR_TYPED_PARAM_LLONG => FieldValue::Long(value.l),
            sys::VIR_TYPED_PARAM_ULLONG => FieldValue::UnsignedLong(value.ul),
            sys::VIR_TYPED_PARAM_DOUBLE => FieldValue::Double(value.d),
            sys::VIR_TYPED_PARAM_BOOLEAN => FieldValue::Boolean(value.b != 0),
            sys::VIR_TYPED_PARAM_STRING if !value.s.is_null() => {
                FieldValue::Text(CStr::from_ptr(value.s).to_string_lossy().into_owned())
            }
            _ => return None,
        })
    }
}

/// `virDomainListGetStats` of one domain, of the group `kind` (`virDomainStatsTypes`). It never waits for another call:
/// while one has the domain, statistics that only QEMU knows are left out
/// (`VIR_CONNECT_GET_ALL_DOMAINS_STATS_NOWAIT`, `src/libvirt-domain.c`).
pub(crate) fn domain_stats(domain: &Domain, kind: c_uint) -> Result<Vec<Field>, Error> {
    let mut records = ptr::null_mut();
    // SAFETY: the list ends with null, as libvirt wants it; it writes `records`, or nothing if it fails.
    check(unsafe {
        let mut domains = [domain.as_ptr(), ptr::null_mut()];
        let (list, flags) = (
            domains.as_mut_ptr(),
            sys::VIR_CONNECT_GET_ALL_DOMAINS_STATS_NOWAIT,
        );
        sys::virDomainListGetStats(list, kind, &mut records, flags)
    })?;
    if records.is_null() {
        return Ok(Vec::new());
    }
    // SAFETY: libvirt made the list, which ends with null; its one record is copied, then freed by libvirt.
    let fields = unsafe {
        let first = (*records).as_ref();
        let fields = first.map(|record| copy_fields(record.params, record.nparams));
        sys::virDomainStatsRecordListFree(records);
        fields
    };
    Ok(fields.unwrap_or_default())
}

/// `virDomainGetJobStats`; safe where there is no job, for which libvirt gives a null array.
pub(crate) fn job_stats(domain: &Domain, flags: c_uint) -> Result<JobStats, Error> {
    let (mut job_type, mut params, mut count) = (0, ptr::null_mut(), 0);
    // SAFETY: libvirt writes the three of them, or none if it fails.
    check(unsafe {
        let domain = domain.as_ptr();
        sys::virDomainGetJobStats(domain, &mut job_type, &mut params, &mut count, flags)
    })?;
    // SAFETY: libvirt made the array; it is copied, then freed by libvirt, which ignores null.
    let fields = unsafe {
        let fields = copy_fields(params, count);
        sys::virTypedParamsFree(params, count);
        fields
    };
    Ok(JobStats::new(JobType::from_raw(job_type), fields))
}
