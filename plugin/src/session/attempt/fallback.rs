//! A migration that was begun with more than plain virsh asks for, where a host cannot do it.
//!
//! libvirt sets QEMU's capabilities at both ends before any memory flows. Where one is refused that nobody has asked
//! for by an option of virsh's, plain virsh would have moved the guest: the mark must not be the reason that a guest
//! cannot be moved. So the call is made once more without, and by the law without.

use anyhow::Result;
use libvirt_hpc_xml_schemas as xml;

use super::call::Outcome;
use super::session_orders::Aborted;
use crate::flags::migrate_flags as bits;
use crate::session::prepare::resolve::{Inputs, Resolved, resolve};

/// What virsh-hpc may begin a migration with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Extra {
    /// Post-copy, which the owner's policy allows.
    Postcopy,
    /// Delta compression.
    Xbzrle,
}

/// QEMU's words where the host forbids post-copy: for want of userfaultfd, as the reason behind them says since QEMU
/// 8.1.
const HOST_CANNOT: &str = "postcopy is not supported";

impl Extra {
    const ALL: [Self; 2] = [Self::Postcopy, Self::Xbzrle];

    /// What says that it is refused, in small letters; a name may have the word in it. libvirt's words are in the
    /// daemon's language, but the names of QEMU's capabilities and commands, and QEMU's own words, stay as they are:
    ///
    /// * `internal error: unable to execute QEMU command 'migrate-set-capabilities': Postcopy is not supported`,
    ///   with the reason behind it since QEMU 8.1 (`migrate_caps_check`, `migration/options.c`);
    /// * `Migration option 'postcopy-ram' is not supported by QEMU binary`
    ///   (`qemuMigrationParamsCheck`, `src/qemu/qemu_migration_params.c`), and `'xbzrle'` likewise;
    /// * `VFIO migration is not supported with postcopy migration` (`hw/vfio/migration.c`).
    ///
    /// A capability may be refused without its name: that of a migration with XBZRLE then is taken for XBZRLE's, for
    /// what else was asked for is refused again.
    const fn refusals(self) -> &'static [&'static str] {
        match self {
            Self::Postcopy => &[
                HOST_CANNOT,
                "'postcopy-ram'",
                "with postcopy migration",
                "post-copy migration is not supported",
            ],
            Self::Xbzrle => &["xbzrle", "'migrate-set-capabilities'"],
        }
    }

    fn is_refused_by(self, words: &str) -> bool {
        let words = words.to_lowercase();
        self.refusals()
            .iter()
            .any(|refusal| words.contains(refusal))
    }

    /// What the user is told when the migration is begun without it.
    fn warning(self, words: &str) -> String {
        match self {
            Self::Postcopy => {
                let hint = match words.to_lowercase().contains(HOST_CANNOT) {
                    true => ". On the destination's host vm.unprivileged_userfaultfd may be 0",
                    false => "",
                };
                format!(
                    "post-copy, which the policy allows, is not possible ({words}): the migration is begun again \
                     without it{hint}"
                )
            }
            Self::Xbzrle => format!(
                "memory cannot be sent with XBZRLE ({words}): the migration is begun again without it"
            ),
        }
    }

    const fn is_in(self, resolved: &Resolved) -> bool {
        let bit = match self {
            Self::Postcopy => bits::POSTCOPY,
            Self::Xbzrle => bits::COMPRESSED,
        };
        resolved.flags & bit != 0
    }
}

/// libvirt's words, if a call that has ended so may have been refused for what it was begun with: nobody has aborted
/// it, and no memory has `flowed`, for later on the same words are of a copy that broke.
pub(crate) fn refusal(
    outcome: Option<&Outcome>,
    aborted: Option<Aborted>,
    flowed: bool,
) -> Option<String> {
    let Some(Outcome::Failed(error)) = outcome else {
        return None;
    };
    let words = error.libvirt_message()?;
    (aborted.is_none() && !flowed).then(|| words.to_owned())
}

/// Makes the attempt that `first` is, and for as long as one is refused (`refusal` gives libvirt's words) for something
/// that virsh-hpc has begun it with, another without that. `close` ends an attempt that is followed by another.
///
/// # Errors
/// An attempt's own.
pub(crate) fn attempts<T>(
    inputs: &Inputs<'_>,
    first: Resolved,
    mut attempt: impl FnMut(Resolved) -> Result<T>,
    refusal: impl Fn(&mut T) -> Option<String>,
    close: impl Fn(T),
) -> Result<T> {
    let (mut resolved, mut given_up) = (first, Vec::new());
    loop {
        let mut made = attempt(resolved.clone())?;
        let Some(next) = refusal(&mut made)
            .and_then(|words| without_what_is_refused(inputs, &resolved, &words, &mut given_up))
        else {
            return Ok(made);
        };
        close(made);
        resolved = next;
    }
}

/// What `begun` is without what `words` refuse, and without what was `given_up` before; none if it is the user who has
/// begun with it.
fn without_what_is_refused(
    inputs: &Inputs<'_>,
    begun: &Resolved,
    words: &str,
    given_up: &mut Vec<Extra>,
) -> Option<Resolved> {
    let refused = |extra: &Extra| extra.is_in(begun) && extra.is_refused_by(words);
    let extra = Extra::ALL.into_iter().find(refused)?;
    given_up.push(extra);
    let mut without = resolve_without(inputs, given_up);
    // A law that somebody named, and that needs post-copy, is of no use without.
    let is_useless = extra == Extra::Postcopy && without.law.needs_postcopy();
    if extra.is_in(&without) || is_useless {
        return None;
    }
    without.warnings.insert(0, extra.warning(words));
    Some(without)
}

fn resolve_without(inputs: &Inputs<'_>, given_up: &[Extra]) -> Resolved {
    let (mut policy, mut options) = (inputs.policy.clone(), inputs.options.clone());
    if given_up.contains(&Extra::Postcopy) {
        policy.postcopy_allowed = Some(false);
        if let Some(deadline) = &mut policy.deadline
            && deadline.then == xml::Then::Postcopy
        {
            deadline.then = xml::Then::Switchover;
        }
    }
    if given_up.contains(&Extra::Xbzrle) {
        options.compression = Some(false);
    }
    resolve(&Inputs {
        policy: &policy,
        options: &options,
        ..*inputs
    })
}

#[cfg(test)]
mod tests;
