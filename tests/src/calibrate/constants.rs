//! The constants of `profile`, as recorded runs measure them.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::profile::Rate;
use super::run::Recording;
use crate::plant::see;

/// The measurements of one run.
#[derive(Clone, Copy)]
struct Measured {
    /// From the job's begin until memory flows.
    setup_ms: f64,
    /// The rate of the first round, as a share of the link's expected rate.
    carried: f64,
    /// Data of the first round beyond the pages that the guest filled.
    system_mb: f64,
    /// The pause, less the time for the remaining memory at the link's rate.
    fixed_ms: f64,
    /// From the pause's end to the call's return.
    finish_ms: f64,
}

/// A line for each run, and the medians of each link, as text.
#[must_use]
pub fn constants(recordings: &[Recording]) -> String {
    let mut text = line(
        "run",
        &[
            "setup ms",
            "rate/link",
            "system MB",
            "fixed ms",
            "finish ms",
        ],
    );
    let mut links: BTreeMap<(bool, &str), Vec<Measured>> = BTreeMap::new();
    for recording in recordings {
        if let Some(measured) = measure(recording) {
            text += &row(&recording.name, measured);
            let bed = (recording.run.guest.kvm, recording.run.link.as_str());
            links.entry(bed).or_default().push(measured);
        }
    }
    for ((kvm, link), measured) in links {
        let median = |of: fn(&Measured) -> f64| median(measured.iter().map(of).collect());
        let medians = Measured {
            setup_ms: median(|m| m.setup_ms),
            carried: median(|m| m.carried),
            system_mb: median(|m| m.system_mb),
            fixed_ms: median(|m| m.fixed_ms),
            finish_ms: median(|m| m.finish_ms),
        };
        let accelerator = if kvm { "KVM" } else { "TCG" };
        text += &row(&format!("median, {accelerator}, {link}"), medians);
    }
    text
}

fn measure(recording: &Recording) -> Option<Measured> {
    let link = Rate::parse(&recording.run.link)?.payload_bytes_per_s() as f64;
    let seen = see(&recording.records)?;
    let (first, last) = (seen.rounds.first()?, seen.rounds.last()?);
    let pause_ms = recording.run.pause_ms;
    Some(Measured {
        setup_ms: first.from_s * 1e3,
        carried: seen.data_bytes as f64 / (first.to_s - first.from_s) / link,
        system_mb: (seen
            .data_bytes
            .saturating_sub(recording.run.guest.fill_bytes())) as f64
            / 1e6,
        fixed_ms: pause_ms - last.found_bytes / link * 1e3,
        finish_ms: recording.run.total_ms as f64 - last.to_s * 1e3 - pause_ms,
    })
}

fn row(name: &str, measured: Measured) -> String {
    let Measured {
        setup_ms,
        carried,
        system_mb,
        fixed_ms,
        finish_ms,
    } = measured;
    line(
        name,
        &[
            &format!("{setup_ms:.0}"),
            &format!("{carried:.3}"),
            &format!("{system_mb:.1}"),
            &format!("{fixed_ms:.0}"),
            &format!("{finish_ms:.0}"),
        ],
    )
}

fn line(name: &str, cells: &[&str]) -> String {
    let mut text = format!("{name:<22}");
    for cell in cells {
        // Writing to a string cannot fail.
        let _ = write!(text, "{cell:>11}");
    }
    text + "\n"
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
