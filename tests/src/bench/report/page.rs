//! The page's text.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::Path;

use libvirt_hpc_baseline::REFERENCE_ROUND;
use libvirt_hpc_control::law::FETCH_PPM;
use libvirt_hpc_plugin::in_words::NO_PAUSE_OF_POSTCOPY;

use super::super::compare::{DELTAS, Overall};
use super::super::laws::{ADAPTIVE, Class};
use super::super::record::Run;
use super::super::slowdown::SlowdownFit;
use super::super::summary::Cell;
use super::super::verdict::{Verdict, verdicts};
use super::by_guest;
use super::estimates;
use super::table::{Table, gap, millis, ratio, seconds};

/// The content of the page.
pub(super) struct Content<'a> {
    pub(super) cells: &'a [Cell<'a>],
    pub(super) laws: &'a [Overall],
    /// The folder of the pictures, next to the page.
    pub(super) folder: &'a Path,
    /// Guest and link, and the picture.
    pub(super) progress: &'a [(String, String)],
    /// The guest and link of the timeline, if there is one.
    pub(super) timeline: Option<&'a str>,
}

/// The page.
pub(super) fn text(content: &Content<'_>) -> String {
    let folder = content
        .folder
        .file_name()
        .map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    let picture = |words: &str, file: &str| format!("![{words}]({folder}/{file})\n\n");
    let mut page = format!("# Benchmark\n\n{}\n", what(content.cells, &folder));
    page += &format!("## Claims\n\n{}\n", judged(&verdicts(content.laws)));
    page += &format!(
        "## Laws over the adaptive one and over the oracle\n\n{}\n",
        overall(content.laws)
    );
    page += &picture("J of each law over the best forced stop's", "regret.svg");
    page += &picture("Pause against total time", "pause-and-total.svg");
    page += &format!("## Slowdown by pre-copy\n\n{}", slowdown(content.cells));
    let is_postcopy = |cell: &Cell<'_>| {
        let mut entries = cell.entries.iter();
        entries.any(|entry| entry.law.class == Class::Postcopy)
    };
    if content.cells.iter().any(is_postcopy) {
        page += &format!("## Post-copy\n\n{}\n", postcopy(content.cells));
    }
    let estimates = estimates::text(content.cells);
    if !estimates.is_empty() {
        page += &format!("## Estimates\n\n{estimates}\n");
    }
    if let Some(who) = content.timeline {
        page += &format!(
            "## One run: {who}\n\n{}",
            picture("R, the threshold and the guest's phases", "timeline.svg")
        );
    }
    page += "## The application's progress\n\nThe first run of each law, with the better of its variants.\n\n";
    for (who, file) in content.progress {
        page += &picture(&format!("Progress of {who}"), file);
    }
    page += &format!(
        "## By guest and link\n\n{BY_GUEST}\n{}",
        by_guest::text(content.cells)
    );
    page.trim_end().to_owned() + "\n"
}

const BY_GUEST: &str = "\
Medians of the runs that moved the guest, if most did. The longest pause is that of any run. Delay: how much later the
application finishes because of the migration, by its own progress.
";

fn runs<'a>(cells: &'a [Cell<'a>]) -> impl Iterator<Item = &'a Run> {
    cells.iter().flat_map(Cell::runs)
}

/// A load average that two hosts and a guest alone do not make.
const BUSY: f64 = 3.0;

/// The measurements: number, machine, and problems.
fn what(cells: &[Cell<'_>], folder: &str) -> String {
    let of = |value: fn(&Run) -> String| {
        let all: BTreeSet<_> = runs(cells).map(value).collect();
        all.into_iter().collect::<Vec<_>>().join("; ")
    };
    let dates: BTreeSet<_> = runs(cells).map(|run| &run.machine.date).collect();
    let mut text = introduction();
    // Writing to a String cannot fail, here and below.
    let _ = writeln!(
        text,
        "\n{} runs on {} pairs of guest and link, from {} to {} UTC, on {}, at commit {}, with libvirt {} and QEMU {}. \
         Every run: [{folder}/results.csv]({folder}/results.csv).\n",
        runs(cells).count(),
        cells.len(),
        dates.first().map_or("-", |date| date.as_str()),
        dates.last().map_or("-", |date| date.as_str()),
        of(|run| run.machine.name()),
        of(|run| format!("`{}`", run.machine.commit)),
        of(|run| run.machine.libvirt.clone()),
        of(|run| run.machine.qemu.clone()),
    );
    let corrupt = runs(cells)
        .filter(|run| run.measured.corrupt_pages > 0)
        .count();
    let copies = runs(cells)
        .filter(|run| run.measured.running_copies != 1)
        .count();
    let booted = runs(cells).filter(|run| run.booted).count();
    let _ = writeln!(
        text,
        "Runs after which a page was corrupt: {corrupt}; after which not exactly one copy ran: {copies}. \
         Runs with a guest that had just booted: {booted}."
    );
    let busy = runs(cells).filter(|run| run.load > BUSY).count();
    if busy > 0 {
        let _ = writeln!(
            text,
            "\n**{busy} runs began on a machine with a load above {BUSY}: something else ran, and they show little.**"
        );
    }
    for cell in cells {
        let machines: BTreeSet<_> = cell.runs().map(|run| run.machine.name()).collect();
        if machines.len() > 1 {
            let _ = writeln!(
                text,
                "\n**{} was measured on {} kinds of machine: its laws compare less well.**",
                cell.name(),
                machines.len()
            );
        }
        let fewest = cell.entries.iter().map(|e| e.runs.len()).min().unwrap_or(0);
        let most = cell.entries.iter().map(|e| e.runs.len()).max().unwrap_or(0);
        if fewest < most {
            let _ = writeln!(
                text,
                "\n**{} is not complete: {fewest} to {most} runs a law.**",
                cell.name()
            );
        }
    }
    text
}

fn introduction() -> String {
    format!(
        "\
Written by `make bench`. Guests that compute are moved between two real libvirt hosts with real QEMU, under every law
in turn, the order drawn anew for each repeat.

* **Pause**: the silence between the guest's last heartbeat on one host and its first on the other.
* **J** = pause + delta x time under pre-copy: what the migration costs an application that pre-copy slows down by delta.
* **Oracle**: the least J of stops forced at times around the ends of the first iterations. Each time is run as often as
  a law is; the median of its runs counts. A law may beat it: the times are few. A guest with a cycle has none: each
  repeat begins at another moment of the cycle, the same for all laws, and no time is the best for all.
* A migration that has not ended after the time stated with its guest is aborted and counts as not completed.
* A law whose clock was made for larger guests is run as published, and with its times scaled to the guest's iteration 1
  over that of 64 GiB at 10 Gbit/s ({:.1} s). On each guest and link **the better of the two** counts.
* XBZRLE sends only the changed bytes of a page. *Adaptive* is libvirt-hpc's law, which enables it on links of up to 400
  MB/s; oVirt and Proxmox always do, together with auto-converge; the others, adaptive with post-copy, and the forced
  stops go without. *Adaptive, without XBZRLE* shows its share. Its cache is QEMU's 64 MiB for them, and for adaptive 64 or
  128, by the first sync: as much as these guests rewrite. For a larger guest QEMU's cache would hold next to nothing.
",
        REFERENCE_ROUND.as_secs_f64()
    )
}

fn judged(verdicts: &[Verdict]) -> String {
    let mut table = Table::new(&["claim", "measured", "holds"]);
    for verdict in verdicts {
        let holds = match verdict.met {
            Some(true) => "yes",
            Some(false) => "**no: missed**",
            None => "not measured",
        };
        table.row(&[
            verdict.claim.to_owned(),
            verdict.figure.clone(),
            holds.to_owned(),
        ]);
    }
    table.text()
}

const OVERALL: [&str; 14] = [
    "law",
    "moved",
    "pairs it ends on",
    "J/oracle 10 %",
    "worst",
    "J/oracle 2 %",
    "J/oracle 30 %",
    "J, x adaptive",
    "with work lost, x adaptive",
    "pause, x adaptive",
    "pause, x shortest forced",
    "total, x adaptive",
    "delay, s",
    "less adaptive, s",
];

fn overall(laws: &[Overall]) -> String {
    debug_assert_eq!(DELTAS.len(), 3);
    let mut table = Table::new(&OVERALL);
    for law in laws.iter().filter(|o| o.law.class != Class::Postcopy) {
        table.row(&[
            law.law.title.to_owned(),
            format!("{} of {}", law.completed.0, law.completed.1),
            format!("{} of {}", law.cells.0, law.cells.1),
            ratio(law.regret[0].mean),
            ratio(law.regret[0].worst),
            ratio(law.regret[1].mean),
            ratio(law.regret[2].mean),
            ratio(law.j_over_adaptive[0]),
            ratio(law.cost_over_adaptive),
            ratio(law.pause_over_adaptive),
            ratio(law.pause_over_forced),
            ratio(law.total_over_adaptive),
            seconds(law.delay_ms),
            gap(law.delay_less_adaptive_ms),
        ]);
    }
    format!("{OVERALL_WORDS}\n{}", table.text())
}

const OVERALL_WORDS: &str = "\
Geometric means over the guests and links on which most of a law's runs ended; delays are arithmetic means, their gaps
with the standard error. A law that completes only easy migrations is compared with adaptive only there. A law that
throttles pauses shortly because its guest has slowed down: J leaves that work out, *with work lost* counts it. The shortest
pause of the forced stops is what choosing the moment alone can achieve; less takes XBZRLE or a slower guest. Post-copy
has its own table below, because J leaves out its cost.
";

fn postcopy(cells: &[Cell<'_>]) -> String {
    let mut table = Table::new(&[
        "guest, link",
        "law",
        "pause, ms",
        "total, s",
        "delay, s",
        "adaptive: pause, ms",
        "total, s",
        "delay, s",
        "sooner done",
    ]);
    for cell in cells {
        let Some(adaptive) = cell.better(ADAPTIVE) else {
            continue;
        };
        for entry in cell
            .entries
            .iter()
            .filter(|e| e.law.class == Class::Postcopy)
        {
            let sooner = match (entry.delay_ms(), adaptive.delay_ms()) {
                (Some(other), Some(own)) if other < own => entry.law.title,
                (Some(_), Some(_)) => "adaptive",
                _ => "-",
            };
            table.row(&[
                cell.name(),
                entry.law.title.to_owned(),
                millis(entry.pause_ms()),
                seconds(entry.total_ms()),
                seconds(entry.delay_ms()),
                millis(adaptive.pause_ms()),
                seconds(adaptive.total_ms()),
                seconds(adaptive.delay_ms()),
                sooner.to_owned(),
            ]);
        }
    }
    format!("{NO_PAUSE_OF_POSTCOPY}: {POSTCOPY}\n{}", table.text())
}

/// The slowdown of the programs by pre-copy and by missing memory.
#[expect(clippy::cast_precision_loss, reason = "a share of a million")]
fn slowdown(cells: &[Cell<'_>]) -> String {
    let Some(fit) = SlowdownFit::of(runs(cells)) else {
        return String::new();
    };
    let precopy = format!(
        "a delta of {:.3} ± {:.3}",
        fit.precopy.value, fit.precopy.error
    );
    let (equation, found, uses) = match fit.missing {
        None => ("", precopy, String::new()),
        Some(missing) => (
            " + sigma x post-copy",
            format!(
                "{precopy}, and for the time in which memory is missing a sigma of {:.2} ± {:.2}",
                missing.value, missing.error
            ),
            format!(", and a sigma of {:.2}", FETCH_PPM as f64 / 1e6),
        ),
    };
    format!(
        "By {} runs of programs without phases that were not throttled, delay = pause + delta x pre-copy{equation} has \
         {found} (least squares, standard errors). The law uses the policy's delta, 0.10 here{uses}.\n\n",
        fit.runs
    )
}

const POSTCOPY: &str = "\
the pause here is the silence between two heartbeats. It is short, and the guest then waits for each missing page: compare
delays. A network that fails meanwhile loses the guest, so no policy has it by default. *Adaptive, or post-copy* is the law
of a guest whose owner allows it: it switches to post-copy only where it estimates that to cost less.
";
