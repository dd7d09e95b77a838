//! Numbers and causes in words.

mod events;

use std::time::Duration;

use libvirt_hpc_control::event::{Cause, Release};
use libvirt_hpc_control::policy::speed_limit;
use libvirt_hpc_control::target::Action;

pub use events::{event, event_cause, target};

use crate::trace::{PauseUnknown, Totals};

const MIB: u64 = 1024 * 1024;

/// Bytes in MiB, with one decimal below 10.
#[must_use]
pub fn mib(bytes: u64) -> String {
    if bytes >= 10 * MIB {
        return format!("{} MiB", bytes.saturating_add(MIB / 2) / MIB);
    }
    let tenths = (bytes * 10 + MIB / 2) / MIB;
    format!("{}.{} MiB", tenths / 10, tenths % 10)
}

/// What a guest writes, and works on.
#[must_use]
pub fn writing(bytes_per_s: u64, working_set_bytes: u64) -> String {
    let (rate, set) = (mib(bytes_per_s), mib(working_set_bytes));
    format!("writes {rate}/s, working set {set}")
}

/// Nanoseconds in seconds, with three digits.
#[must_use]
pub fn seconds(nanoseconds: u64) -> String {
    span(Duration::from_nanos(nanoseconds))
}

/// Nanoseconds in whole milliseconds, rounded.
#[must_use]
pub fn millis(nanoseconds: u64) -> String {
    format!("{} ms", nanoseconds.saturating_add(500_000) / 1_000_000)
}

/// A span in seconds, with about three digits; milliseconds below one second.
#[must_use]
pub fn span(span: Duration) -> String {
    let ms = span.as_millis();
    match ms {
        0..1_000 => format!("{ms} ms"),
        1_000..10_000 => format!("{}.{:02} s", ms / 1000, ms % 1000 / 10),
        10_000..100_000 => format!("{}.{} s", ms / 1000, ms % 1000 / 100),
        _ => format!("{} s", ms / 1000),
    }
}

/// A time between two bounds: whole seconds, minutes above two of them, rounded outwards.
#[must_use]
pub fn between(least: Duration, most: Duration) -> String {
    const LONGEST_S: u64 = 120;
    let up = most
        .as_secs()
        .saturating_add(u64::from(most.subsec_nanos() > 0));
    let (least, most, unit) = match up {
        0..=LONGEST_S => (least.as_secs(), up, "s"),
        _ => (least.as_secs() / 60, up.div_ceil(60), "min"),
    };
    if least == most {
        return format!("{most} {unit}");
    }
    format!("{least}–{most} {unit}")
}

/// What is said where somebody asks for post-copy whose pages are each a pause.
pub const POSTCOPY_WITH_HUGE_PAGES: &str = "the domain's memory is backed by pages above 2 MiB, or of a size that its XML does \
                                        not name: in post-copy the guest is paused for each that it touches until it has \
                                        come, for one of 1 GiB up to 2 s at 10 Gbit/s";

/// Why there is no figure of the pause of a guest that has switched to post-copy.
pub const NO_PAUSE_OF_POSTCOPY: &str = "QEMU tells no pause of post-copy";

/// The pause of a migration that has succeeded, or what is known in its stead.
#[must_use]
pub fn pause(totals: &Totals) -> String {
    let ms = |ms| span(Duration::from_millis(ms));
    if let Some(pause_ms) = totals.pause_ms {
        return format!("paused {}", ms(pause_ms));
    }
    match (totals.pause_unknown, totals.postcopy_after_ms) {
        (Some(PauseUnknown::Postcopy), Some(after_ms)) => {
            let rest = totals.postcopy_took_ms.map_or_else(String::new, |took_ms| {
                format!(" and had all of its memory {} later", ms(took_ms))
            });
            let after = ms(after_ms);
            format!("switched to post-copy after {after}{rest} ({NO_PAUSE_OF_POSTCOPY})")
        }
        (Some(PauseUnknown::Postcopy), None) => {
            format!("switched to post-copy ({NO_PAUSE_OF_POSTCOPY})")
        }
        (Some(PauseUnknown::Suspended), _) => {
            "the pause was not measured, because the guest was suspended for the rest of the copy"
                .to_owned()
        }
        (None, _) => "the pause was not measured".to_owned(),
    }
}

/// What auto-converge took, if it took anything.
#[must_use]
pub fn throttled(totals: &Totals) -> String {
    match totals.throttled_ms {
        0 => String::new(),
        ms => {
            let work = span(Duration::from_millis(ms));
            format!(", auto-converge took {work} of its work")
        }
    }
}

/// What was sent with XBZRLE, if that was anything to speak of.
#[must_use]
pub fn xbzrle(totals: &Totals) -> String {
    match totals.differences_memory_bytes {
        ..MIB => String::new(),
        memory => {
            let sent = mib(totals.differences_sent_bytes);
            format!(", XBZRLE sent {sent} for {}", mib(memory))
        }
    }
}

/// How a column's texts are aligned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Align {
    /// Texts.
    Left,
    /// Quantities.
    Right,
}

/// A line for each row, each column as wide as its widest text, two blanks between. `aligns` has one for
/// each column; a row may have fewer.
#[must_use]
pub fn columns(rows: &[&[String]], aligns: &[Align]) -> Vec<String> {
    let width = |column: usize| {
        let texts = rows.iter().filter_map(|row| row.get(column));
        texts.map(|text| text.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..aligns.len()).map(width).collect();
    let line = |row: &&[String]| {
        let cells = row.iter().zip(aligns.iter().zip(&widths));
        let padded = cells.map(|(text, (align, &width))| match align {
            Align::Left => format!("{text:width$}"),
            Align::Right => format!("{text:>width$}"),
        });
        let line = padded.collect::<Vec<_>>().join("  ");
        line.trim_end().to_owned()
    };
    rows.iter().map(line).collect()
}

/// A speed limit.
#[must_use]
pub fn speed(mib_per_s: u64) -> String {
    match speed_limit(mib_per_s) {
        None => "none".to_owned(),
        Some(limit) => format!("{limit} MiB/s"),
    }
}

/// Why control ended, as a person would say it; `last` is the cause of what was done last.
#[must_use]
pub fn release(release: Release, last: Option<Cause>) -> String {
    match release {
        Release::Terminal => "nothing is left to decide".to_owned(),
        Release::ExternalChange {
            downtime_ms,
            speed_mib_per_s,
        } => {
            let speed = speed(speed_mib_per_s);
            format!("an external change set downtime {downtime_ms} ms, speed {speed}")
        }
        Release::Acted(Action::Abort) => aborted_by(last).to_owned(),
        Release::Acted(Action::StartPostcopy) => "the guest has switched to post-copy".to_owned(),
        Release::Acted(Action::Suspend) => "the guest was suspended".to_owned(),
    }
}

/// Who has aborted: the deadline, an order, or else the law of itself.
const fn aborted_by(cause: Option<Cause>) -> &'static str {
    match cause {
        Some(Cause::Deadline) => "aborted at the deadline, as the policy says",
        Some(Cause::Order) => "aborted, as ordered",
        Some(_) => "aborted by the law, not by the policy",
        None => "aborted",
    }
}

/// A cause, as a person would give it.
#[must_use]
pub const fn cause(cause: Cause) -> &'static str {
    match cause {
        Cause::Observing => "observing only",
        Cause::FirstRound => "first iteration",
        Cause::Falling => "one more iteration pays",
        Cause::Waiting => "waiting for a quieter phase",
        Cause::Quiet => "quiet, one more iteration pays",
        Cause::Reservation => "no better is expected",
        Cause::Patience => "waited long enough",
        Cause::Floor => "hardly anything remains",
        Cause::Ceiling => "held back by the longest pause allowed",
        Cause::Deadline => "the deadline has come",
        Cause::Order => "ordered",
        Cause::Schedule => "the law's schedule",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_about_three_digits() {
        assert_eq!(mib(0), "0.0 MiB");
        assert_eq!(mib(1_572_864), "1.5 MiB");
        assert_eq!(mib(540 * MIB), "540 MiB");
        assert_eq!(mib(u64::MAX), format!("{} MiB", u64::MAX / MIB));
        assert_eq!(seconds(1_165_000_000), "1.16 s");
        assert_eq!(seconds(999_999_999), "999 ms");
        assert_eq!(seconds(12_340_000_000), "12.3 s");
        assert_eq!(seconds(123_400_000_000), "123 s");
        assert_eq!(millis(1_500_000), "2 ms");
    }

    #[test]
    fn a_time_between_two_bounds_is_rounded_outwards() {
        let ms = Duration::from_millis;
        assert_eq!(between(ms(12_900), ms(19_001)), "12–20 s");
        assert_eq!(between(ms(0), ms(400)), "0–1 s");
        assert_eq!(between(ms(2_000), ms(2_000)), "2 s");
        assert_eq!(between(ms(0), ms(0)), "0 s");
        assert_eq!(between(ms(90_000), ms(120_000)), "90–120 s");
        assert_eq!(between(ms(90_000), ms(120_001)), "1–3 min");
        assert!(between(Duration::ZERO, Duration::MAX).ends_with(" min"));
    }

    #[test]
    fn no_limit_has_two_numbers() {
        assert_eq!((speed(0), speed(u64::MAX)), ("none".into(), "none".into()));
        assert_eq!(speed(20), "20 MiB/s");
    }

    #[test]
    fn who_has_aborted_is_named() {
        let said = |cause| release(Release::Acted(Action::Abort), cause);
        let deadline = said(Some(Cause::Deadline));
        assert_eq!(deadline, "aborted at the deadline, as the policy says");
        let law = said(Some(Cause::Schedule));
        assert_eq!(law, "aborted by the law, not by the policy");
        assert!(!said(Some(Cause::Order)).contains("policy"));
    }

    #[test]
    fn a_table_is_as_wide_as_it_must_be() {
        let row = |a: &str, b: &str| [a.to_owned(), b.to_owned()];
        let rows = [row("NAME", "N"), row("é", "10"), row("longer", "")];
        let rows: Vec<&[String]> = rows.iter().map(<[String; 2]>::as_slice).collect();
        let lines = columns(&rows, &[Align::Left, Align::Right]);
        assert_eq!(lines, ["NAME     N", "é       10", "longer"]);
    }
}
