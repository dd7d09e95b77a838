//! The file's shape, as TOML has it.

use std::path::PathBuf;

use glob::Pattern;
use libvirt_hpc_xml_schemas as xml;
use serde::Deserialize;
use toml::Spanned;

use super::value::{self, Level, Number};
use super::{Config, Mark, Traces};

/// The longest piece of the file in a message.
const MAX_QUOTED_CHARS: usize = 60;

const KEEP_FILES_MAX: u64 = 1_000_000;
const KEEP_MIB_MAX: u64 = 16 * 1024 * 1024;
const KEEP_DAYS_MAX: u64 = 36_500;
const MIB: u64 = 1024 * 1024;

#[derive(Deserialize)]
#[serde(default, deny_unknown_fields)]
struct File {
    #[serde(deserialize_with = "value::uri")]
    uri: String,
    observe: bool,
    insist: bool,
    log_level: Level,
    mark: MarkTable,
    policy: PolicyTable,
    traces: TracesTable,
    metrics: MetricsTable,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct MarkTable {
    all: bool,
    #[serde(deserialize_with = "value::patterns")]
    names: Vec<Pattern>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct PolicyTable {
    #[serde(deserialize_with = "value::millipercent")]
    slowdown_percent: Option<u32>,
    downtime_max_ms: Option<Number<1, { xml::DOWNTIME_MAX_MS as u64 }>>,
    deadline_seconds: Option<Number<1, { xml::DEADLINE_MAX_SECONDS as u64 }>>,
    deadline_then: Option<Spanned<xml::Then>>,
    bandwidth_max_mib_per_s: Option<Number<1, { xml::BANDWIDTH_MAX_MIB_PER_S }>>,
    postcopy_allowed: Option<bool>,
    compression_allowed: Option<bool>,
}

#[derive(Deserialize)]
#[serde(default, deny_unknown_fields)]
struct TracesTable {
    enabled: bool,
    #[serde(deserialize_with = "value::directory")]
    directory: PathBuf,
    keep_files: Number<1, KEEP_FILES_MAX>,
    keep_mib: Number<1, KEEP_MIB_MAX>,
    keep_days: Number<1, KEEP_DAYS_MAX>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct MetricsTable {
    #[serde(deserialize_with = "value::some_directory")]
    directory: Option<PathBuf>,
}

impl Default for File {
    fn default() -> Self {
        let config = Config::default();
        Self {
            uri: config.uri,
            observe: config.observe,
            insist: config.insist,
            log_level: Level(config.log_level),
            mark: MarkTable::default(),
            policy: PolicyTable::default(),
            traces: TracesTable::default(),
            metrics: MetricsTable::default(),
        }
    }
}

impl Default for TracesTable {
    fn default() -> Self {
        let traces = Traces::default();
        Self {
            enabled: true,
            directory: traces.directory,
            keep_files: Number(traces.keep_files as u64),
            keep_mib: Number(traces.keep_bytes / MIB),
            keep_days: Number(traces.keep_days.into()),
        }
    }
}

/// The configuration in `text`, or the line of what is wrong with it, from 1, and what that is.
pub(super) fn parse(text: &str) -> Result<Config, (usize, String)> {
    let file: File = toml::from_str(text).map_err(|error| {
        let at = error.span().map_or(0, |span| span.start);
        fail(text, at, error.message())
    })?;
    let policy = file
        .policy
        .read()
        .map_err(|(at, why)| fail(text, at, why))?;
    Ok(Config {
        uri: file.uri,
        observe: file.observe,
        insist: file.insist,
        log_level: file.log_level.0,
        mark: Mark {
            all: file.mark.all,
            names: file.mark.names,
        },
        policy,
        problems: Vec::new(),
        traces: file.traces.read(),
        metrics: file.metrics.directory,
    })
}

impl PolicyTable {
    /// The policy, or where something in it contradicts the rest.
    fn read(self) -> Result<xml::Policy, (usize, &'static str)> {
        Ok(xml::Policy {
            slowdown_millipercent: self.slowdown_percent,
            deadline: self.deadline()?,
            downtime_max_ms: self.downtime_max_ms.map(Number::get_u32),
            bandwidth_max_mib_per_s: self.bandwidth_max_mib_per_s.map(|number| number.0),
            postcopy_allowed: self.postcopy_allowed,
            compression_allowed: self.compression_allowed,
            job: None,
        })
    }

    fn deadline(&self) -> Result<Option<xml::Deadline>, (usize, &'static str)> {
        let Some(then) = &self.deadline_then else {
            let then = xml::Then::default();
            let seconds = self.deadline_seconds.map(Number::get_u32);
            return Ok(seconds.map(|seconds| xml::Deadline { seconds, then }));
        };
        let at = then.span().start;
        let Some(seconds) = self.deadline_seconds else {
            return Err((at, "deadline_then needs deadline_seconds beside it"));
        };
        let then = *then.get_ref();
        if then == xml::Then::Postcopy && self.postcopy_allowed != Some(true) {
            return Err((at, "postcopy at the deadline needs postcopy_allowed = true"));
        }
        let seconds = seconds.get_u32();
        Ok(Some(xml::Deadline { seconds, then }))
    }
}

impl TracesTable {
    fn read(self) -> Option<Traces> {
        self.enabled.then(|| Traces {
            directory: self.directory,
            keep_files: self.keep_files.get_usize(),
            keep_bytes: self.keep_mib.0 * MIB,
            keep_days: self.keep_days.get_u32(),
        })
    }
}

/// `why`, with the line that is to blame.
fn fail(text: &str, at: usize, why: &str) -> (usize, String) {
    let before = text.get(..at).unwrap_or(text);
    let line = before.bytes().filter(|byte| *byte == b'\n').count();
    let found = text.lines().nth(line).unwrap_or_default().trim();
    let mut quoted: String = found.chars().take(MAX_QUOTED_CHARS).collect();
    if quoted.len() < found.len() {
        quoted.push('…');
    }
    let reason = match quoted.is_empty() {
        true => why.to_owned(),
        false => format!("{why}, in: {quoted}"),
    };
    (line + 1, crate::agent::process::log::one_line(&reason))
}
