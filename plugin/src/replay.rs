//! Deciding a recorded migration again: the samples and outcomes of a trace, fed to a fresh controller; or to one of
//! each law, to see where it would have stopped.

mod print;
mod recording;
mod run;
mod stops;
mod table;

use std::fs::File;
use std::io::{BufReader, Write};
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result};

pub use recording::Recording;
pub use run::{Difference, Replay, Step, Verdict, replay};
pub use stops::{LawStop, Stop, Stops, Way, limit_before_ms, stop_under, stops};

use crate::flags::ReplayLaw;
use crate::trace;

/// `hpc-replay`: replays the trace at `path` by `law`, by each of them, or by its own; prints to `out`.
///
/// Exit status 1 if the same law in the same version decides differently.
///
/// # Errors
/// When the trace cannot be read, or `out` not written.
pub fn command(
    path: &Path,
    law: Option<ReplayLaw>,
    json: bool,
    out: &mut dyn Write,
) -> Result<ExitCode> {
    let what = || format!("cannot replay the trace {}", path.display());
    let file = File::open(path).with_context(what)?;
    let records = trace::read(BufReader::new(file));
    let law = match law {
        Some(ReplayLaw::All) => {
            let stops = stops(records).with_context(what)?;
            table::print(&stops, json, out).context("cannot print the comparison")?;
            return Ok(ExitCode::SUCCESS);
        }
        Some(ReplayLaw::One(law)) => Some(law),
        None => None,
    };
    let replay = replay(records, law).with_context(what)?;
    let printed = if json {
        print::json(&replay, out)
    } else {
        print::text(&replay, out)
    };
    printed.context("cannot print the replay")?;
    Ok(match replay.verdict {
        Verdict::Differs(_) if replay.comparable() => ExitCode::FAILURE,
        _ => ExitCode::SUCCESS,
    })
}

#[cfg(test)]
mod tests;
