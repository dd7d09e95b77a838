//! `hpc-history`: earlier migrations, a line each, from their traces.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::SystemTime;

use anyhow::{Context, Result};

use super::hpc_report::warn;
use crate::agent::process::config::{Config, Traces};
use crate::flags::hpc_commands::HistoryArgs;
use crate::harmless::printable;
use crate::report::history::{self, Filter, Format, History, Listed};
use crate::report::{self, Migration};

/// Lists the migrations that `args` asks for to `out`. What is wrong with a trace is said to `warnings`; the others, and
/// what could be read of it, are listed all the same, and the exit status is 1.
///
/// # Errors
/// A folder that cannot be read, or a list that cannot be written.
pub fn command(
    args: &HistoryArgs,
    now: SystemTime,
    out: &mut dyn Write,
    warnings: &mut dyn Write,
) -> Result<ExitCode> {
    let folder = match &args.traces {
        Some(folder) => folder.clone(),
        None => agents_folder(warnings),
    };
    let cannot = || {
        let folder = printable(&folder.display().to_string());
        format!("cannot list the traces in {folder}")
    };
    let filter = filter(args, now);
    let (mut history, mut whole) = (History::default(), true);
    for listed in history::list(&folder).with_context(cannot)? {
        match read(&listed, &filter) {
            Ok(None) => {}
            Ok(Some(migration)) => {
                if let Some(problem) = &migration.problem {
                    warn(warnings, &format!("{}: {problem}", listed.path.display()));
                    whole = false;
                }
                if filter.wants_end(&migration) {
                    history.push(&migration);
                }
            }
            // The agent has removed it since, as too old.
            Err(error) if is_gone(&error) => {}
            Err(error) => {
                warn(warnings, &format!("{error:#}"));
                whole = false;
            }
        }
    }
    let text = history.render(format(args))?;
    let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    written.context("cannot print the history")?;
    Ok(if whole {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// One that is not wanted is read no further than its first record.
fn read(listed: &Listed, filter: &Filter) -> Result<Option<Migration>> {
    if !filter.wants_time(listed.recorded.as_ref()) {
        return Ok(None);
    }
    report::read_if(&listed.path, |begin, _| filter.wants_begin(begin))
}

fn is_gone(error: &anyhow::Error) -> bool {
    let source = error.downcast_ref::<io::Error>();
    source.is_some_and(|source| source.kind() == io::ErrorKind::NotFound)
}

/// Where the agent keeps its traces. Its configuration may be wrong, or not for everybody to read.
fn agents_folder(warnings: &mut dyn Write) -> PathBuf {
    let usual = Traces::default().directory;
    match Config::read(None) {
        Ok(config) => config.traces.map_or(usual, |traces| traces.directory),
        Err(error) => {
            let folder = usual.display();
            let text =
                format!("{error}; the traces are read from {folder}, their default directory");
            warn(warnings, &text);
            usual
        }
    }
}

fn filter(args: &HistoryArgs, now: SystemTime) -> Filter {
    Filter {
        domain: args.domain.clone(),
        since: args.since.map(|moment| moment.before(now)),
        until: args.until.map(|moment| moment.before(now)),
        destination: args.destination.clone(),
        result: args.result,
    }
}

const fn format(args: &HistoryArgs) -> Format {
    match (args.json, args.csv) {
        (true, _) => Format::Json,
        (false, true) => Format::Csv,
        (false, false) => Format::Table,
    }
}
