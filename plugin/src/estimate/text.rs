//! An assessment for people.

use std::time::Duration;

use super::assessment::{Assessment, Known, Origin, Verdict, Written};
use super::forecast::{Ending, Forecast, Interval};
use crate::harmless::printable;
use crate::in_words::{Align, columns, mib, span};

/// The text, which ends with a line feed.
#[must_use]
pub fn render(assessment: &Assessment) -> String {
    let mut parts = vec![
        head(assessment),
        findings(assessment),
        known(&assessment.known),
    ];
    if let Some(forecast) = &assessment.forecast {
        let with_prior = assessment.with_prior.as_ref();
        parts.push(costs(&assessment.known, forecast, with_prior));
    }
    if !assessment.unknown.is_empty() {
        let lines: Vec<String> = assessment
            .unknown
            .iter()
            .map(|what| format!("  {}", printable(what)))
            .collect();
        parts.push(format!("Not known:\n{}\n", lines.join("\n")));
    }
    parts.push(verdict(assessment.verdict()).to_owned());
    parts.join("\n")
}

fn head(assessment: &Assessment) -> String {
    let domain = printable(&assessment.domain);
    match &assessment.destination {
        Some(uri) => format!("Migration of {domain} to {}\n", printable(uri)),
        None => format!("Migration of {domain}; no destination was named, so none was asked\n"),
    }
}

fn verdict(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Moves => "The guest is likely to move within its policy.\n",
        Verdict::Refused => "The migration will be refused.\n",
        Verdict::OutsidePolicy => "The guest is not likely to move within its policy.\n",
        Verdict::Unknown => {
            "Nothing that was checked refuses the migration, but what it will cost is not known.\n"
        }
    }
}

fn findings(assessment: &Assessment) -> String {
    if assessment.findings.is_empty() {
        return "Preflight: nothing that was checked is in the way\n".to_owned();
    }
    let mut text = "Preflight:\n".to_owned();
    for finding in &assessment.findings {
        let (severity, what) = (finding.severity().as_str(), finding.what());
        text += &format!("  {severity:<6}  {what}\n          {}\n", finding.remedy());
    }
    text
}

const fn origin(origin: Origin) -> &'static str {
    match origin {
        Origin::Told => "as told",
        Origin::Measured => "measured now",
        Origin::Trace => "from the last trace",
        Origin::Bound => "at most",
    }
}

fn known(known: &Known) -> String {
    let ms = |ms| span(Duration::from_millis(ms));
    let mut rows = vec![row("memory", mib(known.memory_bytes))];
    rows.extend(known.data.map(|data| {
        let told = format!("{}, {}", mib(data.bytes), origin(data.origin));
        row("data in it", told)
    }));
    rows.extend(written(&known.written));
    rows.extend(known.phases.map(|phases| {
        let spins = if phases.vcpus_idle {
            "its vCPUs idle"
        } else {
            "its vCPUs spin"
        };
        let (busy, quiet) = (ms(phases.busy_ms), ms(phases.quiet_ms));
        row(
            "phases",
            format!(
                "busy for {busy}, quiet for {quiet} ({spins}, it writes {} %)",
                phases.quiet_percent
            ),
        )
    }));
    rows.extend(known.link.map(|link| {
        let told = format!("{}/s, {}", mib(link.bytes_per_s), origin(link.origin));
        row("link", told)
    }));
    format!("Known:\n{}", list(&rows))
}

/// A row for each span, however often it was measured.
fn written(all: &[Written]) -> Vec<Vec<String>> {
    let mut spans: Vec<(&Written, Vec<u64>)> = Vec::new();
    for one in all {
        let is_same = |(first, _): &&mut (&Written, _)| {
            (first.span_ms, first.origin) == (one.span_ms, one.origin)
        };
        match spans.iter_mut().find(is_same) {
            Some((_, bytes)) => bytes.push(one.written_bytes),
            None => spans.push((one, vec![one.written_bytes])),
        }
    }
    let of_span = |(first, mut bytes): (&Written, Vec<u64>)| {
        bytes.sort_unstable();
        let value = match bytes[..] {
            [least, .., most] => {
                format!("{} to {}, {} times", mib(least), mib(most), bytes.len())
            }
            _ => mib(first.written_bytes),
        };
        let within = span(Duration::from_millis(first.span_ms));
        row(
            &format!("written within {within}"),
            format!("{value}, {}", origin(first.origin)),
        )
    };
    spans.into_iter().map(of_span).collect()
}

fn row(name: &str, value: String) -> Vec<String> {
    vec![format!("  {name}"), value]
}

fn list(rows: &[Vec<String>]) -> String {
    let rows: Vec<&[String]> = rows.iter().map(Vec::as_slice).collect();
    columns(&rows, &[Align::Left, Align::Left]).join("\n") + "\n"
}

/// A quantity and its interval.
fn within(interval: Interval, of: impl Fn(u64) -> String) -> String {
    let Interval {
        likely,
        least,
        most,
    } = interval;
    format!("{} ({} to {})", of(likely), of(least), of(most))
}

fn costs(known: &Known, forecast: &Forecast, with_prior: Option<&Forecast>) -> String {
    let ms = |ms| span(Duration::from_millis(ms));
    let mut rows = vec![
        row("total time", within(forecast.total_ms, ms)),
        row("pause", within(forecast.pause_ms, ms)),
        row(
            "iterations",
            within(forecast.iterations, |count| count.to_string()),
        ),
        row("data sent", within(forecast.sent_bytes, mib)),
        row(
            "application's delay",
            format!(
                "{}, if pre-copy slows it by {} %",
                within(forecast.delay_ms, ms),
                known.slowdown_percent
            ),
        ),
        row("it ends by", ending(forecast.ending).to_owned()),
        row("virsh alone", stock(forecast)),
    ];
    let costs = |forecast: &Forecast| (forecast.total_ms, forecast.pause_ms);
    if let Some(told) = with_prior.filter(|told| costs(told) != costs(forecast)) {
        let (total, pause) = (within(told.total_ms, ms), within(told.pause_ms, ms));
        rows.push(row(
            "with --hpc-prior",
            format!("total time {total}, pause {pause}"),
        ));
    }
    let kept = |kept| {
        if kept {
            "likely to be kept"
        } else {
            "not likely to be kept"
        }
    };
    if let (Some(most), Some(within)) = (known.downtime_max_ms, forecast.within_downtime) {
        rows.push(row(
            "longest pause",
            format!("{}: {}", ms(most), kept(within)),
        ));
    }
    if let (Some(after), Some(within)) = (known.deadline_ms, forecast.within_deadline) {
        rows.push(row("deadline", format!("{}: {}", ms(after), kept(within))));
    }
    format!(
        "Estimate (in brackets: eight of ten outcomes):\n{}",
        list(&rows)
    )
}

const fn ending(ending: Ending) -> &'static str {
    match ending {
        Ending::Switchover => "a switchover",
        Ending::Postcopy => {
            "post-copy: QEMU tells no pause of it, and the guest is slowed afterwards"
        }
        Ending::Abort => "an abort at the deadline",
        Ending::Never => "nothing: it does not end within ten first iterations and a minute",
    }
}

fn stock(forecast: &Forecast) -> String {
    let stock = forecast.stock;
    let sure = if stock.sure {
        ""
    } else {
        "likely, but not sure: "
    };
    let limit = stock.limit_ms;
    match stock.total_ms {
        Some(total) => {
            let total = span(Duration::from_millis(total));
            format!("{sure}with its limit of {limit} ms it ends after {total}")
        }
        None => format!("{sure}with its limit of {limit} ms it does not end"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::assessment::tests::{bare, full};
    use super::super::preflight::Finding;
    use super::*;

    fn golden(name: &str, text: &str) {
        let file = format!(
            "{}/tests/golden/estimate/{name}.txt",
            env!("CARGO_MANIFEST_DIR")
        );
        if std::env::var_os("BLESS").is_some() {
            std::fs::write(&file, text).expect("written");
        }
        assert_eq!(text, std::fs::read_to_string(&file).expect(name));
    }

    #[test]
    fn everything_that_can_be_told_is() {
        golden("full", &render(&full()));
    }

    #[test]
    fn what_is_not_known_is_told() {
        golden("bare", &render(&bare()));
    }

    #[test]
    fn a_span_that_was_measured_several_times_is_one_row() {
        let of = |span_ms, mib: u64, origin| Written {
            span_ms,
            written_bytes: mib << 20,
            origin,
        };
        let all = [
            of(1000, 90, Origin::Measured),
            of(2000, 120, Origin::Measured),
            of(1000, 0, Origin::Measured),
            of(1000, 70, Origin::Trace),
        ];
        let rows = [
            [
                "  written within 1.00 s",
                "0.0 MiB to 90 MiB, 2 times, measured now",
            ],
            ["  written within 2.00 s", "120 MiB, measured now"],
            ["  written within 1.00 s", "70 MiB, from the last trace"],
        ];
        assert_eq!(written(&all), rows);
    }

    #[test]
    fn text_of_others_cannot_move_the_cursor() {
        let hostile = Assessment {
            domain: "\u{1b}[2J".to_owned(),
            destination: Some("\u{1b}[2J".to_owned()),
            findings: vec![Finding::Unreachable("\u{1b}[2J".to_owned())],
            unknown: vec!["\u{1b}[2J".to_owned()],
            ..bare()
        };
        assert!(!render(&hostile).contains('\u{1b}'));
    }
}
