//! The guest's parameters, `hpc.KEY=VALUE` on the kernel command line.

use crate::program::Program;
use crate::workload::PAGE_BYTES;
use anyhow::{Context, Result, anyhow};
use std::time::Duration;

/// What the guest is to do.
#[derive(Debug)]
pub struct Config {
    /// `hpc.name`: the guest's name in its heartbeats; default `guest`.
    pub name: String,
    /// `hpc.fill`: MiB of memory filled with verified pages, never less than the hot set; here in
    /// pages. A kernel's arrays come on top of them, as far as they fit.
    pub fill_pages: usize,
    /// `hpc.work`: see [`Program`]; default `idle`.
    pub program: Program,
    /// `hpc.beat`: milliseconds between heartbeats; default 5.
    pub beat: Duration,
}

const DEFAULT_FILL_MIB: u64 = 16;
const DEFAULT_BEAT_MS: u64 = 5;

impl Config {
    /// Reads a kernel command line; words that are not ours are passed over.
    ///
    /// # Errors
    /// If a value of ours does not parse.
    pub fn parse(command_line: &str) -> Result<Self> {
        let value = |key: &str| {
            let prefix = format!("hpc.{key}=");
            command_line
                .split_ascii_whitespace()
                .find_map(|word| word.strip_prefix(&prefix))
        };
        let number = |key: &str, default: u64| match value(key) {
            Some(text) => text
                .parse()
                .with_context(|| format!("hpc.{key}={text}: not a number")),
            None => Ok(default),
        };
        let program: Program = value("work")
            .unwrap_or("idle")
            .parse()
            .map_err(|e| anyhow!("{e}"))?;
        let fill_pages = number("fill", DEFAULT_FILL_MIB)?.saturating_mul((1 << 20) / PAGE_BYTES);
        Ok(Self {
            name: value("name").unwrap_or("guest").to_owned(),
            fill_pages: usize::try_from(fill_pages.max(program.hot_pages()))?,
            program,
            beat: Duration::from_millis(number("beat", DEFAULT_BEAT_MS)?.max(1)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_others_are_passed_over() -> Result<()> {
        let config = Config::parse("console=ttyS0 hpc.name=g1 hpc.fill=8 hpc.work=flat:16 quiet")?;
        assert_eq!((config.name.as_str(), config.fill_pages), ("g1", 4096));
        assert_eq!(config.beat, Duration::from_millis(5));
        Ok(())
    }

    #[test]
    fn the_first_word_of_the_work_chooses_the_program() -> Result<()> {
        let program = |line: &str| Config::parse(line).map(|config| config.program);
        assert!(matches!(program("hpc.work=rate:8@50")?, Program::Pages(_)));
        assert!(matches!(program("hpc.work=lu:8")?, Program::Kernel(_)));
        assert!(matches!(program("quiet")?, Program::Pages(_)));
        Ok(())
    }

    #[test]
    fn a_bad_value_is_an_error() {
        assert!(Config::parse("hpc.fill=lots").is_err());
        assert!(Config::parse("hpc.work=flat").is_err());
        assert!(Config::parse("hpc.work=cg").is_err());
    }
}
