//! Listens to the test guests' heartbeats on a host, and reads the log.

use anyhow::{Context, Result, bail};
use libvirt_hpc_guest::beat::Beat;
use libvirt_hpc_guest::curve::Window;
use libvirt_hpc_guest::delay::Delay;
use libvirt_hpc_guest::listen::{ask_to_verify, heard, listen, now_ns};
use libvirt_hpc_guest::report::{At, BASELINE_NS, measure};
use std::path::Path;
use std::process::ExitCode;
use std::str::FromStr;
use std::thread;
use std::time::{Duration, Instant};

const USAGE: &str = "usage: rig-listen now
       rig-listen listen SOCKET LOG
       rig-listen ready GUEST SINCE_NS SECONDS LOG
       rig-listen verify GUEST SOCKET SECONDS LOG
       rig-listen report [--delay BASELINE_MS AFTER_MS] GUEST SINCE_NS RUNNING_COPIES HOST=LOG...
       rig-listen curve GUEST SINCE_NS BEFORE_MS AFTER_MS EVERY_MS HOST=LOG...";
const POLL: Duration = Duration::from_millis(100);
/// A guest that lives is heard within so many seconds.
const HEARD_S: u64 = 5;
/// Added to a baseline, for the beat before it.
const RECENT_NS: u64 = 2_000_000_000;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("rig-listen: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["now"] => println!("{}", now_ns()),
        ["listen", socket, log] => listen(Path::new(socket), Path::new(log))?,
        ["ready", guest, since, seconds, log] => {
            let log = Log {
                guest,
                path: Path::new(log),
            };
            log.wait(
                number(since)?,
                number(seconds)?,
                "running its workload",
                |beat| beat.ready,
            )?;
        }
        ["verify", guest, socket, seconds, log] => {
            let log = Log {
                guest,
                path: Path::new(log),
            };
            verify(&log, Path::new(socket), number(seconds)?)?;
        }
        [
            "report",
            "--delay",
            baseline,
            after,
            guest,
            since,
            copies,
            logs @ ..,
        ] => {
            let delay = Delay {
                baseline_ns: ms(baseline)?,
                after_ns: Some(ms(after)?),
            };
            report(guest, number(since)?, number(copies)?, Some(delay), logs)?;
        }
        ["report", guest, since, copies, logs @ ..] => {
            report(guest, number(since)?, number(copies)?, None, logs)?;
        }
        ["curve", guest, since, before, after, every, logs @ ..] => {
            let window = Window {
                since_ns: number(since)?,
                before_ns: ms(before)?,
                after_ns: ms(after)?,
                every_ns: ms(every)?,
            };
            curve(guest, &window, logs)?;
        }
        _ => bail!("{USAGE}"),
    }
    Ok(())
}

struct Log<'a> {
    guest: &'a str,
    path: &'a Path,
}

impl Log<'_> {
    /// The first beat since `since_ns` of which `what` is true, within `seconds`.
    fn wait(
        &self,
        since_ns: u64,
        seconds: u64,
        doing: &str,
        what: impl Fn(&Beat) -> bool,
    ) -> Result<Beat> {
        let begin = Instant::now();
        while begin.elapsed() < Duration::from_secs(seconds) {
            let beats = heard(self.path, self.guest, since_ns)?;
            if let Some(found) = beats.into_iter().find(|h| what(&h.beat)) {
                return Ok(found.beat);
            }
            thread::sleep(POLL);
        }
        bail!("guest {}: not heard {doing} within {seconds} s", self.guest)
    }
}

fn verify(log: &Log<'_>, socket: &Path, seconds: u64) -> Result<()> {
    // Only beats from now on count: a restored guest continues from where it was saved, and the one that beats is
    // asked.
    let before = log.wait(now_ns(), HEARD_S, "at all", |_| true)?.verified;
    let asked = now_ns();
    ask_to_verify(socket, log.guest)?;
    let after = log.wait(asked, seconds, "done with verifying", |beat| {
        beat.verified > before
    })?;
    println!("{}", after.corrupt);
    if after.corrupt > 0 {
        bail!("guest {}: {} corrupt pages", log.guest, after.corrupt);
    }
    Ok(())
}

fn report(
    guest: &str,
    since_ns: u64,
    running_copies: u64,
    delay: Option<Delay>,
    logs: &[&str],
) -> Result<()> {
    // A beat before the baseline begins is part of it.
    let baseline_ns = delay.map_or(BASELINE_NS, |d| d.baseline_ns.max(BASELINE_NS) + RECENT_NS);
    let beats = all_heard(guest, since_ns.saturating_sub(baseline_ns), logs)?;
    let near_ns = since_ns.saturating_sub(BASELINE_NS);
    let near = beats.partition_point(|at| at.heard.at_ns < near_ns);
    let mut report = measure(&beats[near..], since_ns)
        .with_context(|| format!("guest {guest}: not heard since"))?;
    report.running_copies = running_copies;
    report.delay_ms = delay.and_then(|delay| delay.of(&beats, since_ns));
    println!("{}", serde_json::to_string_pretty(&report)?);
    Ok(())
}

fn curve(guest: &str, window: &Window, logs: &[&str]) -> Result<()> {
    let from_ns = window.since_ns.saturating_sub(window.before_ns);
    let points = window.curve(&all_heard(guest, from_ns, logs)?);
    println!("{}", serde_json::to_string(&points)?);
    Ok(())
}

/// The heartbeats of `guest` in the logs of `HOST=LOG` since `since_ns`, in order of time.
fn all_heard<'a>(guest: &str, since_ns: u64, logs: &[&'a str]) -> Result<Vec<At<'a>>> {
    let mut beats = Vec::new();
    for pair in logs {
        let (host, log) = pair
            .split_once('=')
            .with_context(|| format!("`{pair}` is not HOST=LOG"))?;
        let found = heard(Path::new(log), guest, since_ns)?;
        beats.extend(found.into_iter().map(|heard| At { host, heard }));
    }
    beats.sort_by_key(|at| at.heard.at_ns);
    Ok(beats)
}

/// Milliseconds, in nanoseconds.
fn ms(text: &str) -> Result<u64> {
    number::<u64>(text)?
        .checked_mul(1_000_000)
        .with_context(|| format!("`{text}` is too many milliseconds"))
}

fn number<T: FromStr>(text: &str) -> Result<T> {
    text.parse()
        .ok()
        .with_context(|| format!("`{text}` is not a number in range"))
}
