//! A migration that the owner's policy had begun with post-copy, where a host cannot do it.
//!
//! libvirt switches QEMU's `postcopy-ram` on at both ends before any memory flows. Where that is refused,
//! plain virsh would have moved the guest, for nobody has asked for `--postcopy`: the mark must not be the
//! reason that a guest cannot be moved. So the call is made once more without, under the law without.

use libvirt_hpc_libvirt::Error;
use libvirt_hpc_xml_schemas as xml;

use super::call::Outcome;
use super::outcome::Aborted;
use super::resolve::{Inputs, Resolved, resolve};
use crate::flags::migrate_flags as bits;

/// The same migration without post-copy; none if it is not the policy that has `resolved` begin with it.
pub(super) fn without_postcopy(inputs: &Inputs<'_>, resolved: &Resolved) -> Option<Resolved> {
    let mut policy = inputs.policy.clone();
    policy.postcopy_allowed = Some(false);
    if let Some(deadline) = &mut policy.deadline
        && deadline.then == xml::Then::Postcopy
    {
        deadline.then = xml::Then::Switchover;
    }
    let without = resolve(&Inputs {
        policy: &policy,
        ..*inputs
    });
    let begins = |resolved: &Resolved| resolved.flags & bits::POSTCOPY != 0;
    // A law that somebody named, and that needs it, is of no use without.
    let can = !begins(&without) && !without.law.needs_postcopy();
    (begins(resolved) && can).then_some(without)
}

/// QEMU's words where the host forbids it: for want of userfaultfd, as the reason behind them says since QEMU 8.1.
const HOST_CANNOT: &str = "postcopy is not supported";

/// What says that post-copy is refused, in small letters; a name may have the word in it.
const REFUSALS: [&str; 4] = [
    HOST_CANNOT,
    "'postcopy-ram'",
    "with postcopy migration",
    "post-copy migration is not supported",
];

/// Whether `error` is about post-copy. libvirt's words are in the daemon's language, but both the name of
/// QEMU's capability and QEMU's own words stay as they are:
///
/// * `internal error: unable to execute QEMU command 'migrate-set-capabilities': Postcopy is not supported`,
///   with the reason behind it since QEMU 8.1 (`migrate_caps_check`, `migration/options.c`);
/// * `Migration option 'postcopy-ram' is not supported by QEMU binary`
///   (`qemuMigrationParamsCheck`, `src/qemu/qemu_migration_params.c`);
/// * `VFIO migration is not supported with postcopy migration` (`hw/vfio/migration.c`).
fn is_of_postcopy(error: &Error) -> bool {
    let words = error.libvirt_message().unwrap_or_default().to_lowercase();
    REFUSALS.iter().any(|refusal| words.contains(refusal))
}

/// libvirt's words, if a call that has ended so was refused for post-copy: nobody has aborted it, and no
/// memory has `flowed`, for later on the same words are of a copy that broke.
pub(super) fn refusal(
    outcome: Option<&Outcome>,
    aborted: Option<Aborted>,
    flowed: bool,
) -> Option<String> {
    let Some(Outcome::Failed(error)) = outcome else {
        return None;
    };
    let refused = aborted.is_none() && !flowed && is_of_postcopy(error);
    let words = error.libvirt_message().filter(|_| refused)?;
    Some(words.to_owned())
}

/// Makes the `first` attempt; if that was refused (`refusal` gives libvirt's words), the `spare` one, and
/// no other.
///
/// # Errors
/// An attempt's own.
pub(super) fn attempts<T>(
    first: Resolved,
    spare: Option<Resolved>,
    mut attempt: impl FnMut(Resolved) -> anyhow::Result<T>,
    refusal: impl FnOnce(&mut T) -> Option<String>,
) -> anyhow::Result<T> {
    let mut made = attempt(first)?;
    let Some(mut spare) = spare else {
        return Ok(made);
    };
    let Some(words) = refusal(&mut made) else {
        return Ok(made);
    };
    drop(made);
    let hint = match words.to_lowercase().contains(HOST_CANNOT) {
        true => ". On the destination's host vm.unprivileged_userfaultfd may be 0",
        false => "",
    };
    spare.warnings.insert(
        0,
        format!(
            "post-copy, which the policy allows, cannot be had ({words}): the migration is begun again \
             without it{hint}"
        ),
    );
    attempt(spare)
}

#[cfg(test)]
mod tests;
