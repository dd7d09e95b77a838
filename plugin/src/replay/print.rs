//! A replay for people, and for programs.

use std::io::{self, Write};

use libvirt_hpc_control::estimate::Trust;
use serde::Serialize;

use super::run::{Replay, Verdict};
use crate::in_words::{cause, mib, millis, seconds, speed};
use crate::laws::LawName;
use crate::trace::{EventRecord, TargetRecord};
use crate::version;

/// One line a step, then the verdict.
pub(super) fn text(replay: &Replay, out: &mut dyn Write) -> io::Result<()> {
    let begin = &replay.begin;
    let destination = begin.destination.as_ref();
    let destination = destination.map_or_else(String::new, |uri| format!(" to {uri}"));
    writeln!(
        out,
        "{}{}, law {} (recorded by {} {} under {})",
        begin.domain,
        destination,
        replay.law,
        begin.controller.as_str(),
        begin.versions.libvirt_hpc,
        begin.law,
    )?;
    for step in &replay.steps {
        let (at, remaining) = (seconds(step.after_ns), mib(step.remaining_bytes));
        writeln!(out, "{at:>9}  R {remaining:>10}  {}", describe(&step.event))?;
    }
    writeln!(out, "{}", verdict(replay))
}

/// One JSON object a line: each step, then the verdict.
pub(super) fn json(replay: &Replay, out: &mut dyn Write) -> io::Result<()> {
    #[derive(Serialize)]
    struct Last {
        law: LawName,
        comparable: bool,
        verdict: Verdict,
    }
    for step in &replay.steps {
        writeln!(out, "{}", serde_json::to_string(step)?)?;
    }
    let last = Last {
        law: replay.law,
        comparable: replay.comparable(),
        verdict: replay.verdict,
    };
    writeln!(out, "{}", serde_json::to_string(&last)?)
}

fn verdict(replay: &Replay) -> String {
    let Verdict::Differs(first) = &replay.verdict else {
        return "same as recorded".to_owned();
    };
    let side = |side: Option<(u64, TargetRecord)>| {
        side.map_or("no more targets".to_owned(), |(at, target)| {
            format!("{} at {}", show_target(&target), seconds(at))
        })
    };
    let why = if replay.comparable() {
        String::new()
    } else {
        format!(
            " (as it may: recorded under law {} by {}, replayed under {} by {})",
            replay.begin.law,
            replay.begin.versions.libvirt_hpc,
            replay.law,
            version::OURS,
        )
    };
    let (number, replayed, recorded) = (first.number, side(first.replayed), side(first.recorded));
    format!("differs at target {number}: replayed {replayed}; recorded {recorded}{why}")
}

fn describe(event: &EventRecord) -> String {
    match event {
        EventRecord::Begun => "begun: memory flows".to_owned(),
        EventRecord::Round {
            iteration,
            duration_ns,
            sent_bytes,
            ..
        } => format!(
            "round {} ended after {}: {} sent",
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
        EventRecord::Decided {
            accept_bytes,
            cause: why,
        } => format!(
            "decided: threshold {} ({})",
            mib(*accept_bytes),
            cause(*why)
        ),
        EventRecord::Targeted { target, cause: why } => {
            format!("target: {} ({})", show_target(target), cause(*why))
        }
        EventRecord::Refused { target } => format!("refused: {}", show_target(target)),
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

fn show_target(target: &TargetRecord) -> String {
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
