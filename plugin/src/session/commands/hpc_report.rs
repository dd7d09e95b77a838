//! `hpc-report`: the performance of earlier migrations, from their traces.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};

use crate::flags::hpc_commands::ReportArgs;
use crate::harmless::printable;
use crate::report::{self, Format};

/// Reports on the traces of `args` to `out`, or to the file that is asked for. What is wrong with a trace is said to
/// `warnings`; the others, and what could be read of it, are reported all the same, and the exit status is 1.
///
/// # Errors
/// An ending that is no format's, no trace that can be read, or a report that cannot be written.
pub fn command(
    args: &ReportArgs,
    out: &mut dyn Write,
    warnings: &mut dyn Write,
) -> Result<ExitCode> {
    let count = args.traces.len();
    let format = match &args.output {
        Some(file) => Format::of(file, count).with_context(|| cannot("write", file))?,
        None => Format::Markdown,
    };
    let (mut migrations, mut whole) = (Vec::new(), true);
    for path in &args.traces {
        match report::read(path) {
            Ok(migration) => {
                if let Some(problem) = &migration.problem {
                    warn(warnings, &format!("{}: {problem}", path.display()));
                    whole = false;
                }
                migrations.push(migration);
            }
            Err(error) if count == 1 => return Err(error),
            Err(error) => {
                warn(warnings, &format!("{error:#}"));
                whole = false;
            }
        }
    }
    if migrations.is_empty() {
        bail!("none of the traces can be read: there is nothing to report");
    }
    let text = report::render(format, &migrations)?;
    match &args.output {
        Some(file) => fs::write(file, text).with_context(|| cannot("write", file))?,
        None => {
            let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
            written.context("cannot print the report")?;
        }
    }
    Ok(if whole {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn cannot(act: &str, file: &Path) -> String {
    format!("cannot {act} {}", printable(&file.display().to_string()))
}

/// Nowhere is left to say that a warning could not be written; the exit status tells.
pub(super) fn warn(warnings: &mut dyn Write, text: &str) {
    let _ = writeln!(warnings, "virsh-hpc: warning: {}", printable(text));
}
