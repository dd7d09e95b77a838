//! The first record of a trace.

use libvirt_hpc_libvirt::features::Version;

use super::resolve::Resolved;
use super::takeover::Takeover;
use crate::drive::Mode;
use crate::flags::Migrate;
use crate::trace::{Begin, FORMAT, Record, Versions};
use crate::version;

/// All that is known before the migration begins.
#[must_use]
pub(super) fn begin(takeover: &Takeover, migrate: &Migrate, resolved: &Resolved) -> Record {
    let features = &takeover.features;
    Record::Begin(Box::new(Begin {
        format: FORMAT,
        versions: Versions {
            libvirt_hpc: version::OURS.to_owned(),
            libvirt_client: number(features.library),
            libvirt_daemon: Some(number(features.daemon)),
            qemu: features.hypervisor.map(number),
        },
        domain: takeover.domain.name().to_owned(),
        uuid: takeover.domain.uuid().to_owned(),
        destination: migrate.request.dest_uri.clone(),
        flags: resolved.flags,
        policy: (&resolved.policy).into(),
        slowdown_ppm: resolved.slowdown_ppm,
        law: resolved.law,
        observe: resolved.mode == Mode::Observe,
        settings_before: Some(takeover.before.into()),
    }))
}

/// As libvirt encodes it.
fn number(version: Version) -> u64 {
    let Version {
        major,
        minor,
        release,
    } = version;
    u64::from(major) * 1_000_000 + u64::from(minor) * 1_000 + u64::from(release)
}
