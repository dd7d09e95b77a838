use std::cell::Cell;

use libvirt_hpc_control::policy::Then;
use libvirt_hpc_control::time::Timestamp;
use libvirt_hpc_libvirt::Error;

use super::*;
use crate::flags::{self, DeadlineAction, HpcOptions, MigrateRequest, Virsh};
use crate::laws::LawName;
use crate::migration::guest::Guest;

const REFUSED: &str = "internal error: unable to execute QEMU command 'migrate-set-capabilities': Postcopy \
                       is not supported";

const NO_XBZRLE: &str = "Migration option 'xbzrle' is not supported by QEMU binary";

/// What is begun in turn, where the first call is refused with the first of these words, and so on.
fn made(
    user_flags: u32,
    options: &HpcOptions,
    policy: &xml::Policy,
    words: &[&str],
) -> Vec<Resolved> {
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
        cache_most_bytes: Some(1 << 30),
        guest: Guest::default(),
        virsh: Virsh::NEWEST,
        started: Timestamp::from_nanos(7),
    };
    let (mut made, closed) = (Vec::new(), Cell::new(0));
    let last = attempts(
        &inputs,
        resolve(&inputs),
        |resolved| {
            made.push(resolved);
            Ok(made.len())
        },
        |&mut number| words.get(number - 1).map(|&words| words.to_owned()),
        |_| closed.set(closed.get() + 1),
    );
    let last = last.expect("attempts that do not fail");
    assert_eq!((last, closed.get()), (made.len(), made.len() - 1));
    made
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

#[test]
fn what_the_policy_alone_asked_for_is_left_out_once_and_aloud() {
    let made = made(0, &HpcOptions::default(), &allowed(), &[REFUSED, REFUSED]);
    let [first, second] = made.as_slice() else {
        panic!("two attempts: {made:?}");
    };
    assert_eq!(first.flags, bits::LIVE | bits::POSTCOPY);
    assert_eq!(first.law, LawName::AdaptiveOrPostcopy);
    assert_eq!(second.law, LawName::Adaptive);
    assert_eq!((second.flags, second.warnings.len()), (bits::LIVE, 1));
    let warning = &second.warnings[0];
    assert!(warning.contains(REFUSED), "{warning}");
    let then = |resolved: &Resolved| resolved.policy.deadline.map(|deadline| deadline.then);
    assert_eq!(then(first), Some(Then::Postcopy));
    assert_eq!(then(second), Some(Then::Switchover));
}

/// Without post-copy there is room for XBZRLE, which a host may refuse as well.
#[test]
fn each_refusal_leaves_out_what_it_is_of() {
    let policy = xml::Policy {
        compression_allowed: None,
        ..allowed()
    };
    let options = HpcOptions::default();
    let flags = |words: &[&str]| -> Vec<u32> {
        let made = made(0, &options, &policy, words);
        made.iter().map(|resolved| resolved.flags).collect()
    };
    let (postcopy, xbzrle) = (bits::LIVE | bits::POSTCOPY, bits::LIVE | bits::COMPRESSED);
    assert_eq!(flags(&[]), [postcopy]);
    assert_eq!(flags(&[REFUSED]), [postcopy, xbzrle]);
    let all = [postcopy, xbzrle, bits::LIVE];
    assert_eq!(flags(&[REFUSED, NO_XBZRLE]), all);
    assert_eq!(flags(&[REFUSED, NO_XBZRLE, NO_XBZRLE]), all, "no more");
}

#[test]
fn xbzrle_that_nobody_asked_virsh_for_is_left_out_once_and_aloud() {
    let capability =
        "internal error: unable to execute QEMU command 'migrate-set-capabilities': no";
    // "yes" is leave, as the owner's is.
    for (compression, words) in [
        (None, NO_XBZRLE),
        (None, capability),
        (Some(true), NO_XBZRLE),
    ] {
        let options = HpcOptions {
            compression,
            ..HpcOptions::default()
        };
        let made = made(0, &options, &xml::Policy::default(), &[words, words]);
        let [first, second] = made.as_slice() else {
            panic!("two attempts: {made:?}");
        };
        assert_eq!(first.flags, bits::LIVE | bits::COMPRESSED);
        assert_eq!((second.flags, second.parameters.len()), (bits::LIVE, 0));
        assert_eq!(second.policy.cache_most_bytes, None);
        let warnings = &second.warnings;
        assert!(warnings.len() == 1 && warnings[0].contains(words));
    }
    let (options, policy) = (HpcOptions::default(), xml::Policy::default());
    let users_own = made(bits::COMPRESSED, &options, &policy, &[NO_XBZRLE]);
    assert_eq!(users_own.len(), 1);
}

#[test]
fn only_where_the_host_forbids_it_there_is_something_to_allow() {
    for (words, hints) in [(REFUSED, true), ("no 'postcopy-ram'", false)] {
        let made = made(0, &HpcOptions::default(), &allowed(), &[words]);
        let warning = &made[1].warnings[0];
        assert_eq!(warning.contains("userfaultfd"), hints, "{words}");
    }
}

#[test]
fn what_was_not_refused_is_not_begun_again() {
    for words in [&[][..], &["Unsafe migration"]] {
        assert_eq!(made(0, &HpcOptions::default(), &allowed(), words).len(), 1);
    }
}

#[test]
fn what_the_user_asked_for_is_the_users_to_take_back() {
    let once = |flags, options: &HpcOptions, policy: &xml::Policy| {
        assert_eq!(made(flags, options, policy, &[REFUSED]).len(), 1);
    };
    once(bits::POSTCOPY, &HpcOptions::default(), &allowed());
    let options = HpcOptions {
        deadline: Some(flags::Deadline {
            seconds: 60,
            then: Some(DeadlineAction::Postcopy),
        }),
        ..HpcOptions::default()
    };
    once(0, &options, &allowed());
    let options = HpcOptions {
        law: Some(LawName::AdaptiveOrPostcopy),
        ..HpcOptions::default()
    };
    once(0, &options, &allowed());
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
        assert!(Extra::Postcopy.is_refused_by(words), "{words}");
    }
    for other in [
        "Unsafe migration: Migration without shared storage is unsafe",
        "Failed to connect to remote libvirt URI qemu+tcp://postcopy-node/system",
        NO_XBZRLE,
    ] {
        assert!(!Extra::Postcopy.is_refused_by(other), "{other}");
    }
}
