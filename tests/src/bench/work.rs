//! The benchmark at work: makes the missing runs, block by block.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::Result;
use libvirt_hpc_plugin::clock;

use super::block::Block;
use super::budget::Durations;
use super::guests::Cell;
use super::plan::{Task, missing, tasks};
use super::record::{Line, Probe};
use super::sets::Set;
use super::store::Store;
use crate::rig::Rig;

/// The benchmark at work.
#[derive(Debug)]
pub struct Bench {
    /// The set.
    pub set: Set,
    /// The number of repeats.
    pub repeats: u32,
    /// Only guests on links whose name contains this.
    pub only: String,
    /// Only these laws; none named is all.
    pub laws: Vec<String>,
    /// Only probe each guest on each link, without measuring: whether stock ends there.
    pub probe: bool,
    /// The budget; none is unlimited.
    pub budget: Option<Duration>,
    /// The folder of traces.
    pub traces: PathBuf,
    /// The results.
    pub store: Store,
}

impl Bench {
    /// Makes the missing runs as far as the budget reaches, and returns how many are missing then. A guest and link
    /// that fail are reported, and left for another time.
    pub fn run(&mut self) -> usize {
        let began = clock::now();
        let wanted = |cell: &Cell| cell.name().contains(&self.only);
        let cells: Vec<Cell> = self.set.cells().into_iter().filter(wanted).collect();
        if cells.is_empty() {
            println!("this set has no guest on a link named '{}'", self.only);
        }
        let mut begun = false;
        for (place, cell) in cells.iter().enumerate() {
            let open = self.open(cell);
            let probed = self.probe && self.store.probe(cell).is_some();
            if open.is_empty() || probed {
                println!("{}: done", cell.name());
                continue;
            }
            // One repeat of all laws is worth making: the others can follow another time.
            let first = open
                .iter()
                .filter(|task| task.key.repeat == open[0].key.repeat);
            let takes = Durations::of(self.store.runs()).sum(&first.cloned().collect::<Vec<_>>());
            if begun && self.left(began).is_some_and(|left| takes > left) {
                println!("no time is left for {} and what follows", cell.name());
                break;
            }
            begun = true;
            if let Err(error) = self.block(cell, &cells[place + 1..], began) {
                eprintln!("{}: given up for now: {error:#}", cell.name());
            }
        }
        cells.iter().map(|cell| self.open(cell).len()).sum()
    }

    /// The missing runs of a guest on a link. Before its probe the forced stops are not known.
    fn open(&self, cell: &Cell) -> Vec<Task> {
        let unknown = Probe::unknown(cell);
        let probe = self.store.probe(cell).unwrap_or(&unknown);
        let wanted =
            |task: &Task| self.laws.is_empty() || self.laws.iter().any(|law| law == task.law.name);
        let all = tasks(self.set, cell, probe, self.repeats);
        let wanted = all.into_iter().filter(wanted).collect();
        missing(wanted, &self.store.done())
    }

    /// The remaining budget; none is unlimited.
    fn left(&self, began: Instant) -> Option<Duration> {
        self.budget
            .map(|budget| budget.saturating_sub(began.elapsed()))
    }

    fn block(&mut self, cell: &Cell, later: &[Cell], began: Instant) -> Result<()> {
        println!("{}: bringing up two hosts and the guest", cell.name());
        let rig = Rig::up(&["--rate", cell.link])?;
        let mut block = Block::boot(&rig, *cell)?;
        if self.store.probe(cell).is_none() {
            let probe = block.probe(self.set)?;
            println!("{}: {}", cell.name(), probe.in_words());
            self.store.add(Line::Probe(Box::new(probe)))?;
        }
        let mut tasks = self.open(cell);
        tasks.retain(|_| !self.probe);
        for (place, task) in tasks.iter().enumerate() {
            if self.left(began) == Some(Duration::ZERO) {
                println!("the time is over");
                break;
            }
            self.one(&mut block, task)?;
            let rest = tasks[place + 1..].to_vec();
            self.progress(rest, later, began);
        }
        rig.whole(cell.guest.name)
    }

    /// One run, tried again once with a new guest if the test bed fails.
    fn one(&mut self, block: &mut Block<'_>, task: &Task) -> Result<()> {
        let run = |block: &mut Block<'_>| block.run(self.set, &self.store, &self.traces, task);
        let run = match run(block) {
            Ok(run) => run,
            Err(error) => {
                eprintln!("{}: {error:#}; again", task.key.file_name());
                block.again()?;
                run(block)?
            }
        };
        println!("{}", run.in_words());
        let whole = run.whole();
        self.store.add(Line::Run(Box::new(run)))?;
        if !whole {
            eprintln!("the guest was not whole after that: a new one");
            block.again()?;
        }
        Ok(())
    }

    fn progress(&self, mut rest: Vec<Task>, later: &[Cell], began: Instant) {
        rest.extend(later.iter().flat_map(|cell| self.open(cell)));
        let needed = Durations::of(self.store.runs()).sum(&rest);
        let left = self.left(began).map_or(needed, |left| needed.min(left));
        let minutes = |span: Duration| span.as_secs().div_ceil(60);
        println!(
            "    {} done, {} to go in {} min; {} min gone, about {} min left",
            self.store.runs().count(),
            rest.len(),
            minutes(needed),
            minutes(began.elapsed()),
            minutes(left)
        );
    }
}
