use libvirt_hpc_control::policy::Then;
use libvirt_hpc_control::time::Timestamp;

use super::*;
use crate::flags::{self, DeadlineAction, HpcOptions, MigrateRequest, Virsh};
use crate::laws::LawName;

const REFUSED: &str = "internal error: unable to execute QEMU command 'migrate-set-capabilities': Postcopy \
                       is not supported";

/// What is begun first, and what may be begun after it.
fn resolved(
    user_flags: u32,
    options: &HpcOptions,
    policy: &xml::Policy,
) -> (Resolved, Option<Resolved>) {
    let request = MigrateRequest {
        flags: bits::LIVE | user_flags,
        ..MigrateRequest::default()
    };
    let inputs = Inputs {
        request: &request,
        options,
        policy,
        stored_speed_mib_per_s: None,
        stored_downtime_ms: 300,
        memory_is_bounded: false,
        virsh: Virsh::NEWEST,
        started: Timestamp::from_nanos(7),
    };
    let first = resolve(&inputs);
    let spare = without_postcopy(&inputs, &first);
    (first, spare)
}

fn allowed() -> xml::Policy {
    xml::Policy {
        postcopy_allowed: Some(true),
        compression_allowed: Some(false),
        deadline: Some(xml::Deadline {
            seconds: 60,
            then: xml::Then::Postcopy,
        }),
        ..xml::Policy::default()
    }
}

fn refused(message: &str) -> Error {
    Error::Refused {
        call: "virDomainMigrate3",
        domain: Some("vm".to_owned()),
        code: 1,
        origin: 10,
        message: message.to_owned(),
    }
}

/// The attempts that are made, each refused as `words`, and the outcome's number.
fn made(first: Resolved, spare: Option<Resolved>, words: Option<&str>) -> (Vec<Resolved>, usize) {
    let mut made = Vec::new();
    let last = attempts(
        first,
        spare,
        |resolved| {
            made.push(resolved);
            Ok(made.len())
        },
        |_| words.map(str::to_owned),
    );
    (made, last.expect("attempts that do not fail"))
}

#[test]
fn what_the_policy_alone_asked_for_is_left_out_once_and_aloud() {
    let (first, spare) = resolved(0, &HpcOptions::default(), &allowed());
    assert_eq!(first.flags, bits::LIVE | bits::POSTCOPY);
    let (made, last) = made(first, spare, Some(REFUSED));
    let [first, second] = made.as_slice() else {
        panic!("two attempts: {made:?}");
    };
    assert_eq!(last, 2);
    assert_eq!(
        (first.law, second.law),
        (LawName::AdaptiveOrPostcopy, LawName::Adaptive)
    );
    assert_eq!((second.flags, second.warnings.len()), (bits::LIVE, 1));
    assert!(
        second.warnings[0].contains(REFUSED),
        "{:?}",
        second.warnings
    );
    let then = |resolved: &Resolved| resolved.policy.deadline.map(|deadline| deadline.then);
    assert_eq!(
        (then(first), then(second)),
        (Some(Then::Postcopy), Some(Then::Switchover))
    );
}

#[test]
fn only_where_the_host_forbids_it_there_is_something_to_allow() {
    for (words, hints) in [(REFUSED, true), ("no 'postcopy-ram'", false)] {
        let (first, spare) = resolved(0, &HpcOptions::default(), &allowed());
        let (made, _) = made(first, spare, Some(words));
        assert_eq!(
            made[1].warnings[0].contains("userfaultfd"),
            hints,
            "{words}"
        );
    }
}

#[test]
fn what_was_not_refused_is_not_begun_again() {
    let (first, spare) = resolved(0, &HpcOptions::default(), &allowed());
    assert_eq!(made(first, spare, None).0.len(), 1);
}

#[test]
fn what_the_user_asked_for_is_the_users_to_take_back() {
    let (first, spare) = resolved(bits::POSTCOPY, &HpcOptions::default(), &allowed());
    assert_eq!(spare, None);
    assert_eq!(made(first, spare, Some(REFUSED)).0.len(), 1);
    let options = HpcOptions {
        deadline: Some(flags::Deadline {
            seconds: 60,
            then: Some(DeadlineAction::Postcopy),
        }),
        ..HpcOptions::default()
    };
    assert_eq!(resolved(0, &options, &allowed()).1, None);
    let options = HpcOptions {
        law: Some(LawName::AdaptiveOrPostcopy),
        ..HpcOptions::default()
    };
    assert_eq!(resolved(0, &options, &allowed()).1, None, "a law by name");
    assert_eq!(
        resolved(0, &HpcOptions::default(), &xml::Policy::default()).1,
        None
    );
}

#[test]
fn only_a_beginning_that_nobody_aborted_is_made_again() {
    let failed = Outcome::Failed(refused(REFUSED));
    let told = |aborted, flowed| refusal(Some(&failed), aborted, flowed);
    assert_eq!(told(None, false).as_deref(), Some(REFUSED));
    assert_eq!(told(None, true), None, "memory has flowed");
    assert_eq!(told(Some(Aborted::Asked), false), None);
    assert_eq!(told(Some(Aborted::CutOff), false), None);
    for other in [Some(&Outcome::Moved), Some(&Outcome::Cancelled), None] {
        assert_eq!(refusal(other, None, false), None);
    }
}

#[test]
fn refusals_of_post_copy_are_known_by_what_is_never_translated() {
    for words in [
        REFUSED,
        "internal error: unable to execute QEMU command 'migrate-set-capabilities': Postcopy is not \
         supported: Userfaultfd not available: Operation not permitted",
        "Migrationsoption 'postcopy-ram' wird nicht unterst\u{fc}tzt",
        "post-copy migration is not supported with non-live or paused migration",
    ] {
        assert!(is_of_postcopy(&refused(words)), "{words}");
    }
    for other in [
        "Unsafe migration: Migration without shared storage is unsafe",
        "Failed to connect to remote libvirt URI qemu+tcp://postcopy-node/system",
    ] {
        assert!(!is_of_postcopy(&refused(other)), "{other}");
    }
}
