//! What the controller published, as a person would say it.

use libvirt_hpc_control::estimate::Trust;

use super::{cause, mib, millis, seconds, speed};
use crate::trace::{EventRecord, TargetRecord};

/// Why, where the event has a cause.
#[must_use]
pub const fn event_cause(event: &EventRecord) -> Option<&'static str> {
    match event {
        EventRecord::Decided { cause: why, .. } | EventRecord::Targeted { cause: why, .. } => {
            Some(cause(*why))
        }
        _ => None,
    }
}

/// What happened, without its cause.
#[must_use]
pub fn event(event: &EventRecord) -> String {
    match event {
        EventRecord::Begun => "begun: memory flows".to_owned(),
        EventRecord::Round {
            iteration,
            duration_ns,
            sent_bytes,
            ..
        } => format!(
            "iteration {} ended after {}: {} sent",
            iteration.saturating_sub(1),
            seconds(*duration_ns),
            mib(*sent_bytes)
        ),
        EventRecord::Beside { pending_bytes } => {
            format!("beside memory: up to {}", mib(*pending_bytes))
        }
        EventRecord::Counter { trust } => match trust {
            Trust::Unconfirmed => "page faults: no sync has confirmed the count",
            Trust::Confirmed => "page faults: the sync found what was counted",
            Trust::Refuted => "page faults: the sync found something else, the count is left out",
        }
        .to_owned(),
        EventRecord::Prior { trust } => match trust {
            Trust::Unconfirmed => "prior: no sync has confirmed it",
            Trust::Confirmed => "prior: the sync found as much as the guest wrote before",
            Trust::Refuted => "prior: the sync found something else, the prior is left out",
        }
        .to_owned(),
        EventRecord::Decided { accept_bytes, .. } => {
            format!("decided: threshold {}", mib(*accept_bytes))
        }
        EventRecord::Targeted { target, .. } => format!("target: {}", self::target(target)),
        EventRecord::Refused { target } => format!("refused: {}", self::target(target)),
        EventRecord::Unreachable {
            pause_ns,
            ceiling_ns,
        } => format!(
            "unreachable: {} of pause, {} allowed",
            millis(*pause_ns),
            millis(*ceiling_ns)
        ),
        EventRecord::Insisted {
            downtime_ms,
            speed_mib_per_s,
        } => format!(
            "external change to downtime {downtime_ms} ms, speed {}: set again",
            speed(*speed_mib_per_s)
        ),
        EventRecord::SpeedOrdered { speed_mib_per_s } => {
            let speed = speed(*speed_mib_per_s);
            format!("external change to speed {speed}: an order from now on")
        }
        EventRecord::ReleasedTerminal => "released: nothing is left to decide".to_owned(),
        EventRecord::ReleasedExternalChange {
            downtime_ms,
            speed_mib_per_s,
        } => format!(
            "released: external change to downtime {downtime_ms} ms, speed {}",
            speed(*speed_mib_per_s)
        ),
        EventRecord::ReleasedActed { .. } => "released: the last step was taken".to_owned(),
    }
}

/// Settings and steps.
#[must_use]
pub fn target(target: &TargetRecord) -> String {
    let downtime = target.downtime_ms.map(|ms| format!("downtime {ms} ms"));
    let speed = target
        .speed_mib_per_s
        .map(|mib| format!("speed {mib} MiB/s"));
    let postcopy = target
        .postcopy_speed_mib_per_s
        .map(|mib| format!("speed of post-copy {mib} MiB/s"));
    let cache = target
        .compression_cache_bytes
        .map(|bytes| format!("XBZRLE cache {}", mib(bytes)));
    let action = target
        .action
        .map(|action| format!("{action:?}").to_lowercase());
    let parts = [downtime, speed, postcopy, cache, action];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}
