//! A replay for people, and for programs.

use std::io::{self, Write};

use serde::Serialize;

use super::run::{Replay, Verdict};
use crate::harmless::{self, printable};
use crate::in_words::{self, mib, seconds};
use crate::laws::LawName;
use crate::trace::{EventRecord, NO_END, TargetRecord};
use crate::version;

/// One line a step, then the verdict.
pub(super) fn text(replay: &Replay, out: &mut dyn Write) -> io::Result<()> {
    let begin = &replay.begin;
    let destination = begin.destination.as_ref();
    let destination = destination.map_or_else(String::new, |uri| format!(" to {}", printable(uri)));
    writeln!(
        out,
        "{}{}, law {} (recorded by {} {} under {})",
        printable(&begin.domain),
        destination,
        replay.law,
        begin.controller.as_str(),
        printable(&begin.versions.libvirt_hpc),
        begin.law,
    )?;
    for step in &replay.steps {
        let (at, remaining) = (seconds(step.after_ns), mib(step.remaining_bytes));
        writeln!(out, "{at:>9}  R {remaining:>10}  {}", describe(&step.event))?;
    }
    if !replay.is_whole {
        writeln!(out, "{NO_END}")?;
    }
    writeln!(out, "{}", verdict(replay))
}

/// One JSON object a line: each step, then the verdict.
pub(super) fn json(replay: &Replay, out: &mut dyn Write) -> io::Result<()> {
    #[derive(Serialize)]
    struct Last {
        law: LawName,
        comparable: bool,
        is_whole: bool,
        verdict: Verdict,
    }
    for step in &replay.steps {
        writeln!(out, "{}", harmless::json(&serde_json::to_string(step)?))?;
    }
    let last = Last {
        law: replay.law,
        comparable: replay.comparable(),
        is_whole: replay.is_whole,
        verdict: replay.verdict,
    };
    writeln!(out, "{}", harmless::json(&serde_json::to_string(&last)?))
}

fn verdict(replay: &Replay) -> String {
    let Verdict::Differs(first) = &replay.verdict else {
        return "same as recorded".to_owned();
    };
    let side = |side: Option<(u64, TargetRecord)>| {
        side.map_or("no more targets".to_owned(), |(at, target)| {
            format!("{} at {}", in_words::target(&target), seconds(at))
        })
    };
    let why = if replay.comparable() {
        String::new()
    } else {
        format!(
            " (as it may: recorded under law {} by {}, replayed under {} by {})",
            replay.begin.law,
            printable(&replay.begin.versions.libvirt_hpc),
            replay.law,
            version::OURS,
        )
    };
    let (number, replayed, recorded) = (first.number, side(first.replayed), side(first.recorded));
    format!("differs at target {number}: replayed {replayed}; recorded {recorded}{why}")
}

fn describe(event: &EventRecord) -> String {
    let what = in_words::event(event);
    match in_words::event_cause(event) {
        Some(cause) => format!("{what} ({cause})"),
        None => what,
    }
}
