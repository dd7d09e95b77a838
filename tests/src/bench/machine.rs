//! Where and when a run was measured.

use std::fs;
use std::process::Command;

use anyhow::{Context, Result};
use libvirt_hpc_plugin::clock;
use libvirt_hpc_plugin::trace::Versions;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

/// A machine, and what ran on it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Machine {
    /// The source's commit; `+` behind it: with changes that were not committed.
    pub(super) commit: String,
    /// When, UTC: `2026-01-31 12:00`.
    pub(super) date: String,
    /// `model name` of /proc/cpuinfo.
    pub(super) cpu: String,
    /// Its processors.
    pub(super) cores: usize,
    /// `tcg` or `kvm`.
    pub(super) accelerator: String,
    /// `release` of the machine's kernel.
    pub(super) kernel: String,
    /// The hosts' libvirt, as `major.minor.release`.
    pub(super) libvirt: String,
    /// The hosts' QEMU, likewise.
    pub(super) qemu: String,
}

impl Machine {
    /// The hour of the date: `2026-01-31 12`.
    #[must_use]
    pub(super) fn hour(&self) -> &str {
        self.date.split(':').next().unwrap_or_default()
    }

    /// This machine, with guests on `accelerator`.
    ///
    /// # Errors
    /// When /proc or git does not answer.
    pub(super) fn here(accelerator: &str) -> Result<Self> {
        let file = |path: &str| fs::read_to_string(path).with_context(|| format!("reading {path}"));
        let processors = file("/proc/cpuinfo")?;
        let models: Vec<_> = processors
            .lines()
            .filter_map(|line| line.strip_prefix("model name")?.split_once(": "))
            .map(|(_, model)| model.trim())
            .collect();
        Ok(Self {
            commit: commit()?,
            date: date(),
            cpu: models.first().copied().unwrap_or("unknown").to_owned(),
            cores: models.len(),
            accelerator: accelerator.to_owned(),
            kernel: file("/proc/sys/kernel/osrelease")?.trim().to_owned(),
            ..Self::default()
        })
    }

    /// The same now, with the versions a trace names.
    #[must_use]
    pub(super) fn now(&self, versions: &Versions) -> Self {
        Self {
            date: date(),
            libvirt: dotted(versions.libvirt_daemon),
            qemu: dotted(versions.qemu),
            ..self.clone()
        }
    }

    /// The machine alone, as the report names it.
    #[must_use]
    pub(super) fn name(&self) -> String {
        format!(
            "{}, {} cores, {}",
            self.cpu,
            self.cores,
            self.accelerator.to_uppercase()
        )
    }
}

/// The load average of the last minute.
///
/// # Errors
/// When /proc does not answer.
pub(super) fn load() -> Result<f64> {
    let text = fs::read_to_string("/proc/loadavg").context("reading /proc/loadavg")?;
    let first = text.split_whitespace().next().unwrap_or_default();
    first
        .parse()
        .with_context(|| format!("/proc/loadavg: {text}"))
}

fn dotted(version: Option<u64>) -> String {
    version.map_or_else(String::new, |v| {
        format!("{}.{}.{}", v / 1_000_000, v / 1000 % 1000, v % 1000)
    })
}

pub(crate) fn date() -> String {
    let now = OffsetDateTime::from(clock::wall());
    let (year, month, day) = (now.year(), u8::from(now.month()), now.day());
    format!(
        "{year}-{month:02}-{day:02} {:02}:{:02}",
        now.hour(),
        now.minute()
    )
}

pub(crate) fn commit() -> Result<String> {
    let head = git(&["rev-parse", "--short=10", "HEAD"])?;
    let changed = git(&["status", "--porcelain", "--untracked-files=no"])?;
    Ok(if changed.is_empty() { head } else { head + "+" })
}

fn git(arguments: &[&str]) -> Result<String> {
    let mut git = Command::new("git");
    git.current_dir(env!("CARGO_MANIFEST_DIR")).args(arguments);
    let output = git.output().context("starting git")?;
    anyhow::ensure!(output.status.success(), "{git:?}: {}", output.status);
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}
