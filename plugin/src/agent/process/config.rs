//! What a site decides for all its domains: `/etc/libvirt-hpc/agent.toml`.
//!
//! A file is taken whole or not at all: a word misspelt is an error, never a default applied in silence.

use std::io;
use std::path::PathBuf;

use glob::Pattern;
use libvirt_hpc_xml_schemas as xml;

use crate::migration::site::Site;

mod describe;
mod file;
mod read;
mod value;

/// Where the configuration is, unless the command line says otherwise.
pub const FILE: &str = "/etc/libvirt-hpc/agent.toml";

/// Where libvirt is: the daemon of this host.
pub const URI: &str = "qemu:///system";

/// The configuration, read and checked. The default is that of an empty or absent file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// libvirt's connection URI.
    pub uri: String,
    /// Record what would be done, and touch nothing.
    pub observe: bool,
    /// The least serious messages that are logged.
    pub log_level: log::LevelFilter,
    /// A downtime limit that somebody else changes during a migration is set again; otherwise such a change ends
    /// control of it.
    pub insist: bool,
    /// Which domains are controlled without a mark of their own.
    pub mark: Mark,
    /// What applies to a domain whose own policy does not say otherwise.
    pub policy: xml::Policy,
    /// What is wrong with the policy of the site, a sentence each; it stops nothing.
    pub problems: Vec<String>,
    /// Where traces go; none if none are kept.
    pub traces: Option<Traces>,
    /// The directory of the metrics' file; none if none is written.
    pub metrics: Option<PathBuf>,
}

/// The site's marks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mark {
    /// Every domain.
    pub all: bool,
    /// Domains of these names, as shell patterns: `*`, `?` and `[...]`.
    pub names: Vec<Pattern>,
}

/// Where traces go, and how many stay. The oldest go first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Traces {
    /// The directory, made if it is not there.
    pub directory: PathBuf,
    /// At most so many files.
    pub keep_files: usize,
    /// At most so many bytes in all.
    pub keep_bytes: u64,
    /// None older than this, days.
    pub keep_days: u32,
}

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read the configuration {}: {error}", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// The file says something that cannot be.
    #[error("{}:{line}: {reason}", path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong there, and what is allowed, in one line of text.
        reason: String,
    },
}

impl Default for Config {
    fn default() -> Self {
        Self {
            uri: URI.to_owned(),
            observe: false,
            insist: false,
            log_level: log::LevelFilter::Info,
            mark: Mark::default(),
            policy: xml::Policy::default(),
            problems: Vec::new(),
            traces: Some(Traces::default()),
            metrics: None,
        }
    }
}

impl Default for Traces {
    /// A trace takes about 5 KB for each second: 50 KiB for a usual migration, 16 MiB for one of an hour. So
    /// these are the last month's of a host that is drained now and then.
    fn default() -> Self {
        Self {
            directory: PathBuf::from("/var/log/libvirt-hpc"),
            keep_files: 200,
            keep_bytes: 256 * 1024 * 1024,
            keep_days: 30,
        }
    }
}

impl Config {
    /// The same, where the policy of the `site` says what the file leaves open.
    #[must_use]
    pub fn under(mut self, site: Site) -> Self {
        self.policy = self.policy.over(&site.policy);
        self.problems = site.problems;
        self
    }

    /// Says in the log what is wrong with the policy of the site.
    pub fn warn(&self) {
        for problem in &self.problems {
            log::warn!("{problem}");
        }
    }

    /// Whether the site marks the domain of this name.
    #[must_use]
    pub fn marks(&self, name: &str) -> bool {
        self.mark.all || self.mark.names.iter().any(|pattern| pattern.matches(name))
    }
}

#[cfg(test)]
mod tests;
