//! What plain virsh would have done: its downtime limit, on the samples that were recorded under a law.

use std::time::Duration;

use libvirt_hpc_control::policy::Policy;

use crate::flags::migrate_flags::COMPRESSED;
use crate::in_words::{mib, millis, seconds, span};
use crate::laws::LawName;
use crate::replay::{Recording, Stop, Way, limit_before_ms, stop_under};
use crate::trace::{Begin, ControllerName};

/// What it would have done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It was what was recorded.
    Recorded,
    /// The record does not tell, for this reason.
    Unknown(&'static str),
    /// It would have ended, so.
    Ends(Stop),
    /// It would not have ended before the record does.
    NotInRecord,
}

/// Plain virsh's limit, and what it would have done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stock {
    pub(super) limit_ms: u64,
    pub(super) outcome: Outcome,
    /// The shortest pause that any sync of the record would have meant, milliseconds.
    pub(super) least_pause_ms: Option<u64>,
}

/// What is known beside the samples.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Evidence {
    /// Whether XBZRLE made a difference.
    pub(super) compressed: bool,
    /// Whether the speed limit was set under way.
    pub(super) set_speed: bool,
    pub(super) least_pause_ms: Option<u64>,
}

impl Stock {
    pub(super) fn of(begin: &Begin, recording: &Recording, evidence: Evidence) -> Self {
        Self {
            limit_ms: limit_before_ms(begin),
            outcome: outcome(begin, recording, evidence),
            least_pause_ms: evidence.least_pause_ms,
        }
    }

    /// As a person would say it.
    pub(super) fn in_words(&self) -> String {
        let limit = self.limit_ms;
        let ms = |ms| span(Duration::from_millis(ms));
        let least = self.least_pause_ms.map_or_else(String::new, |least| {
            format!(
                "; the least remaining memory at a sync would have needed a pause of {}",
                ms(least)
            )
        });
        match &self.outcome {
            Outcome::Recorded => {
                format!("what was recorded: its limit of {limit} ms stayed in force")
            }
            Outcome::Unknown(why) => format!("cannot be said: {why}"),
            Outcome::NotInRecord => {
                format!("its limit of {limit} ms would not have ended it within the record{least}")
            }
            Outcome::Ends(stop) => ends(limit, stop),
        }
    }
}

fn ends(limit_ms: u64, stop: &Stop) -> String {
    let (after, left) = (seconds(stop.after_ns), mib(stop.left_bytes));
    match (stop.way, stop.pause_ns) {
        (Way::Switchover, Some(pause)) => {
            let pause = millis(pause);
            format!(
                "its limit of {limit_ms} ms would have switched over after {after} of pre-copy, with {left} remaining: \
                 a pause of about {pause}, and the fixed part of every pause"
            )
        }
        (Way::Switchover, None) => {
            format!(
                "its limit of {limit_ms} ms would have switched over after {after}, with {left} remaining"
            )
        }
        (Way::Suspend, _) => {
            format!("--timeout would have suspended the guest after {after}, with {left} remaining")
        }
        (Way::Postcopy, _) => {
            format!("it would have switched to post-copy after {after}, as ordered")
        }
        (Way::Abort, _) => format!("it would have been aborted after {after}, as ordered"),
    }
}

fn outcome(begin: &Begin, recording: &Recording, evidence: Evidence) -> Outcome {
    let policy = Policy::from(&begin.policy);
    if begin.law == LawName::STOCK || begin.observe {
        return Outcome::Recorded;
    }
    if recording.is_empty() {
        return Outcome::Unknown("the trace holds no pre-copy");
    }
    if policy.speed_max_mib_per_s.is_some() && !policy.speed_is_order {
        return Outcome::Unknown("the owner's speed ceiling is not plain virsh's");
    }
    if evidence.set_speed {
        return Outcome::Unknown("the speed limit was changed under way");
    }
    // virsh-hpc sets the size of the cache where it was the one who asked for it.
    let asked = begin.flags.is_some_and(|flags| flags & COMPRESSED != 0)
        && begin.controller == ControllerName::VirshHpc
        && policy.cache_most_bytes.is_some();
    if evidence.compressed && asked {
        return Outcome::Unknown("memory was sent with XBZRLE, which plain virsh does not ask for");
    }
    // Of the bounds, those that virsh itself would have been given.
    let virshs = Policy {
        switchover_bytes_per_s: policy.switchover_bytes_per_s,
        timeout: policy.timeout,
        postcopy_after_first_round: policy.postcopy_after_first_round,
        ..Policy::default()
    };
    stop_under(LawName::STOCK, &virshs, begin, recording)
        .map_or(Outcome::NotInRecord, Outcome::Ends)
}
