//! Who else is told of a migration that this command controls: programs, and those who follow the agent of this host.

use std::path::Path;
use std::sync::mpsc::{self, Receiver};

use crate::agent::api::{Request, SOCKET, client};
use crate::drive::Mode;
use crate::flags::Migrate;
use crate::notify::{About, Followers, Herald, Programs, Tellers};
use crate::session::connect;
use crate::session::prepare::resolve::Resolved;
use crate::session::prepare::takeover::Takeover;
use crate::trace::ControllerName;

/// How many problems are kept until they can be said.
const PROBLEMS_MAX: usize = 32;

/// Who tells, and what goes wrong with it.
pub(crate) fn herald(
    takeover: &Takeover,
    migrate: &Migrate,
    resolved: &Resolved,
) -> (Herald, Receiver<String>) {
    let about = About {
        domain: takeover.domain.name().to_owned(),
        uuid: takeover.domain.uuid().to_owned(),
        destination: Some(migrate.request.dest_uri.clone()),
        controller: ControllerName::VirshHpc,
        observe: resolved.mode == Mode::Observe,
    };
    let (said, problems) = mpsc::sync_channel(PROBLEMS_MAX);
    let say = move |problem| drop(said.try_send(problem));
    let is_here = takeover.domain.connection().uri();
    let is_here = is_here.is_ok_and(|uri| connect::is_this_host(&uri));
    let pass_on = move |line: &[u8]| {
        if is_here {
            tell_agent(Path::new(SOCKET), line);
        }
    };
    let tellers = Tellers::start(Programs::default(), say, pass_on);
    (
        Herald::new(about, tellers.ok(), Followers::default()),
        problems,
    )
}

/// An agent that is not there has no followers, and one that does not understand this is of another version.
fn tell_agent(socket: &Path, line: &[u8]) {
    if let Ok(notification) = serde_json::from_slice(line) {
        drop(client::ask(socket, &Request::Tell { notification }));
    }
}
