//! What must hold after a run, whatever went wrong in it.

use super::field::{DEFAULTS, GUEST, STORED};
use super::found::{Found, Left, TraceRead, Whereabouts};
use super::plan::{Begin, Fault, Plan};
use super::strike::{CHANGED_DOWNTIME_MS, CHANGED_SPEED_MIB_PER_S, LAST_DOWNTIME_MS};

/// The status of a process that was killed, by a shell's numbers.
const KILLED: i32 = 137;

/// How much shorter a migration may be than its samples, ms.
const SLACK_MS: u64 = 1000;

/// The violations that a run has shown; none is as it must be.
pub(super) fn violations(plan: &Plan, found: &Found) -> Vec<String> {
    let mut violations = Vec::new();
    let mut guest = |name, place: &Whereabouts| violations.extend(whole(plan, found, name, place));
    guest("the guest", &found.guest);
    if let Some(other) = &found.other {
        guest("the guest that crosses", other);
    }
    violations.extend(limits(plan, found));
    let sides = ["the source", "the destination"]
        .into_iter()
        .zip(&found.left);
    violations.extend(sides.flat_map(|(side, left)| leavings(plan, found, side, left)));
    violations.extend(
        found
            .traces
            .iter()
            .filter_map(|trace| unread(plan, found, trace)),
    );
    violations.extend(
        found
            .traces
            .iter()
            .filter_map(|trace| lasting(found, trace)),
    );
    violations.extend(truth(plan, found));
    violations.extend(agents_truth(plan, found));
    if found.was_aborted
        && !struck(plan, found, Fault::ExternalChange)
        && !is_left_alone(plan, found)
    {
        violations.push("the migration did not end by itself".to_owned());
    }
    violations
}

/// Whether a fault struck.
fn struck(plan: &Plan, found: &Found, fault: Fault) -> bool {
    let strikes = plan.strikes.iter().zip(&found.hits);
    strikes
        .filter(|(strike, _)| strike.fault == fault)
        .any(|(_, hit)| hit.phase.is_some())
}

/// Whether one of libvirt's own parts was killed, or the client whose calls move the guest: then the guest may be where
/// libvirt leaves it.
fn is_libvirts(plan: &Plan, found: &Found) -> bool {
    let managed = !plan.is_p2p && struck(plan, found, Fault::KillCommand);
    managed
        || struck(plan, found, Fault::KillSourceDaemon)
        || struck(plan, found, Fault::KillDestinationDaemon)
}

/// Whether the program in control was killed, and no other is there: its migration goes on under its last limits.
fn is_left_alone(plan: &Plan, found: &Found) -> bool {
    plan.begin == Begin::Command && struck(plan, found, Fault::KillCommand)
}

/// One copy runs, whole and at work.
fn whole(plan: &Plan, found: &Found, name: &str, place: &Whereabouts) -> Vec<String> {
    let mut violations = Vec::new();
    let states = &place.states;
    let was_killed = struck(plan, found, Fault::KillDestinationQemu);
    let others = states
        .iter()
        .filter(|s| !s.is_empty() && *s != "running")
        .count();
    match (place.running(), others) {
        (1, 0) => {}
        (0, 0) if was_killed => return violations,
        (0 | 1, _) if is_libvirts(plan, found) => {}
        _ => violations.push(format!("{name} is {states:?}")),
    }
    if place.has_job {
        violations.push(format!("{name} still migrates"));
    }
    if place.running() == 0 {
        return violations;
    }
    match &place.corrupt_pages {
        Some(pages) if pages == "0" => {}
        Some(pages) => violations.push(format!("{name} has {pages} corrupt pages")),
        None => violations.push(format!("the memory of {name} cannot be verified")),
    }
    if !place.works {
        violations.push(format!("the work of {name} does not go on"));
    }
    violations
}

/// The limits are as before, or as somebody else has set them.
fn limits(plan: &Plan, found: &Found) -> Vec<String> {
    let Some(limits) = &found.guest.limits else {
        return Vec::new();
    };
    if is_left_alone(plan, found)
        || says_limits(&found.command.said)
        || says_limits(&found.agent_said)
    {
        return Vec::new();
    }
    let before = match (found.guest.has_moved(), plan.has_limits) {
        (false, true) => STORED,
        (true, _) | (false, false) => DEFAULTS,
    };
    let is_changed = struck(plan, found, Fault::ExternalChange);
    // libvirt keeps the speed limit in its memory, and QEMU the downtime limit.
    let is_forgotten = struck(plan, found, Fault::KillSourceDaemon);
    let by_others = [
        [CHANGED_DOWNTIME_MS, LAST_DOWNTIME_MS],
        [CHANGED_SPEED_MIB_PER_S; 2],
    ];
    let forgotten = ["", DEFAULTS[1]];
    let places = limits.iter().zip(before).zip(by_others).zip(forgotten);
    let wrong = places.filter(|(((limit, before), others), forgotten)| {
        let by_others = is_changed && others.contains(&limit.as_str());
        let is_forgotten = is_forgotten && limit == forgotten;
        *limit != before && !by_others && !is_forgotten
    });
    match wrong.count() {
        0 => Vec::new(),
        _ => vec![format!(
            "downtime and speed are {limits:?}, before {before:?}"
        )],
    }
}

/// Whether somebody was told that the limits are not as before.
fn says_limits(said: &str) -> bool {
    said.contains("limits could not be put back")
        || said.contains("its limits are not as before")
        || said.contains("whether its limits are as before is not known")
}

impl Left {
    /// Whether there is nothing of it.
    pub(super) fn is_nothing(&self) -> bool {
        self.leases.is_empty()
            && self.run.is_empty()
            && self.commands.is_empty()
            && self.open.is_empty()
            && !self.has_grown()
    }

    /// Whether an agent holds more than before, or is not there any more.
    fn has_grown(&self) -> bool {
        self.agent.is_some_and(|(before, after)| {
            after.threads == 0
                || after.threads > before.threads
                || after.descriptors > before.descriptors
        })
    }
}

/// Nothing is left on a host.
fn leavings(plan: &Plan, found: &Found, side: &str, left: &Left) -> Vec<String> {
    let mut violations = Vec::new();
    // What is written in a lease stays for a successor.
    if !left.leases.is_empty() && !is_left_alone(plan, found) {
        violations.push(format!("leases on {side}: {:?}", left.leases));
    }
    if !left.run.is_empty() {
        violations.push(format!("in /run/libvirt-hpc on {side}: {:?}", left.run));
    }
    if !left.commands.is_empty() {
        violations.push(format!("still running on {side}: {:?}", left.commands));
    }
    if !left.open.is_empty() {
        violations.push(format!("open on {side}: {:?}", left.open));
    }
    if left.has_grown() {
        violations.push(format!(
            "the agent on {side} held and holds {:?}",
            left.agent
        ));
    }
    violations
}

/// A trace can be read to its last line, or the line is named that cannot.
fn unread(plan: &Plan, found: &Found, trace: &TraceRead) -> Option<String> {
    let is_whole = [trace.report, trace.replay] == [Some(0); 2];
    let statuses = [trace.report, trace.replay]
        .iter()
        .all(|s| matches!(s, Some(0 | 1)));
    let is_named = statuses && !trace.said.trim().is_empty();
    let may_be_cut = plan.strikes.iter().any(|s| s.fault.is_of_traces())
        || struck(plan, found, Fault::KillCommand)
        || struck(plan, found, Fault::KillAgent);
    let is_fine = is_whole || (may_be_cut && is_named);
    (!is_fine).then(|| format!("{trace:?}"))
}

/// A migration took as long as it was seen to take, whatever the wall clock did.
fn lasting(found: &Found, trace: &TraceRead) -> Option<String> {
    let total_ms = trace.total_ms?;
    let (path, least_ms, most_ms) = (&trace.path, trace.sampled_ms, found.over_after_ms);
    // The last sample may come after libvirt's last word.
    let is_so = total_ms + SLACK_MS >= least_ms && total_ms <= most_ms;
    (!is_so).then(|| format!("{path}: {total_ms} ms, and not {least_ms} to {most_ms} ms"))
}

/// What the agent says of where the guest is.
fn agents_truth(plan: &Plan, found: &Found) -> Option<String> {
    let says = |words: &str| found.agent_said.contains(&format!("{GUEST}{words}"));
    let guest = &found.guest;
    // It may have been killed there, or have been moved by the second try.
    let excused = struck(plan, found, Fault::KillDestinationQemu)
        || struck(plan, found, Fault::SecondMigration);
    let is_wrong = (says(" moved in ") && !guest.has_moved())
        || (says(": its migration failed or was aborted, it is still here")
            && guest.states[0].is_empty());
    (is_wrong && !excused).then(|| {
        format!(
            "the guest is {:?}; the agent: {}",
            guest.states, found.agent_said
        )
    })
}

/// What the command says of where the guest is.
fn truth(plan: &Plan, found: &Found) -> Vec<String> {
    let mut violations = Vec::new();
    let (command, has_moved) = (&found.command, found.guest.has_moved());
    let mut wrong = |what: &str| {
        let words = command.said.lines().last().unwrap_or_default();
        violations.push(format!("{what}: status {:?}, '{words}'", command.status));
    };
    let was_killed_there = struck(plan, found, Fault::KillDestinationQemu);
    let second_moved = plan.strikes.iter().zip(&found.hits).any(|(strike, hit)| {
        strike.fault == Fault::SecondMigration && hit.phase.is_some() && hit.status == Some(0)
    });
    let goes_on = command.said.contains("goes on without this command");
    match command.status {
        Some(0) if has_moved || (was_killed_there && found.guest.running() == 0) => {}
        Some(0) => wrong("success, and the guest is not on the destination"),
        Some(KILLED) if struck(plan, found, Fault::KillCommand) => {}
        _ if plan.begin == Begin::Agent || second_moved || goes_on => {}
        Some(1) if !command.said.contains("error:") => wrong("a failure without an error"),
        Some(1) if has_moved && command.said.contains("runs on, here") => {
            wrong("the guest is said to be here, and is not");
        }
        Some(1) if !has_moved && command.said.contains("runs on the destination") => {
            wrong("the guest is said to be there, and is not");
        }
        Some(1) if has_moved && !is_honest(&command.said) => {
            wrong("failure, and the guest is on the destination");
        }
        Some(1) => {}
        _ => wrong("neither success nor failure"),
    }
    violations
}

/// Whether a failure tells that the guest may be on the destination.
fn is_honest(said: &str) -> bool {
    [
        "runs on the destination",
        "it is not known where",
        "look for it on the destination",
        "make sure that it does not run",
    ]
    .iter()
    .any(|words| said.contains(words))
}
