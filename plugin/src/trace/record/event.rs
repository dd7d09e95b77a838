//! What the controller publishes, as it is written.

use std::time::Duration;

use libvirt_hpc_control::estimate::Trust;
use libvirt_hpc_control::event::{Cause, Event, Release};
use serde::{Deserialize, Serialize};

use super::target::{ActionRecord, TargetRecord};

/// [`Event`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[expect(
    missing_docs,
    reason = "the fields are those of Event, which says what they are"
)]
pub enum EventRecord {
    /// [`Event::Begun`].
    Begun,
    /// [`Event::Round`].
    Round {
        iteration: u64,
        syncs: u64,
        sync_at_ns: u64,
        remaining_bytes: u64,
        duration_ns: u64,
        sent_bytes: u64,
    },
    /// [`Event::DeviceState`].
    Beside { pending_bytes: u64 },
    /// [`Event::Counter`].
    Counter {
        #[serde(with = "TrustDef")]
        trust: Trust,
    },
    /// [`Event::Prior`].
    Prior {
        #[serde(with = "TrustDef")]
        trust: Trust,
    },
    /// [`Event::Decided`].
    Decided {
        accept_bytes: u64,
        #[serde(with = "CauseDef")]
        cause: Cause,
    },
    /// [`Event::Targeted`].
    Targeted {
        target: TargetRecord,
        #[serde(with = "CauseDef")]
        cause: Cause,
    },
    /// [`Event::Refused`].
    Refused { target: TargetRecord },
    /// [`Event::Unreachable`].
    Unreachable { pause_ns: u64, ceiling_ns: u64 },
    /// [`Event::Insisted`].
    Insisted {
        downtime_ms: u64,
        speed_mib_per_s: u64,
    },
    /// [`Event::SpeedOrdered`].
    SpeedOrdered { speed_mib_per_s: u64 },
    /// [`Release::Terminal`].
    ReleasedTerminal,
    /// [`Release::ExternalChange`].
    #[serde(rename = "released_by_hand")]
    ReleasedExternalChange {
        downtime_ms: u64,
        speed_mib_per_s: u64,
    },
    /// [`Release::Acted`].
    ReleasedActed { action: ActionRecord },
}

/// [`Trust`].
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case", remote = "Trust")]
enum TrustDef {
    Unconfirmed,
    Confirmed,
    Refuted,
}

/// [`Cause`].
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case", remote = "Cause")]
enum CauseDef {
    Observing,
    FirstRound,
    Falling,
    Waiting,
    Quiet,
    Reservation,
    Patience,
    Floor,
    Ceiling,
    Deadline,
    Order,
    Schedule,
}

impl From<Event> for EventRecord {
    fn from(event: Event) -> Self {
        match event {
            Event::Begun => Self::Begun,
            Event::Round(round) => Self::Round {
                iteration: round.iteration,
                syncs: round.syncs,
                sync_at_ns: round.at.as_nanos(),
                remaining_bytes: round.remaining_bytes,
                duration_ns: nanos(round.duration),
                sent_bytes: round.sent_bytes,
            },
            Event::DeviceState { bytes } => Self::Beside {
                pending_bytes: bytes,
            },
            Event::Counter(trust) => Self::Counter { trust },
            Event::Prior(trust) => Self::Prior { trust },
            Event::Decided {
                threshold_bytes,
                cause,
            } => Self::Decided {
                accept_bytes: threshold_bytes,
                cause,
            },
            Event::Targeted { target, cause } => Self::Targeted {
                target: (&target).into(),
                cause,
            },
            Event::Refused(target) => Self::Refused {
                target: (&target).into(),
            },
            Event::Unreachable { pause, ceiling } => Self::Unreachable {
                pause_ns: nanos(pause),
                ceiling_ns: nanos(ceiling),
            },
            Event::Insisted {
                downtime_ms,
                speed_mib_per_s,
            } => Self::Insisted {
                downtime_ms,
                speed_mib_per_s,
            },
            Event::SpeedOrdered { speed_mib_per_s } => Self::SpeedOrdered { speed_mib_per_s },
            Event::Released(release) => release.into(),
        }
    }
}

impl From<Release> for EventRecord {
    fn from(release: Release) -> Self {
        match release {
            Release::Terminal => Self::ReleasedTerminal,
            Release::ExternalChange {
                downtime_ms,
                speed_mib_per_s,
            } => Self::ReleasedExternalChange {
                downtime_ms,
                speed_mib_per_s,
            },
            Release::Acted(action) => Self::ReleasedActed {
                action: action.into(),
            },
        }
    }
}

fn nanos(span: Duration) -> u64 {
    u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)
}
