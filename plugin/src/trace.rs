//! The trace of a migration: JSON lines with every input of the law, every event with its cause, and the
//! result. Enough to decide the migration again, offline ([`crate::replay`]).
//!
//! One record a line, each written whole as it happens, so that a trace cut short is still one. Names of
//! fields end in their unit.
//!
//! | type | what |
//! |---|---|
//! | `begin` | versions, domain, destination, flags, policy as resolved, law, settings before; first |
//! | `sample` | one sample of the job; `faults_pages`, KVM's count of the guest's page faults, where it was read since the sample before, and `faults_at_ns`, when |
//! | `sample_failed` | a poll that libvirt did not answer |
//! | `event` | what the controller made of it, with its cause |
//! | `outcome` | how a target fared |
//! | `abort` | the user's; nothing is decided after it |
//! | `lost` | how many records are missing there, for the medium did not take them |
//! | `end` | the result and the totals; last |

pub(crate) mod file_name;
mod read;
mod record;
mod write;

pub use read::{LINE_MAX_BYTES, ReadError, read};
pub(crate) use record::JobStateDef;
pub use record::{
    ActionRecord, Begin, ControllerName, End, EventRecord, PauseBy, PauseUnknown, PolicyRecord,
    PriorRecord, Record, SampleRecord, SettingsRecord, TargetRecord, Totals, Versions,
};
pub use write::{Trace, Writer};

/// What is said of a trace whose last record is not the result.
pub(crate) const NO_END: &str =
    "the trace ends here without a result: it was cut off, or the migration still runs";

/// The version of the format: raised when a reader of the one before would misunderstand a trace.
pub const FORMAT: u32 = 1;

#[cfg(test)]
pub(crate) mod tests;
