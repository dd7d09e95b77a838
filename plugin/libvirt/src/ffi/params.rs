//! Typed parameters to libvirt, and the two calls that take them.

use core::ffi::{CStr, c_int, c_uint, c_ulonglong};
use core::ptr;

use virt::connect::Connect;
use virt::domain::Domain;
use virt::error::Error;
use virt_sys as sys;

use super::fields::copy_fields;
use super::{check, initialize};
use crate::stats::Field;

/// A `virTypedParameter` array that libvirt made, freed with all its strings when dropped.
pub(crate) struct Params {
    array: sys::virTypedParameterPtr,
    count: c_int,
    capacity: c_int,
}

impl Params {
    /// No parameters.
    pub(crate) fn new() -> Result<Self, Error> {
        initialize()?;
        Ok(Self {
            array: ptr::null_mut(),
            count: 0,
            capacity: 0,
        })
    }

    /// `virTypedParamsAddInt`
    pub(crate) fn add_int(&mut self, name: &CStr, value: i32) -> Result<(), Error> {
        let (array, count, capacity) = (&mut self.array, &mut self.count, &mut self.capacity);
        // SAFETY: the three belong together and are changed by libvirt alone, which copies `name`.
        check(unsafe { sys::virTypedParamsAddInt(array, count, capacity, name.as_ptr(), value) })
    }

    /// `virTypedParamsAddULLong`
    pub(crate) fn add_ullong(&mut self, name: &CStr, value: c_ulonglong) -> Result<(), Error> {
        let (array, count, capacity) = (&mut self.array, &mut self.count, &mut self.capacity);
        // SAFETY: as in `add_int`.
        check(unsafe { sys::virTypedParamsAddULLong(array, count, capacity, name.as_ptr(), value) })
    }

    /// `virTypedParamsAddString`
    pub(crate) fn add_string(&mut self, name: &CStr, value: &CStr) -> Result<(), Error> {
        let (array, count, capacity) = (&mut self.array, &mut self.count, &mut self.capacity);
        let (name, value) = (name.as_ptr(), value.as_ptr());
        // SAFETY: as in `add_int`; libvirt copies `value` too.
        check(unsafe { sys::virTypedParamsAddString(array, count, capacity, name, value) })
    }

    /// The content of the array.
    pub(crate) fn fields(&self) -> Vec<Field> {
        // SAFETY: the array holds `count` parameters.
        unsafe { copy_fields(self.array, self.count) }
    }
}

impl Drop for Params {
    fn drop(&mut self) {
        // SAFETY: made by libvirt, or null, which it ignores.
        unsafe { sys::virTypedParamsFree(self.array, self.count) };
    }
}

/// `virDomainMigrate3`; blocks until the migration has ended.
pub(crate) fn migrate(
    domain: &Domain,
    destination: &Connect,
    params: &Params,
    flags: c_uint,
) -> Result<Domain, Error> {
    // SAFETY: all are valid for the whole call, which only reads the parameters.
    let arrived = unsafe {
        let (domain, destination) = (domain.as_ptr(), destination.as_ptr());
        let count = params.count.cast_unsigned();
        sys::virDomainMigrate3(domain, destination, params.array, count, flags)
    };
    if arrived.is_null() {
        return Err(Error::last_error());
    }
    // SAFETY: the reference is ours and given to the handle.
    Ok(unsafe { Domain::from_ptr(arrived) })
}

/// `virDomainMigrateToURI3`; blocks until the migration has ended.
pub(crate) fn migrate_to_uri(
    domain: &Domain,
    uri: &CStr,
    params: &Params,
    flags: c_uint,
) -> Result<(), Error> {
    // SAFETY: all are valid for the whole call, which only reads the parameters.
    check(unsafe {
        let count = params.count.cast_unsigned();
        let domain = domain.as_ptr();
        sys::virDomainMigrateToURI3(domain, uri.as_ptr(), params.array, count, flags)
    })
}
