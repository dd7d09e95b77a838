//! The folder of results.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use super::csv_export;
use super::guests::Cell;
use super::progress::Curve;
use super::record::{FORMAT, Key, Line, Probe, Run};
use crate::json_lines::{append, cut_short, read, replace};

const RESULTS: &str = "results.jsonl";
const TABLE: &str = "results.csv";
const CURVES: &str = "progress.jsonl";

/// The results so far, and where they are.
#[derive(Debug)]
pub struct Store {
    folder: PathBuf,
    lines: Vec<Line>,
}

impl Store {
    /// Reads `folder`, and makes it if it does not exist. An incomplete last line, of a benchmark that was killed, is
    /// removed.
    ///
    /// # Errors
    /// When a file cannot be read, or a line has another format.
    pub fn open(folder: &Path) -> Result<Self> {
        fs::create_dir_all(folder).with_context(|| format!("making {}", folder.display()))?;
        cut_short(&folder.join(CURVES))?;
        cut_short(&folder.join(RESULTS))?;
        let lines: Vec<Line> = read(&folder.join(RESULTS))?;
        let format = |line: &Line| match line {
            Line::Probe(probe) => probe.format,
            Line::Run(run) => run.format,
        };
        let alien = lines.iter().map(format).find(|format| *format != FORMAT);
        ensure!(
            alien.is_none(),
            "{} has format {}, this program reads {FORMAT}: move it away and begin anew",
            folder.join(RESULTS).display(),
            alien.unwrap_or(0)
        );
        let folder = folder.to_owned();
        Ok(Self { folder, lines })
    }

    /// Where the results are.
    #[must_use]
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The runs, as they were made.
    pub(super) fn runs(&self) -> impl Iterator<Item = &Run> {
        self.lines.iter().filter_map(|line| match line {
            Line::Run(run) => Some(run.as_ref()),
            Line::Probe(_) => None,
        })
    }

    pub(super) fn probes(&self) -> impl Iterator<Item = &Probe> {
        self.lines.iter().filter_map(|line| match line {
            Line::Probe(probe) => Some(probe.as_ref()),
            Line::Run(_) => None,
        })
    }

    /// The runs that need not be made again.
    #[must_use]
    pub(super) fn done(&self) -> HashSet<Key> {
        self.runs().map(|run| run.key.clone()).collect()
    }

    /// The probe of a guest on a link.
    #[must_use]
    pub(super) fn probe(&self, cell: &Cell) -> Option<&Probe> {
        let here = |probe: &&Probe| probe.guest == cell.guest.name && probe.link == cell.link;
        self.probes().find(here)
    }

    /// The curves of progress that were kept.
    ///
    /// # Errors
    /// When they cannot be read.
    pub(super) fn curves(&self) -> Result<Vec<Curve>> {
        read(&self.folder.join(CURVES))
    }

    /// Writes one more line, to the disk, and the table of all runs.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(super) fn add(&mut self, line: Line) -> Result<()> {
        append(&self.folder.join(RESULTS), &line)?;
        self.lines.push(line);
        self.write_table()
    }

    /// Writes the table of all runs.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(super) fn write_table(&self) -> Result<()> {
        csv_export::write(&self.folder.join(TABLE), self.runs())
    }

    /// Writes one more curve.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(super) fn add_curve(&self, curve: &Curve) -> Result<()> {
        append(&self.folder.join(CURVES), curve)
    }

    /// Forgets the runs of a law with guests on links whose name contains `only`, so that they are made again.
    ///
    /// # Errors
    /// When the files cannot be written.
    pub fn forget(&mut self, law: &str, only: &str) -> Result<usize> {
        let is_kept = |key: &Key| key.law != law || !key.cell_name().contains(only);
        let before = self.lines.len();
        self.lines.retain(|line| match line {
            Line::Run(run) => is_kept(&run.key),
            Line::Probe(_) => true,
        });
        let mut curves = self.curves()?;
        curves.retain(|curve| is_kept(&curve.key));
        replace(&self.folder.join(CURVES), &curves)?;
        replace(&self.folder.join(RESULTS), &self.lines)?;
        self.write_table()?;
        Ok(before - self.lines.len())
    }
}
