//! A lease that somebody has left, and whoever takes it next.
//!
//! * Whatever is in the file, the lease can be taken, and what is written into it is read back equal by the next, also over
//!   something longer.
//! * A job of another run of the domain is not that of the lease.

use std::fs;

use libvirt_hpc_control::sample::Settings;
use libvirt_hpc_control::target::Target;
use libvirt_hpc_control::time::Timestamp;
use libvirt_hpc_plugin::migration::lease::{self, Job, Lease, LeaseRecord, Taken};

use crate::scratch;

const UUID: &str = "c7a5fdbd-edaf-9455-926a-d65c16db1809";

/// Takes a lease in whose file `data` is.
pub fn run(data: &[u8]) {
    let directory = scratch::directory().join("leases");
    fs::create_dir_all(&directory).expect("a directory");
    fs::write(directory.join(UUID), data).expect("a lease");
    let take = || match lease::take(&directory, UUID) {
        Ok(Taken::Ours(lease, left)) => (lease, left),
        other => panic!("nobody holds it: {other:?}"),
    };
    let (mut held, left) = take();
    if let Some(record) = left {
        judged(&record);
        let mut changed = record.clone();
        changed.released = Some("released\u{0}\"".to_owned());
        changed.set.apply(&Target {
            downtime_ms: Some(7),
            ..Target::NONE
        });
        changed.bounds = changed.bounds.under_speed(9);
        for written in [&changed, &record] {
            held.write(written).expect("written");
            held = taken_again(held, &take, written);
        }
    }
    held.end();
    assert!(!lease::exists(&directory, UUID));
}

fn taken_again(
    held: Lease,
    take: &impl Fn() -> (Lease, Option<Box<LeaseRecord>>),
    written: &LeaseRecord,
) -> Lease {
    drop(held);
    let (held, left) = take();
    assert_eq!(left.as_deref(), Some(written));
    held
}

fn judged(record: &LeaseRecord) {
    let job = Job {
        domain_id: record.identity.domain_id,
        wall_ms: record.identity.taken_wall_ms,
        elapsed_ms: 1,
        at_ns: record.taken_at_ns,
    };
    let found = Settings {
        downtime_ms: record.settings_before.downtime_ms,
        speed_mib_per_s: 0,
    };
    let _ = record.is_of(&job, Some(found));
    let other = Job {
        domain_id: job.domain_id.map(|id| id.wrapping_add(1)),
        ..job
    };
    if other.domain_id.is_some() {
        assert!(!record.is_of(&other, Some(found)));
    }
    let taken = Timestamp::from_nanos(record.taken_at_ns);
    let began = record.began(Timestamp::default());
    assert!(record.job_began_ns.is_some() || began >= taken);
    let undone = record.set.undone(found, record.settings_before.into());
    assert_eq!(undone.downtime_ms, record.settings_before.downtime_ms);
}
