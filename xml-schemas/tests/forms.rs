//! What is read, and that what is written is read again.

use libvirt_hpc_xml_schemas::{Deadline, Job, Policy, Reading, Then, read_domain, read_metadata};
use proptest::prelude::*;

fn full() -> Policy {
    Policy {
        slowdown_millipercent: Some(10_000),
        downtime_max_ms: Some(5000),
        deadline: Some(Deadline {
            seconds: 600,
            then: Then::Switchover,
        }),
        bandwidth_max_mib_per_s: Some(1000),
        postcopy_allowed: Some(false),
        compression_allowed: Some(false),
        job: Some(Job {
            id: "slurm-4242".to_owned(),
            members: 8,
        }),
    }
}

fn marked(policy: Policy) -> Reading {
    Reading {
        policy: Some(policy),
        warnings: Vec::new(),
    }
}

#[test]
fn every_form_of_the_same_policy_reads_the_same() {
    let stripped = include_bytes!("../valid/metadata-stripped-full.xml");
    let own = include_bytes!("../valid/metadata-own-full.xml");
    let reversed = include_bytes!("../valid/metadata-own-reversed.xml");
    let domain = include_bytes!("../valid/domain-own-prefix.xml");
    assert_eq!(read_metadata(stripped), Ok(marked(full())));
    assert_eq!(read_metadata(own), Ok(marked(full())));
    assert_eq!(read_metadata(reversed), Ok(marked(full())));
    assert_eq!(read_domain(domain), Ok(marked(full())));
}

#[test]
fn xmlns_may_sit_on_an_ancestor() {
    let domain = include_bytes!("../valid/domain-xmlns-on-domain.xml");
    let deadline = Deadline {
        seconds: 600,
        then: Then::Abort,
    };
    let policy = Policy {
        deadline: Some(deadline),
        ..Policy::default()
    };
    assert_eq!(read_domain(domain), Ok(marked(policy)));
    let metadata = include_bytes!("../valid/domain-xmlns-on-metadata.xml");
    assert_eq!(read_domain(metadata), Ok(marked(Policy::default())));
}

#[test]
fn only_the_element_in_the_metadata_marks_a_domain() {
    let unmarked: [&[u8]; 3] = [
        include_bytes!("../valid/domain-unmarked.xml"),
        include_bytes!("../valid/domain-other-namespace-same-prefix.xml"),
        include_bytes!("../valid/domain-element-elsewhere.xml"),
    ];
    for domain in unmarked {
        assert_eq!(read_domain(domain), Ok(Reading::default()));
    }
}

#[test]
fn units_become_those_of_the_fields() {
    let low = include_bytes!("../valid/metadata-bounds-low.xml");
    let read = read_metadata(low).map(|reading| reading.policy);
    let policy = read.expect("a valid document").expect("a mark");
    assert_eq!(policy.slowdown_millipercent, Some(1));
    assert_eq!(policy.downtime_max_ms, Some(1000));
    assert_eq!(policy.bandwidth_max_mib_per_s, Some(1));
}

#[test]
fn the_policy_in_a_trace_names_its_units() {
    let json = serde_json::to_value(full()).expect("json");
    assert_eq!(json["downtime_max_ms"], 5000);
    assert_eq!(json["deadline"]["then"], "switchover");
    let back: Policy = serde_json::from_value(json).expect("policy");
    assert_eq!(back, full());
}

fn policies() -> impl Strategy<Value = Policy> {
    let then = prop::sample::select(Then::ALL.to_vec());
    let deadline = (1..=9_999_999_u32, then).prop_map(|(seconds, then)| Deadline { seconds, then });
    let job = ("[A-Za-z0-9._:@+/\\[\\]-]{1,128}", 1..=999_999_u32)
        .prop_map(|(id, members)| Job { id, members });
    (
        prop::option::of(0..=100_000_u32),
        prop::option::of(1..=2_000_000_u32),
        prop::option::of(deadline),
        prop::option::of(1..=99_999_999_u64),
        prop::option::of(any::<bool>()),
        prop::option::of(any::<bool>()),
        prop::option::of(job),
    )
        .prop_map(
            |(slowdown, downtime, deadline, bandwidth, postcopy, compression, job)| Policy {
                slowdown_millipercent: slowdown,
                downtime_max_ms: downtime,
                deadline,
                bandwidth_max_mib_per_s: bandwidth,
                postcopy_allowed: postcopy,
                compression_allowed: compression,
                job,
            },
        )
}

proptest! {
    #[test]
    fn a_written_policy_is_read_again(policy in policies()) {
        let asks = policy.deadline.is_some_and(|deadline| deadline.then == Then::Postcopy);
        let contradicts = asks && policy.postcopy_allowed != Some(true);
        let xml = policy.to_xml();
        let domain = format!("<domain><metadata>{xml}</metadata></domain>");
        if contradicts {
            prop_assert!(read_metadata(xml.as_bytes()).is_err());
        } else {
            prop_assert_eq!(read_metadata(xml.as_bytes()), Ok(marked(policy.clone())));
            prop_assert_eq!(read_metadata(policy.to_metadata().as_bytes()), Ok(marked(policy.clone())));
            prop_assert_eq!(read_domain(domain.as_bytes()), Ok(marked(policy)));
        }
    }

    /// A name that the reader refuses is refused, not turned into markup.
    #[test]
    fn no_job_name_breaks_out_of_its_attribute(id in ".{0,40}") {
        let job = Some(Job { id, members: 1 });
        let policy = Policy { job, ..Policy::default() };
        match read_metadata(policy.to_xml().as_bytes()) {
            Ok(reading) => prop_assert_eq!(reading, marked(policy)),
            Err(error) => prop_assert!(policy.check() == Err(error)),
        }
    }
}
