//! The tables of cases.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use super::seen::Aspect;
use super::stage::Step;

pub(super) const GUEST: &str = "g";

/// Cases that belong together: one file.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Family {
    /// Its title on the page.
    pub title: String,
    /// The cases, in the order in which they are run.
    pub case: Vec<Case>,
}

/// One case.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// Its file in `libvirt/tests/cfg` and its variants, joined by dots.
    pub name: String,
    /// The command line after `virsh`; none for `migrate` with `options`.
    pub command: Option<String>,
    /// The options of `migrate`.
    #[serde(default)]
    pub options: String,
    /// The domain argument of `migrate`; none for the guest.
    pub domain: Option<String>,
    /// The destination's URI; none for the other host over TCP.
    pub destination: Option<String>,
    /// Whether the peer runs it directly and with `--p2p`, and this test does too.
    #[serde(default)]
    pub both_ways: bool,
    /// Whether the command has a terminal; what is written to `/tmp/keys` is typed there.
    #[serde(default)]
    pub terminal: bool,
    /// Whether the guest's domain is defined on the source.
    #[serde(default)]
    pub persistent: bool,
    /// Lines for `qemu.conf` of a host, and of `libvirtd.conf`: the daemon is started anew with them.
    #[serde(default)]
    pub conf: Vec<Step>,
    /// Commands before.
    #[serde(default)]
    pub before: Vec<Step>,
    /// Commands during the migration.
    #[serde(default)]
    pub during: Vec<Step>,
    /// Commands afterwards.
    #[serde(default)]
    pub after: Vec<Step>,
    /// The peer's expectation of the command.
    #[serde(default)]
    pub expect: Outcome,
    /// A part of the error that it expects; alternatives between bars, where the hour decides which it is.
    pub message: Option<String>,
    /// The state it expects on the source, as `virsh domstate` has it, or `absent`.
    pub source: Option<String>,
    /// The same on the destination.
    pub target: Option<String>,
    /// An allowed difference, and its reason.
    pub difference: Option<Difference>,
    /// Whether it stands for its family in `make check`.
    #[serde(default)]
    pub check: bool,
}

/// An intended difference.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Difference {
    /// The fields that differ.
    pub of: Vec<Aspect>,
    /// Why.
    pub why: String,
    /// Which runs differ hangs on the machine's speed.
    #[serde(default)]
    pub sometimes: bool,
}

/// The way a command ends.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// With status 0.
    #[default]
    Success,
    /// With another.
    Error,
    /// The peer does not say.
    Any,
}

/// Cases of the peer that are not run.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LeftOut {
    /// Their names, as those of cases.
    pub name: String,
    /// Why not.
    pub why: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LeftOuts {
    case: Vec<LeftOut>,
}

/// The table of those that are not run.
const LEFT_OUT: &str = "left-out.toml";

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("peer")
}

/// All families, with a case for each way that a case is run.
///
/// # Errors
/// When a table cannot be read or names a case twice.
pub fn families() -> Result<Vec<Family>> {
    let mut paths = fs::read_dir(folder())?
        .map(|entry| Ok(entry?.path()))
        .collect::<Result<Vec<_>>>()?;
    paths.retain(|path| !path.ends_with(LEFT_OUT));
    paths.sort();
    let families: Vec<Family> = paths.iter().map(|p| read(p)).collect::<Result<_>>()?;
    let families: Vec<_> = families.into_iter().map(expanded).collect();
    let mut names: Vec<_> = families
        .iter()
        .flat_map(|f| &f.case)
        .map(|c| &c.name)
        .collect();
    names.sort();
    let twice = names.windows(2).find(|pair| pair[0] == pair[1]);
    ensure!(twice.is_none(), "named twice: {twice:?}");
    Ok(families)
}

/// The cases left out.
///
/// # Errors
/// When the table cannot be read.
pub fn left_out() -> Result<Vec<LeftOut>> {
    Ok(read::<LeftOuts>(&folder().join(LEFT_OUT))?.case)
}

fn read<T: for<'de> Deserialize<'de>>(path: &Path) -> Result<T> {
    let text = fs::read_to_string(path).with_context(|| path.display().to_string())?;
    toml::from_str(&text).with_context(|| path.display().to_string())
}

fn expanded(family: Family) -> Family {
    let case = family.case.into_iter().flat_map(Case::ways).collect();
    Family { case, ..family }
}

impl Case {
    fn ways(self) -> Vec<Self> {
        if !self.both_ways {
            return vec![self];
        }
        let p2p = Self {
            name: format!("{}.p2p", self.name),
            options: format!("{} --p2p", self.options).trim().to_owned(),
            // One way stands for both.
            check: false,
            ..self.clone()
        };
        let direct = Self {
            name: format!("{}.non_p2p", self.name),
            ..self
        };
        vec![direct, p2p]
    }

    /// Whether an error is one that the peer expects.
    pub(super) fn expects(&self, said: &[String]) -> bool {
        let mut alternatives = self.message.iter().flat_map(|text| text.split('|'));
        alternatives.any(|part| said.iter().any(|line| line.contains(part)))
    }

    /// Whether the peer expects one of several errors, and takes any.
    pub(super) fn takes_either(&self, one: &[String], other: &[String]) -> bool {
        let several = self.message.as_ref().is_some_and(|text| text.contains('|'));
        several && self.expects(one) && self.expects(other)
    }

    /// The command line after `virsh`.
    #[must_use]
    pub fn words(&self) -> String {
        if let Some(command) = &self.command {
            return command.clone();
        }
        let domain = self.domain.as_deref().unwrap_or(GUEST);
        let destination = self.destination.as_deref();
        let destination = destination.unwrap_or(crate::rig::DESTINATION);
        format!("migrate {domain} {destination} {}", self.options)
            .trim()
            .to_owned()
    }
}
