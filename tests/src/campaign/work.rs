//! A campaign at work: makes the runs that are missing.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use libvirt_hpc_plugin::clock;

use super::check;
use super::field::{self, Field};
use super::plan::Plan;
use super::run;
use super::store::{Run, Store};
use crate::rig::Rig;

/// How often a run is tried on new hosts when the test bed fails.
const TRIES: usize = 2;

/// A campaign.
#[derive(Clone, Debug)]
pub struct Campaign {
    /// What all runs are drawn from.
    pub seed: u64,
    /// The number of runs.
    pub runs: u64,
    /// The one run to make, made before or not; none is all that are missing.
    pub only: Option<u64>,
    /// When no further run is begun; none is never.
    pub budget: Option<Duration>,
    /// The folder of results.
    pub results: PathBuf,
}

impl Campaign {
    /// Makes the runs that are missing, and returns how many of those made here have violations.
    ///
    /// # Errors
    /// When results cannot be read or written, or the test bed fails.
    pub fn make(&self) -> Result<usize> {
        let began = clock::now();
        let mut store = Store::open(&self.results)?;
        let numbers: Vec<u64> = match self.only {
            Some(number) => vec![number],
            None => (0..self.runs)
                .filter(|n| !store.has(self.seed, *n))
                .collect(),
        };
        let mut hosts = None;
        let mut violated = 0;
        for number in numbers {
            if self.budget.is_some_and(|budget| began.elapsed() > budget) {
                println!("the time is over");
                break;
            }
            let run = self.one(number, &mut hosts)?;
            println!("{}", run.in_words());
            if !run.violations.is_empty() {
                violated += 1;
                println!(
                    "     again: make campaign SEED={} CAMPAIGN='--only {number}'",
                    self.seed
                );
                // What went wrong must not meet the next run.
                hosts = None;
            }
            store.add(run)?;
        }
        Ok(violated)
    }

    fn one(&self, number: u64, hosts: &mut Option<Rig>) -> Result<Run> {
        let plan = Plan::draw(self.seed, number);
        let mut tries = 1;
        loop {
            let began = clock::now();
            let rig = match hosts.take() {
                Some(rig) => rig,
                None => field::bring_up()?,
            };
            match run::run(&Field::new(&rig, plan.source), &plan) {
                Ok(found) => {
                    *hosts = Some(rig);
                    return Ok(Run {
                        seed: self.seed,
                        number,
                        took_ms: u64::try_from(began.elapsed().as_millis())?,
                        violations: check::violations(&plan, &found),
                        plan,
                        found,
                    });
                }
                Err(error) if tries < TRIES => {
                    eprintln!(
                        "{number}: {error:#}; again on new hosts: {}",
                        plan.in_words()
                    );
                    tries += 1;
                }
                Err(error) => {
                    return Err(error).context(format!("run {number}: {}", plan.in_words()));
                }
            }
        }
    }
}
