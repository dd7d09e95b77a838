//! The first record of a trace.

use crate::drive::Mode;
use crate::flags::Migrate;
use crate::session::prepare::resolve::Resolved;
use crate::session::prepare::takeover::Takeover;
use crate::trace::{Begin, ControllerName, FORMAT, PriorRecord, Record, Versions};

/// All that is known before the migration begins.
#[must_use]
pub(crate) fn begin(takeover: &Takeover, migrate: &Migrate, resolved: &Resolved) -> Record {
    Record::Begin(Box::new(Begin {
        format: FORMAT,
        versions: Versions::of(&takeover.features),
        domain: takeover.domain.name().to_owned(),
        uuid: takeover.domain.uuid().to_owned(),
        controller: ControllerName::VirshHpc,
        destination: Some(migrate.request.dest_uri.clone()),
        flags: Some(resolved.flags),
        policy: (&resolved.policy).into(),
        slowdown_ppm: resolved.slowdown_ppm,
        law: resolved.law,
        observe: resolved.mode == Mode::Observe,
        settings_before: Some(takeover.before.into()),
        prior: PriorRecord::of(&takeover.prior),
    }))
}
