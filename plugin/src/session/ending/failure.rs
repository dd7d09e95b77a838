//! A migrate call that has failed: libvirt's words, and where the domain is now.

use libvirt_hpc_libvirt::features::Version;

use super::domain_location::{self, Found, Side, Undo};
use crate::backlog::Backlog;
use crate::flags::{Migrate, Transport};
use crate::migration::settings::{Restored, Set};
use crate::session::attempt::call::Outcome;
use crate::session::attempt::session_orders::Aborted;
use crate::session::connect;
use crate::session::prepare::takeover::Takeover;
use crate::session::terminal::console::Console;

/// libvirt's own words for a failure, as virsh prints them; none for a success. `None` as the outcome is
/// a call that has not ended.
#[must_use]
pub(crate) fn error(outcome: Option<&Outcome>) -> Option<String> {
    Some(match outcome {
        Some(Outcome::Moved) => return None,
        Some(Outcome::Failed(error)) => error
            .libvirt_message()
            .map_or_else(|| error.to_string(), str::to_owned),
        Some(Outcome::Cancelled) => {
            "operation aborted: migration canceled by client before it began".to_owned()
        }
        Some(Outcome::Busy) => {
            "another migration of the domain began first and goes on: this one was not begun"
                .to_owned()
        }
        Some(Outcome::Lost) => "the thread of the migrate call has died".to_owned(),
        None => "libvirt was asked to abort the migration and has not ended it".to_owned(),
    })
}

/// Asks both sides where the domain is, undoes what the command has `set`, and says so.
pub(crate) fn tell(
    set: Set,
    outcome: Option<&Outcome>,
    aborted: Option<Aborted>,
    destination: Option<Version>,
    takeover: &Takeover,
    migrate: &Migrate,
    console: &mut Console<Backlog>,
) {
    if matches!(outcome, Some(Outcome::Cancelled | Outcome::Busy)) {
        return;
    }
    let side = |uri: Option<String>| Side {
        uri,
        options: connect::options(&migrate.globals),
        uuid: takeover.domain.uuid().to_owned(),
    };
    let (here, restored) = domain_location::ask(
        side(takeover.uri.clone()),
        Some(Undo {
            set,
            before: takeover.before,
        }),
    );
    // In peer-to-peer mode the destination's URI is the source host's, not this one's.
    let ask_there = !matches!(here, Found::Running | Found::Migrating)
        && migrate.request.transport == Transport::Managed;
    let there = ask_there
        .then(|| domain_location::ask(side(Some(migrate.request.dest_uri.clone())), None).0);
    let name = takeover.domain.name();
    let line = domain_location::tell(name, &here, there.as_ref(), destination, restored.as_ref());
    let harmless =
        matches!(here, Found::Running) && !matches!(restored, Some(Restored::Failed(..)));
    if harmless {
        let why = aborted.map_or("", Aborted::as_str);
        console.note(&format!("{why}{line}"));
    } else {
        console.warn(&line);
    }
}

#[cfg(test)]
mod tests {
    use libvirt_hpc_libvirt::Error;

    use super::*;

    #[test]
    fn libvirts_words_are_printed_alone() {
        let refused = Error::Refused {
            call: "virDomainMigrate3",
            domain: Some("vm".to_owned()),
            code: 78,
            origin: 10,
            message: "operation aborted: migration out job: canceled by client".to_owned(),
        };
        let failed = Outcome::Failed(refused);
        let said = "operation aborted: migration out job: canceled by client";
        assert_eq!(error(Some(&failed)).as_deref(), Some(said));
        assert_eq!(error(Some(&Outcome::Moved)), None);
        for other in [Outcome::Cancelled, Outcome::Busy, Outcome::Lost]
            .iter()
            .map(Some)
            .chain([None])
        {
            assert!(error(other).is_some());
        }
    }
}
