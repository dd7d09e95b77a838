//! What was decided and what happened, in order.

use libvirt_hpc_control::sample::JobState;
use serde::Serialize;

use super::kept::Kept;
use crate::in_words::{self, mib};
use crate::trace::{EventRecord, Record};

/// Polls in a row that failed before it is told: 100 ms each.
const SILENT_POLLS: u32 = 3;

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Entry {
    /// Milliseconds since memory flowed; none before.
    pub(super) after_ms: Option<u64>,
    /// The kind of thing, for programs.
    pub(super) kind: String,
    /// What.
    pub(super) what: String,
    /// Why, if it was a decision.
    pub(super) cause: Option<&'static str>,
}

/// All of it.
#[derive(Debug, Default)]
pub(super) struct Timeline {
    from_ns: Option<u64>,
    state: JobState,
    failed_polls: u32,
    entries: Kept<Entry>,
}

impl Timeline {
    pub(super) const fn entries(&self) -> &Kept<Entry> {
        &self.entries
    }

    /// Takes in the next record.
    pub(super) fn take(&mut self, record: &Record) {
        let (at_ns, kind, what) = match record {
            Record::Begin(_) | Record::End(_) | Record::Lost { .. } => return,
            Record::Sample(sample) => {
                self.failed_polls = 0;
                if sample.state == JobState::Precopy && sample.iteration > 0 {
                    self.from_ns.get_or_insert(sample.at_ns);
                }
                if std::mem::replace(&mut self.state, sample.state) == sample.state {
                    return;
                }
                let Some((kind, what)) = state(sample.state) else {
                    return;
                };
                (sample.at_ns, kind, what.to_owned())
            }
            Record::SampleFailed { at_ns, error } => {
                self.failed_polls = self.failed_polls.saturating_add(1);
                if self.failed_polls != SILENT_POLLS {
                    return;
                }
                let what =
                    format!("the state of the migration could not be read for a while: {error}");
                (*at_ns, "poll_failed", what)
            }
            Record::Event { at_ns, event } => return self.event(*at_ns, event),
            Record::Outcome { error: None, .. } => return,
            Record::Outcome {
                at_ns,
                target,
                error: Some(error),
            } => {
                let what = format!("libvirt did not set {}: {error}", in_words::target(target));
                (*at_ns, "not_set", what)
            }
            Record::Abort { at_ns, error: None } => (
                *at_ns,
                "abort",
                "the user asked for the migration to be aborted".to_owned(),
            ),
            Record::Abort {
                at_ns,
                error: Some(error),
            } => {
                let what = format!(
                    "the user asked for the migration to be aborted, and libvirt did not: {error}"
                );
                (*at_ns, "abort", what)
            }
        };
        self.push(at_ns, kind.to_owned(), what, None);
    }

    fn event(&mut self, at_ns: u64, event: &EventRecord) {
        let what = match event {
            EventRecord::Round {
                remaining_bytes, ..
            } => {
                format!(
                    "{}, {} remain",
                    in_words::event(event),
                    mib(*remaining_bytes)
                )
            }
            EventRecord::Decided { accept_bytes, .. } => {
                format!(
                    "decided: the guest may stop once {} or less remain",
                    mib(*accept_bytes)
                )
            }
            EventRecord::Targeted { target, .. } => format!("set: {}", in_words::target(target)),
            other => in_words::event(other),
        };
        self.push(at_ns, kind(event), what, in_words::event_cause(event));
    }

    fn push(&mut self, at_ns: u64, kind: String, what: String, cause: Option<&'static str>) {
        let since_ns = self.from_ns.map(|from_ns| at_ns.saturating_sub(from_ns));
        self.entries.push(Entry {
            after_ms: since_ns.map(|ns| ns / 1_000_000),
            kind,
            what,
            cause,
        });
    }
}

/// A state that is worth a line.
const fn state(state: JobState) -> Option<(&'static str, &'static str)> {
    match state {
        JobState::Switchover => Some(("paused", "the guest is paused: the rest is sent")),
        JobState::Postcopy => Some((
            "postcopy",
            "the guest runs on the destination, in post-copy",
        )),
        JobState::Setup | JobState::Precopy | JobState::Ended => None,
    }
}

/// As the trace names it.
fn kind(event: &EventRecord) -> String {
    let json = serde_json::to_value(event).unwrap_or_default();
    json.get("kind")
        .and_then(|kind| kind.as_str())
        .unwrap_or_default()
        .to_owned()
}
