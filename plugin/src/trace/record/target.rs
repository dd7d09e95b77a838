//! What the controller sets, and the steps it takes.

use libvirt_hpc_control::target::{Action, Target};
use serde::{Deserialize, Serialize};

/// [`Action`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ActionRecord {
    /// [`Action::Abort`].
    Abort,
    /// [`Action::StartPostcopy`].
    Postcopy,
    /// [`Action::Suspend`].
    Suspend,
}

impl From<Action> for ActionRecord {
    fn from(action: Action) -> Self {
        match action {
            Action::Abort => Self::Abort,
            Action::StartPostcopy => Self::Postcopy,
            Action::Suspend => Self::Suspend,
        }
    }
}

impl From<ActionRecord> for Action {
    fn from(record: ActionRecord) -> Self {
        match record {
            ActionRecord::Abort => Self::Abort,
            ActionRecord::Postcopy => Self::StartPostcopy,
            ActionRecord::Suspend => Self::Suspend,
        }
    }
}

/// [`Target`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetRecord {
    /// The downtime limit, milliseconds.
    pub downtime_ms: Option<u32>,
    /// The speed limit, MiB/s.
    pub speed_mib_per_s: Option<u64>,
    /// The speed limit of post-copy, MiB/s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub postcopy_speed_mib_per_s: Option<u64>,
    /// The cache of XBZRLE, bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compression_cache_bytes: Option<u64>,
    /// The step that ends or turns the job.
    pub action: Option<ActionRecord>,
}

impl From<&Target> for TargetRecord {
    fn from(target: &Target) -> Self {
        Self {
            downtime_ms: target.downtime_ms,
            speed_mib_per_s: target.speed_mib_per_s,
            postcopy_speed_mib_per_s: target.postcopy_speed_mib_per_s,
            compression_cache_bytes: target.compression_cache_bytes,
            action: target.action.map(ActionRecord::from),
        }
    }
}

impl From<&TargetRecord> for Target {
    fn from(record: &TargetRecord) -> Self {
        Self {
            downtime_ms: record.downtime_ms,
            speed_mib_per_s: record.speed_mib_per_s,
            postcopy_speed_mib_per_s: record.postcopy_speed_mib_per_s,
            compression_cache_bytes: record.compression_cache_bytes,
            action: record.action.map(Action::from),
        }
    }
}
