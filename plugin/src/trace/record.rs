//! The records of a trace, one file each, and their likenesses of the control crate's types, which know no serde.

mod begin;
mod end;
mod event;
mod sample;
mod target;

use serde::{Deserialize, Serialize};

pub use begin::{Begin, ControllerName, PolicyRecord, PriorRecord, SettingsRecord, Versions};
pub use end::{End, PauseBy, PauseUnknown, Totals};
pub use event::EventRecord;
pub(crate) use sample::JobStateDef;
pub use sample::SampleRecord;
pub use target::{ActionRecord, TargetRecord};

/// One line of a trace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data", rename_all = "snake_case")]
pub enum Record {
    /// What is known before.
    Begin(Box<Begin>),
    /// One sample of the job.
    Sample(SampleRecord),
    /// A poll that failed.
    SampleFailed {
        /// When, nanoseconds on the clock of the samples.
        at_ns: u64,
        /// What libvirt said.
        error: String,
    },
    /// What the controller published.
    Event {
        /// When, nanoseconds on the clock of the samples.
        at_ns: u64,
        /// What.
        event: EventRecord,
    },
    /// How a target fared.
    Outcome {
        /// When, nanoseconds on the clock of the samples.
        at_ns: u64,
        /// The target.
        target: TargetRecord,
        /// What libvirt said; none if it did so.
        error: Option<String>,
    },
    /// The user's abort was asked for.
    Abort {
        /// When, nanoseconds on the clock of the samples.
        at_ns: u64,
        /// What libvirt said; none if it did so.
        error: Option<String>,
    },
    /// The medium did not take so many records that belong here.
    Lost {
        /// How many.
        records: u64,
    },
    /// The result.
    End(End),
}
