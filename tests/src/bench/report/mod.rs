//! The report: a page with tables, and its pictures.

mod by_guest;
mod curves;
pub(super) mod estimates;
mod page;
mod palette;
mod regret;
mod scatter;
mod table;
mod timeline;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::compare::overall;
use super::laws::ADAPTIVE;
use super::progress::Curve;
use super::store::Store;
use super::summary::{Cell, cells};

/// Writes the page next to the folder of results, as `FOLDER.md`, and the pictures into it.
///
/// # Errors
/// When something cannot be read or written.
pub fn write(store: &Store, traces: &Path) -> Result<PathBuf> {
    let probes: Vec<_> = store.probes().collect();
    let cells = cells(store.runs(), &probes);
    let laws = overall(&cells);
    let folder = store.folder();
    let curves = store.curves()?;
    // A benchmark that was killed may have left it one run behind.
    store.write_table()?;
    scatter::draw(&cells, &laws, &folder.join("pause-and-total.svg"))?;
    regret::draw(&cells, &laws, &folder.join("regret.svg"))?;
    let mut pictures = Vec::new();
    for cell in &cells {
        let name = format!("progress-{}-{}.svg", cell.guest, cell.link);
        if curves::draw(cell, &curves, &folder.join(&name))? {
            pictures.push((cell.name(), name));
        }
    }
    let told = timeline(&cells, &curves, folder, traces)?;
    let text = page::text(&page::Content {
        cells: &cells,
        laws: &laws,
        folder,
        progress: &pictures,
        timeline: told.as_deref(),
    });
    let page = folder.with_extension("md");
    fs::write(&page, text).with_context(|| format!("writing {}", page.display()))?;
    Ok(page)
}

/// A timeline with more kinds of phase cannot be read.
const KINDS_OF_PHASE: usize = 4;

/// The timeline of one run under the adaptive law, of the guest with most phases of a few kinds; its trace is kept with
/// it.
fn timeline(
    cells: &[Cell<'_>],
    curves: &[Curve],
    folder: &Path,
    traces: &Path,
) -> Result<Option<String>> {
    let few = |curve: &Curve| {
        let kinds: BTreeSet<_> = curve.phases.iter().map(|(_, phase)| phase).collect();
        kinds.len() <= KINDS_OF_PHASE
    };
    let adaptive = |curve: &&Curve| {
        curve.key.law == ADAPTIVE && few(curve) && cells.iter().any(|c| c.guest == curve.key.guest)
    };
    let Some(curve) = curves
        .iter()
        .filter(adaptive)
        .max_by_key(|curve| curve.phases.len())
    else {
        return Ok(None);
    };
    let name = format!("{}.trace", curve.key.file_name());
    let kept = folder.join("timeline.trace");
    let source = [traces.join(&name), kept.clone()]
        .into_iter()
        .find(|path| path.exists());
    let Some(source) = source else {
        return Ok(None);
    };
    let trace = fs::read(&source).with_context(|| format!("reading {}", source.display()))?;
    fs::write(&kept, &trace).with_context(|| format!("writing {}", kept.display()))?;
    timeline::draw(&trace, curve, &folder.join("timeline.svg"))?;
    Ok(Some(format!("{}, {}", curve.key.guest, curve.key.link)))
}
