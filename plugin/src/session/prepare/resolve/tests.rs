use libvirt_hpc_control::guard::SPEED_UNLIMITED_MIB_PER_S;

use super::*;
use crate::flags::{DeadlineAction, Timeout as UserTimeout};

mod postcopy;

const OLD: Virsh = Virsh::new(9, 0);
const NEW: Virsh = Virsh::new(11, 3);
const CACHE_MOST: u64 = 256 << 20;
const STARTED: Timestamp = Timestamp::from_nanos(7);

fn bandwidth(mib: u64) -> Parameter {
    Parameter {
        name: "bandwidth",
        value: Value::UnsignedLong(mib),
    }
}

/// A migration by `virsh migrate --live`, without anything.
#[derive(Default)]
struct Case {
    request: MigrateRequest,
    options: HpcOptions,
    policy: xml::Policy,
    stored: Option<u64>,
    stored_downtime_ms: u64,
    cache_most_bytes: Option<u64>,
    guest: Guest,
}

impl Case {
    fn live() -> Self {
        let request = MigrateRequest {
            flags: bits::LIVE,
            ..MigrateRequest::default()
        };
        let options = HpcOptions {
            compression: Some(false),
            ..HpcOptions::default()
        };
        Self {
            request,
            options,
            stored: Some(SPEED_UNLIMITED_MIB_PER_S),
            stored_downtime_ms: 300,
            cache_most_bytes: Some(CACHE_MOST),
            ..Self::default()
        }
    }

    fn under(&self, virsh: Virsh) -> Resolved {
        resolve(&Inputs {
            request: &self.request,
            options: &self.options,
            policy: &self.policy,
            stored_speed_mib_per_s: self.stored,
            stored_downtime_ms: self.stored_downtime_ms,
            cache_most_bytes: self.cache_most_bytes,
            guest: self.guest,
            virsh,
            started: STARTED,
        })
    }

    fn resolve(&self) -> Resolved {
        self.under(NEW)
    }
}

fn owners_deadline(then: xml::Then) -> Option<xml::Deadline> {
    Some(xml::Deadline { seconds: 60, then })
}

/// What is done at the deadline.
fn then(resolved: &Resolved) -> Option<Then> {
    Some(resolved.policy.deadline?.then)
}

#[test]
fn nothing_said_is_nothing_bound() {
    let resolved = Case::live().resolve();
    assert_eq!(resolved.policy, Policy::default());
    assert_eq!(resolved.law, LawName::Adaptive);
    assert_eq!(resolved.slowdown_ppm, 100_000);
    assert_eq!((resolved.flags, resolved.mode), (bits::LIVE, Mode::Steer));
    assert!(resolved.parameters.is_empty() && resolved.warnings.is_empty());
}

#[test]
fn memory_is_sent_with_xbzrle_unless_somebody_says_no() {
    let compresses = |owner, user, law, flags, name: Option<&'static str>| {
        let mut case = Case::live();
        case.policy.compression_allowed = owner;
        case.options.compression = user;
        case.options.law = law;
        case.request.flags |= flags;
        let parameter = name.map(|name| Parameter {
            name,
            value: Value::Text("rdma://beta".to_owned()),
        });
        case.request.parameters = parameter.into_iter().collect();
        let resolved = case.resolve();
        let compresses = resolved.policy.cache_most_bytes == Some(CACHE_MOST);
        let method = Parameter {
            name: "compression",
            value: Value::TextList(vec!["xbzrle".to_owned()]),
        };
        assert_eq!(resolved.parameters.contains(&method), compresses);
        let more_flags = resolved.flags ^ flags;
        assert_eq!(more_flags & bits::COMPRESSED != 0, compresses);
        (compresses, resolved.warnings.len())
    };
    assert_eq!(compresses(None, None, None, 0, None), (true, 0));
    assert_eq!(compresses(Some(false), None, None, 0, None), (false, 0));
    let users = compresses(Some(false), Some(true), None, 0, None);
    assert_eq!(users, (true, 0));
    assert_eq!(compresses(None, Some(false), None, 0, None), (false, 0));
    let stock = Some(LawName::STOCK);
    assert_eq!(compresses(None, None, stock, 0, None), (false, 0));
    for flags in [bits::COMPRESSED, bits::PARALLEL, bits::POSTCOPY] {
        assert_eq!(compresses(None, None, None, flags, None), (false, 0));
        assert_eq!(compresses(None, Some(true), None, flags, None), (false, 1));
    }
    let paused = compresses(None, None, None, bits::PAUSED, None);
    assert_eq!(paused, (true, 0), "it stays paused there, and runs here");
    for name in ["compression.xbzrle.cache", "migrate_uri"] {
        assert_eq!(compresses(None, None, None, 0, Some(name)), (false, 0));
    }
}

#[test]
fn where_there_is_no_memory_for_a_cache_there_is_no_xbzrle() {
    let mut case = Case {
        cache_most_bytes: None,
        options: HpcOptions::default(),
        ..Case::live()
    };
    assert_eq!(case.resolve().flags, bits::LIVE);
    case.options.compression = Some(true);
    let resolved = case.resolve();
    assert_eq!((resolved.flags, resolved.warnings.len()), (bits::LIVE, 1));
}

#[test]
fn options_of_ours_go_before_the_owners_policy() {
    let mut case = Case::live();
    case.policy.slowdown_millipercent = Some(2_500);
    case.policy.downtime_max_ms = Some(100);
    case.policy.deadline = owners_deadline(xml::Then::Abort);
    let abort_after = |seconds| Deadline {
        after: Duration::from_secs(seconds),
        then: Then::Abort,
    };
    let owners = case.resolve();
    assert_eq!(owners.slowdown_ppm, 25_000);
    assert_eq!(owners.policy.downtime_max_ms, Some(100));
    assert_eq!(owners.policy.deadline, Some(abort_after(60)));

    case.options = HpcOptions {
        law: Some(LawName::STOCK),
        slowdown_percent: Some(5),
        max_downtime_ms: Some(900),
        deadline: Some(flags::Deadline {
            seconds: 90,
            then: None,
        }),
        ..HpcOptions::default()
    };
    let users = case.resolve();
    assert_eq!((users.law, users.slowdown_ppm), (LawName::STOCK, 50_000));
    assert_eq!(users.policy.downtime_max_ms, Some(900));
    // What then is the owner's.
    assert_eq!(users.policy.deadline, Some(abort_after(90)));
}

#[test]
fn the_lowest_speed_is_the_ceiling_and_the_call_knows_it_where_it_must() {
    for (given, stored, owners, ceiling, parameter) in [
        (None, None, None, None, None),
        (None, None, Some(20), Some(20), Some(20)),
        (None, Some(0), Some(20), Some(20), Some(20)),
        (None, Some(10), Some(20), Some(10), None),
        (None, Some(30), Some(20), Some(20), Some(20)),
        (Some(10), None, Some(20), Some(10), Some(10)),
        (Some(30), None, Some(20), Some(20), Some(20)),
        (Some(30), Some(5), None, Some(30), Some(30)),
        (Some(0), Some(5), None, Some(5), Some(0)),
    ] {
        let mut case = Case::live();
        case.request.parameters = given.map(bandwidth).into_iter().collect();
        case.stored = stored;
        case.policy.bandwidth_max_mib_per_s = owners;
        let resolved = case.resolve();
        let what = format!("given {given:?}, stored {stored:?}, owner's {owners:?}");
        assert_eq!(resolved.policy.speed_max_mib_per_s, ceiling, "{what}");
        let expected: Vec<Parameter> = parameter.map(bandwidth).into_iter().collect();
        assert_eq!(resolved.parameters, expected, "{what}");
    }
}

#[test]
fn a_stored_downtime_limit_is_an_order_that_is_said_and_the_command_line_outranks_it() {
    let mut case = Case::live();
    case.stored_downtime_ms = 100;
    case.policy.downtime_max_ms = Some(500);
    let resolved = case.resolve();
    assert_eq!(resolved.policy.limit_max_ms, Some(100));
    assert_eq!(resolved.policy.downtime_max_ms, Some(500));
    let warning = &resolved.warnings[0];
    assert!(warning.contains("100 ms"), "{warning}");
    case.options.max_downtime_ms = Some(2_000);
    let resolved = case.resolve();
    assert_eq!(resolved.policy.limit_max_ms, None);
    assert_eq!(resolved.policy.downtime_max_ms, Some(2_000));
    assert!(resolved.warnings.is_empty());
}

#[test]
fn a_ceiling_over_several_connections_is_doubted_aloud() {
    let mut case = Case::live();
    case.request.flags |= bits::PARALLEL;
    assert!(case.resolve().warnings.is_empty());
    case.policy.bandwidth_max_mib_per_s = Some(20);
    assert!(case.resolve().warnings[0].contains("20 MiB/s"));
}

#[test]
fn postcopy_at_the_deadline_is_begun_with_only_where_it_can_be() {
    let mut case = Case::live();
    case.policy.deadline = owners_deadline(xml::Then::Postcopy);
    case.policy.postcopy_allowed = Some(true);
    let resolved = case.resolve();
    assert_eq!(resolved.flags, bits::LIVE | bits::POSTCOPY);
    assert_eq!(then(&resolved), Some(Then::Postcopy));

    for bit in [
        bits::TUNNELLED,
        bits::PAUSED,
        bits::PARALLEL,
        bits::NON_SHARED_DISK,
    ] {
        case.request.flags = bits::LIVE | bit;
        let resolved = case.resolve();
        assert_eq!(resolved.flags, bits::LIVE | bit);
        assert_eq!(then(&resolved), Some(Then::Switchover));
        assert_eq!(resolved.warnings.len(), 1);
    }
    case.request.flags = bits::LIVE | bits::PARALLEL | bits::POSTCOPY;
    let users = case.resolve();
    assert_eq!(then(&users), Some(Then::Postcopy));
    assert!(users.warnings.is_empty(), "the user has chosen it");
}

#[test]
fn an_option_may_ask_for_postcopy() {
    let mut case = Case::live();
    let then = Some(DeadlineAction::Postcopy);
    case.options.deadline = Some(flags::Deadline { seconds: 60, then });
    assert_eq!(case.resolve().flags, bits::LIVE | bits::POSTCOPY);
}

#[test]
fn the_timeout_runs_from_where_that_virsh_has_it_run() {
    let mut case = Case::live();
    for (virsh, users, from, action) in [
        (OLD, TimeoutAction::Suspend, Some(STARTED), Action::Suspend),
        (NEW, TimeoutAction::Suspend, None, Action::Suspend),
        (NEW, TimeoutAction::Postcopy, None, Action::StartPostcopy),
    ] {
        case.request.timeout = Some(UserTimeout {
            seconds: 9,
            action: users,
        });
        let expected = Timeout {
            after: Duration::from_secs(9),
            from,
            action,
        };
        assert_eq!(case.under(virsh).policy.timeout, Some(expected));
    }
}

#[test]
fn what_the_user_told_qemu_is_reckoned_with() {
    let mut case = Case::live();
    let value = Value::UnsignedLong(100);
    case.request.parameters = vec![Parameter {
        name: "bandwidth.avail.switchover",
        value,
    }];
    case.request.postcopy_after_precopy = true;
    let resolved = case.resolve();
    assert_eq!(resolved.policy.switchover_bytes_per_s, Some(100 << 20));
    assert!(resolved.policy.postcopy_after_first_round);
    assert_eq!(resolved.parameters, case.request.parameters);
}

#[test]
fn observing_changes_nothing_of_the_call_and_has_no_deadline() {
    let mut case = Case::live();
    case.options.observe = true;
    case.policy.bandwidth_max_mib_per_s = Some(20);
    case.policy.deadline = owners_deadline(xml::Then::Postcopy);
    let resolved = case.resolve();
    assert_eq!(resolved.mode, Mode::Observe);
    assert_eq!((resolved.flags, resolved.parameters.len()), (bits::LIVE, 0));
    assert_eq!(resolved.policy.deadline, None);
    assert_eq!(resolved.policy.speed_max_mib_per_s, None);
}

#[test]
fn a_law_that_needs_post_copy_warns_where_it_is_not_given() {
    let law = "postcopy-after-round-one".parse().expect("a law");
    let mut case = Case::live();
    case.options.law = Some(law);
    assert!(case.resolve().warnings[0].contains("--postcopy"));
    case.options.observe = true;
    assert_eq!(case.resolve().warnings, [""; 0], "nothing is tried");
    case.options.observe = false;
    case.request.flags |= bits::POSTCOPY;
    assert_eq!(case.resolve().warnings, [""; 0]);
}

#[test]
fn where_the_owner_allows_postcopy_the_law_may_use_it() {
    let mut case = Case::live();
    assert_eq!(case.resolve().law, LawName::Adaptive);
    case.policy.postcopy_allowed = Some(true);
    let may = case.resolve();
    assert_eq!(may.law, LawName::AdaptiveOrPostcopy);
    assert!(may.flags & bits::POSTCOPY != 0);
    case.request.flags |= bits::TUNNELLED;
    let tunnelled = case.resolve();
    assert_eq!(tunnelled.law, LawName::Adaptive);
    assert!(tunnelled.flags & bits::POSTCOPY == 0);
}

/// What a law does, beside setting limits, it does not do for somebody who only watches.
#[test]
fn an_observers_law_takes_no_step() {
    let mut case = Case::live();
    assert!(!case.resolve().policy.observes);
    let mut yielded = case.resolve();
    yielded.yield_to_another();
    case.options.observe = true;
    assert!(yielded.policy.observes && case.resolve().policy.observes);
}
