//! What virsh checks between the options of one `migrate`.
//!
//! Source: `cmdMigrate` and `doMigrate` in `tools/virsh-domain.c` of libvirt 9.0.0 and 11.3.0. A
//! command that fails here goes to the real virsh, which says so in its own words.

use super::typed_options::{Refused, TypedOptions};
use crate::flags::virsh::c_number;
use crate::flags::virsh::release::Virsh;

/// `VSH_EXCLUSIVE_OPTIONS`; the libvirt of 9.0 refuses the last pair itself.
const EXCLUSIVE: &[(&str, &str)] = &[
    ("live", "offline"),
    ("timeout-suspend", "timeout-postcopy"),
    ("copy-storage-all", "copy-storage-inc"),
];

/// `VSH_REQUIRE_OPTION`: the first needs the second.
const REQUIRES: &[(&str, &str)] = &[
    ("postcopy-after-precopy", "postcopy"),
    ("postcopy-resume", "postcopy"),
    ("timeout-postcopy", "postcopy"),
    ("persistent-xml", "persistent"),
    ("tls-destination", "tls"),
];

/// Options that need one of `--copy-storage-all` and `--copy-storage-inc`, since that release.
///
/// 9.0.0 does not check `--migrate-disks`, 11.3.0 does; what lies between is read as the later.
const NEEDS_STORAGE_COPY: &[(&str, Virsh)] = &[
    ("copy-storage-synchronous-writes", Virsh::OLDEST),
    ("migrate-disks", Virsh::new(9, 1)),
    ("migrate-disks-detect-zeroes", Virsh::OLDEST),
];

/// Refuses what virsh of that release refuses.
pub(super) fn check(typed: &TypedOptions, virsh: Virsh) -> Result<(), Refused> {
    let given = |name| typed.has_named(name);
    let storage_copy = given("copy-storage-all") || given("copy-storage-inc");
    let refused = EXCLUSIVE
        .iter()
        .any(|&(one, other)| given(one) && given(other))
        || REQUIRES
            .iter()
            .any(|&(one, needed)| given(one) && !given(needed))
        || NEEDS_STORAGE_COPY
            .iter()
            .any(|&(name, since)| given(name) && since <= virsh && !storage_copy);
    if refused {
        return Err(Refused);
    }
    check_timeout(typed)
}

/// A timeout above 0 needs a live migration; its action needs a timeout above 0.
fn check_timeout(typed: &TypedOptions) -> Result<(), Refused> {
    let timeout = typed.given.iter().find(|given| given.opt.name == "timeout");
    let seconds = match timeout {
        Some(timeout) => c_number::unsigned(&timeout.value).ok_or(Refused)?,
        None => 0,
    };
    let action = typed.has_named("timeout-suspend") || typed.has_named("timeout-postcopy");
    if seconds > 0 && !typed.has_named("live") || seconds == 0 && action {
        return Err(Refused);
    }
    Ok(())
}
