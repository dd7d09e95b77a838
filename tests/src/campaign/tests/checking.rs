//! What must hold, and what is allowed.

use crate::campaign::check::violations;
use crate::campaign::field::{DEFAULTS, STORED};
use crate::campaign::found::{Ended, Found, Held, Hit, Left, TraceRead, Whereabouts};
use crate::campaign::plan::{Begin, Fault, Phase, Plan, Strike};

fn plan(fault: Fault) -> Plan {
    Plan {
        begin: Begin::Both,
        is_p2p: false,
        is_crossing: false,
        is_patient: false,
        has_limits: true,
        source: 0,
        rate: "1gbit".to_owned(),
        workload: "flat:32".to_owned(),
        strikes: vec![Strike {
            fault,
            phase: Phase::FirstIteration,
            delay_ms: 0,
            hold_ms: 0,
            variant: false,
        }],
    }
}

fn strings<const N: usize>(words: [&str; N]) -> [String; N] {
    words.map(str::to_owned)
}

/// After a migration that has succeeded, whatever struck.
fn moved() -> Found {
    let held = Held {
        threads: 5,
        descriptors: 12,
    };
    Found {
        hits: vec![Hit {
            phase: Some(Phase::FirstIteration),
            ..Hit::default()
        }],
        command: Ended {
            status: Some(0),
            ..Ended::default()
        },
        over_after_ms: 6000,
        guest: Whereabouts {
            states: strings(["", "running"]),
            corrupt_pages: Some("0".to_owned()),
            works: true,
            limits: Some(strings(DEFAULTS)),
            ..Whereabouts::default()
        },
        left: [(); 2].map(|()| Left {
            agent: Some((held, held)),
            ..Left::default()
        }),
        ..Found::default()
    }
}

/// After one that has failed.
fn stayed(said: &str) -> Found {
    let mut found = moved();
    found.command = Ended {
        status: Some(1),
        said: said.to_owned(),
        ..Ended::default()
    };
    found.guest.states = strings(["running", ""]);
    found.guest.limits = Some(strings(STORED));
    found
}

fn is_fine(fault: Fault, found: &Found) {
    assert_eq!(violations(&plan(fault), found), [""; 0]);
}

fn is_violated(fault: Fault, found: &Found, what: &str) {
    let violations = violations(&plan(fault), found);
    assert!(
        violations.len() == 1 && violations[0].contains(what),
        "{violations:?}"
    );
}

#[test]
fn a_guest_that_moved_or_stayed_as_the_command_says_is_fine() {
    is_fine(Fault::CutLink, &moved());
    is_fine(Fault::CutLink, &stayed("error: lost\ng runs on, here"));
}

#[test]
fn two_copies_are_never_fine() {
    for fault in Fault::ALL {
        let mut found = moved();
        found.guest.states = strings(["running", "running"]);
        let violations = violations(&plan(fault), &found);
        assert!(!violations.is_empty(), "{fault:?}");
    }
}

#[test]
fn no_copy_is_fine_only_where_it_was_killed() {
    let mut found = moved();
    found.guest = Whereabouts::default();
    is_fine(Fault::KillDestinationQemu, &found);
    found.command.status = Some(1);
    found.command.said = "error: lost".to_owned();
    is_violated(Fault::CutLink, &found, "the guest is");
}

#[test]
fn a_paused_copy_is_fine_only_where_libvirt_or_its_client_was_killed() {
    let mut found = stayed("error: lost");
    found.guest = Whereabouts {
        states: strings(["paused", ""]),
        ..Whereabouts::default()
    };
    is_fine(Fault::KillSourceDaemon, &found);
    is_violated(Fault::StopCommand, &found, "the guest is");
}

#[test]
fn a_guest_must_be_whole_and_work() {
    let mut found = moved();
    found.guest.corrupt_pages = Some("3".to_owned());
    is_violated(Fault::CutLink, &found, "3 corrupt pages");
    let mut found = moved();
    found.guest.corrupt_pages = None;
    is_violated(Fault::CutLink, &found, "cannot be verified");
    let mut found = moved();
    found.guest.works = false;
    is_violated(Fault::CutLink, &found, "work");
}

#[test]
fn limits_are_as_before_or_as_others_set_them_or_told() {
    let mut found = stayed("error: lost");
    found.guest.limits = Some(strings(["20000", STORED[1]]));
    is_fine(Fault::ExternalChange, &found);
    is_violated(Fault::CutLink, &found, "20000");
    found.command.said += "\nits limits could not be put back";
    is_fine(Fault::CutLink, &found);
}

#[test]
fn a_libvirtd_that_was_killed_has_forgotten_the_speed_limit_alone() {
    let mut found = stayed("error: lost");
    found.guest.limits = Some(strings([STORED[0], DEFAULTS[1]]));
    is_fine(Fault::KillSourceDaemon, &found);
    is_violated(Fault::KillDestinationDaemon, &found, "speed");
    found.guest.limits = Some(strings([DEFAULTS[0], STORED[1]]));
    is_violated(Fault::KillSourceDaemon, &found, "downtime");
}

#[test]
fn nothing_may_be_left() {
    let with = |change: fn(&mut Left)| {
        let mut found = moved();
        change(&mut found.left[1]);
        found
    };
    is_violated(
        Fault::CutLink,
        &with(|left| left.leases.push("x".to_owned())),
        "leases",
    );
    is_violated(
        Fault::CutLink,
        &with(|left| left.run.push("x".to_owned())),
        "/run",
    );
    is_violated(
        Fault::CutLink,
        &with(|left| left.commands.push("x".to_owned())),
        "running",
    );
    is_violated(
        Fault::CutLink,
        &with(|left| left.open.push("x".to_owned())),
        "open",
    );
    let mut grown = moved();
    if let Some((_, after)) = &mut grown.left[0].agent {
        after.descriptors += 1;
    }
    is_violated(Fault::CutLink, &grown, "held");
    let mut alone = plan(Fault::KillCommand);
    alone.begin = Begin::Command;
    let mut found = moved();
    found.left[0].leases.push("x".to_owned());
    assert_eq!(
        violations(&alone, &found),
        [""; 0],
        "it stays for a successor"
    );
}

#[test]
fn a_trace_is_whole_or_its_end_is_named() {
    let cut = TraceRead {
        path: "g.trace".to_owned(),
        report: Some(1),
        replay: Some(1),
        said: "line 7: incomplete".to_owned(),
        ..TraceRead::default()
    };
    let with = |trace: TraceRead| Found {
        traces: vec![trace],
        ..moved()
    };
    is_fine(Fault::KillAgent, &with(cut.clone()));
    is_violated(Fault::CutLink, &with(cut.clone()), "g.trace");
    let panicked = TraceRead {
        report: Some(101),
        ..cut
    };
    is_violated(Fault::KillAgent, &with(panicked), "g.trace");
}

#[test]
fn a_trace_does_not_tell_of_an_hour_that_never_was() {
    let mut found = moved();
    let trace = |total_ms| TraceRead {
        report: Some(0),
        replay: Some(0),
        total_ms,
        ..TraceRead::default()
    };
    found.traces = vec![trace(Some(5_900)), trace(None)];
    is_fine(Fault::StepClock, &found);
    found.traces.push(trace(Some(3_605_900)));
    is_violated(Fault::StepClock, &found, "3605900 ms");
    found.traces = vec![trace(Some(0))];
    found.traces[0].sampled_ms = 5_500;
    is_violated(Fault::StepClock, &found, "0 ms");
}

#[test]
fn what_the_agent_says_must_be_true() {
    let mut found = stayed("error: lost");
    found.agent_said = "libvirt-hpcd: g moved in 5.90 s: paused 85 ms".to_owned();
    is_violated(Fault::CutLink, &found, "the agent");
    let mut found = moved();
    found.agent_said = "g: its migration failed or was aborted, it is still here".to_owned();
    is_violated(Fault::CutLink, &found, "the agent");
    is_fine(Fault::SecondMigration, &found);
}

#[test]
fn what_the_command_says_must_be_true() {
    let mut found = moved();
    found.guest = stayed("").guest;
    is_violated(Fault::CutLink, &found, "success");
    let mut found = moved();
    found.command = stayed("error: lost").command;
    is_violated(Fault::CutLink, &found, "failure");
    found.command.said += "\ng runs on the destination: do not start it here";
    is_fine(Fault::CutLink, &found);
    is_violated(Fault::CutLink, &stayed("lost"), "without an error");
    let mut found = moved();
    found.command.status = Some(137);
    is_fine(Fault::KillCommand, &found);
    is_violated(Fault::CutLink, &found, "neither");
}

#[test]
fn a_migration_must_end() {
    let mut found = stayed("error: aborted");
    found.was_aborted = true;
    is_violated(Fault::SlowLink, &found, "did not end");
}
