//! The guest's clock after a pause. The guest does not see the time pass in which it is paused: its clock lags by it until
//! NTP or the guest agent sets it.

use std::io::Write;
use std::time::Duration;

use libvirt_hpc_libvirt::{Connection, Domain, Error};

use super::domain_location::Side;
use crate::flags::Migrate;
use crate::migration::deadline::within;
use crate::session::connect;
use crate::session::prepare::takeover::Takeover;
use crate::session::terminal::console::Console;

/// How long the destination is given: libvirt itself waits 5 s for a guest agent (`VIR_DOMAIN_QEMU_AGENT_COMMAND_DEFAULT`,
/// `qemu_agent.c`).
const PATIENCE: Duration = Duration::from_secs(10);

/// Has the guest agent set the clock of the domain on the destination, and says so. The migration is over and stays a success
/// whatever comes of it.
pub(crate) fn set<W: Write>(takeover: &Takeover, migrate: &Migrate, console: &mut Console<W>) {
    let destination = Side {
        uri: Some(migrate.request.dest_uri.clone()),
        options: connect::options(&migrate.globals),
        uuid: takeover.domain.uuid().to_owned(),
    };
    set_there(takeover.domain.name(), destination, console);
}

fn set_there<W: Write>(domain: &str, destination: Side, console: &mut Console<W>) {
    match within(PATIENCE, move || sync(&destination)) {
        Some(Ok(())) => console.note(&format!("the guest agent has set the clock of {domain}")),
        Some(Err(error)) => console.warn(&not_set(domain, &error.to_string())),
        None => console.warn(&not_set(domain, "no answer")),
    }
}

fn sync(destination: &Side) -> Result<(), Error> {
    let connection = Connection::open(destination.uri.as_deref(), destination.options)?;
    Domain::lookup_by_uuid(&connection, &destination.uuid)?.sync_time()
}

fn not_set(domain: &str, why: &str) -> String {
    format!(
        "the clock of {domain} was not set and lags by the pause ({why}): NTP in the guest corrects it, or virsh domtime \
         {domain} --sync on the destination, which needs a guest agent"
    )
}

#[cfg(test)]
mod tests {
    use libvirt_hpc_libvirt::connect::Options;

    use super::*;

    #[test]
    fn a_clock_that_was_not_set_is_told_with_a_remedy() {
        let nowhere = Side {
            uri: Some("nosuch:///system".to_owned()),
            options: Options::default(),
            uuid: "4dea22b3-1d52-d8f3-2516-782e98ab3fa0".to_owned(),
        };
        let mut said = Vec::new();
        set_there("solver", nowhere, &mut Console::on(&mut said, false, false));
        let said = String::from_utf8(said).expect("text");
        assert!(
            said.starts_with("virsh-hpc: warning: the clock of solver was not set"),
            "{said}"
        );
        assert!(said.contains("virsh domtime solver --sync"), "{said}");
        assert_eq!(said.lines().count(), 1, "{said}");
    }
}
