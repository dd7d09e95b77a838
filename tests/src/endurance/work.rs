//! An endurance run at work.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use libvirt_hpc_plugin::clock;

use super::hosts::{GUESTS, Hosts};
use super::lap::steps;
use super::reading::Reading;
use super::{judge, picture, table};
use crate::json_lines::{append, read, replace};

/// What hosts need to come to rest: an agent polls every 10 s, and closes the connection of a migration before that.
const REST: Duration = Duration::from_secs(15);

/// The file of readings.
const READINGS: &str = "endurance.jsonl";

/// An endurance run.
#[derive(Clone, Debug)]
pub struct Endurance {
    /// How many guests are moved at least.
    pub moves: u64,
    /// How long it takes at least.
    pub lasting: Duration,
    /// Set from outside: no further move is begun.
    pub is_stopped: Arc<AtomicBool>,
    /// The folder of `endurance.jsonl` and `endurance.svg`.
    pub results: PathBuf,
}

/// What has been read so far, and where it goes.
struct Log {
    began: Instant,
    path: PathBuf,
    readings: Vec<Reading>,
}

impl Endurance {
    /// Makes it, prints the table, and returns what did not hold, a sentence each.
    ///
    /// # Errors
    /// When results cannot be written, or the test bed fails.
    pub fn make(&self) -> Result<Vec<String>> {
        std::fs::create_dir_all(&self.results).context("making the folder of results")?;
        let hosts = Hosts::up()?;
        let mut log = Log {
            began: clock::now(),
            path: self.results.join(READINGS),
            readings: Vec::new(),
        };
        replace(&log.path, &log.readings)?;
        log.rest(&hosts)?;
        let mut violations = Vec::new();
        if let Err(error) = self.laps(&hosts, &mut log) {
            // Whoever stops it from a terminal stops its commands, too.
            if !self.is_stopped() {
                violations.push(format!("{error:#}"));
            }
        }
        log.rest(&hosts)?;
        for guest in GUESTS {
            if let Err(error) = hosts.rig().whole(guest) {
                violations.push(format!("{error:#}"));
            }
        }
        violations.extend(report(&log.readings, &self.results)?);
        Ok(violations)
    }

    fn laps(&self, hosts: &Hosts, log: &mut Log) -> Result<()> {
        for lap in 0.. {
            for step in steps() {
                if self.is_over(log) {
                    return Ok(());
                }
                let moved = step.make(hosts, lap)?;
                let migrations = log.migrations() + step.count();
                log.read(hosts, |reading| Reading {
                    migrations,
                    moved: Some(moved),
                    ..reading
                })?;
            }
            hosts.forget_beats()?;
            println!("{}", log.in_words());
        }
        Ok(())
    }

    fn is_stopped(&self) -> bool {
        self.is_stopped.load(Ordering::Relaxed)
    }

    fn is_over(&self, log: &Log) -> bool {
        let is_enough = log.migrations() >= self.moves && log.began.elapsed() >= self.lasting;
        is_enough || self.is_stopped()
    }
}

/// Judges, prints and draws once more what an earlier run has left in the folder `results`.
///
/// # Errors
/// When nothing is there, or it cannot be read or drawn.
pub fn judge_again(results: &Path) -> Result<Vec<String>> {
    let readings: Vec<Reading> = read(&results.join(READINGS))?;
    ensure!(!readings.is_empty(), "no readings in {}", results.display());
    report(&readings, results)
}

/// Draws and prints what was read, and returns what did not hold.
fn report(readings: &[Reading], results: &Path) -> Result<Vec<String>> {
    let drawing = results.join("endurance.svg");
    picture::draw(readings, &drawing).with_context(|| format!("drawing {}", drawing.display()))?;
    print!("{}", table::of(readings));
    Ok(judge::violations(readings))
}

impl Log {
    fn migrations(&self) -> u64 {
        self.readings.last().map_or(0, |reading| reading.migrations)
    }

    fn read(&mut self, hosts: &Hosts, what: impl FnOnce(Reading) -> Reading) -> Result<()> {
        let reading = what(Reading {
            at_s: self.began.elapsed().as_secs_f64(),
            migrations: self.migrations(),
            moved: None,
            hosts: hosts.read()?,
        });
        append(&self.path, &reading)?;
        self.readings.push(reading);
        Ok(())
    }

    fn rest(&mut self, hosts: &Hosts) -> Result<()> {
        sleep(REST);
        self.read(hosts, |reading| reading)
    }

    /// The last reading in a line.
    fn in_words(&self) -> String {
        let Some(last) = self.readings.last() else {
            return String::new();
        };
        let [a, b] = last.hosts.map(|host| host.agent);
        format!(
            "{:6.1} min {:>5} migrations; agents: {} and {} KiB, {} and {} descriptors, {} and {} threads",
            last.at_s / 60.0,
            last.migrations,
            a.rss_kib,
            b.rss_kib,
            a.descriptors,
            b.descriptors,
            a.threads,
            b.threads
        )
    }
}
