//! The configuration in words.

use std::fmt;

use libvirt_hpc_xml_schemas::Policy;

use super::{Config, Mark, Traces};
use crate::harmless::printable;
use crate::in_words;

impl Config {
    /// What it means, in one line for the log.
    #[must_use]
    pub fn describe(&self) -> String {
        self.lines().join("; ")
    }

    fn lines(&self) -> [String; 7] {
        let migrations = match (self.observe, self.insist) {
            (true, _) => "observed only, nothing is changed",
            (false, true) => "controlled, and a downtime limit that others change is set again",
            (false, false) => "controlled",
        };
        let traces = self.traces.as_ref().map(ToString::to_string);
        let metrics = self.metrics.as_ref().map(|directory| {
            let directory = directory.display();
            format!("in {directory}, for node_exporter's textfile collector")
        });
        let level = self.log_level.as_str().to_lowercase();
        [
            format!("libvirt: {}", self.uri),
            format!("migrations: {migrations}"),
            format!("domains: {}", self.mark),
            format!("policy where a domain has none: {}", InWords(&self.policy)),
            format!("traces: {}", traces.as_deref().unwrap_or("none")),
            format!("metrics: {}", metrics.as_deref().unwrap_or("none")),
            format!("log: {level} and what is more serious"),
        ]
        .map(|line| printable(&line))
    }
}

impl fmt::Display for Config {
    /// What it means, one line for each thing decided, without the last line's end.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.lines().join("\n"))
    }
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.all {
            return f.write_str("all");
        }
        f.write_str("those marked in their own XML")?;
        if !self.names.is_empty() {
            let names: Vec<_> = self.names.iter().map(glob::Pattern::as_str).collect();
            write!(f, ", and those named {}", names.join(", "))?;
        }
        Ok(())
    }
}

impl fmt::Display for Traces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            directory,
            keep_files,
            keep_bytes,
            keep_days,
        } = self;
        let size = in_words::mib(*keep_bytes);
        let directory = directory.display();
        write!(
            f,
            "in {directory}, {keep_files} files, {size} and {keep_days} days at most"
        )
    }
}

struct InWords<'p>(&'p Policy);

impl fmt::Display for InWords<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let policy = self.0;
        let slowdown = policy
            .slowdown_millipercent
            .map(|value| format!("slowdown {} %", f64::from(value) / 1000.0));
        let downtime = policy
            .downtime_max_ms
            .map(|ms| format!("downtime {ms} ms at most"));
        let deadline = policy
            .deadline
            .map(|deadline| format!("deadline {} s, then {}", deadline.seconds, deadline.then));
        let bandwidth = policy
            .bandwidth_max_mib_per_s
            .map(|speed| format!("bandwidth {speed} MiB/s at most"));
        let permission = |what: &str, given: bool| {
            let not = if given { "" } else { "not " };
            format!("{what} {not}allowed")
        };
        let postcopy = policy
            .postcopy_allowed
            .map(|given| permission("post-copy", given));
        let compression = policy
            .compression_allowed
            .map(|given| permission("compression", given));
        let said = [
            slowdown,
            downtime,
            deadline,
            bandwidth,
            postcopy,
            compression,
        ];
        let said: Vec<_> = said.into_iter().flatten().collect();
        match said.is_empty() {
            true => f.write_str("every choice is the control law's"),
            false => f.write_str(&said.join(", ")),
        }
    }
}
