//! A guest's parameters, `hpc.KEY=VALUE` on the kernel command line.

use crate::workload::{PAGE_BYTES, Workload};
use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::String;
use core::str::FromStr;
use core::time::Duration;

/// The program of a guest: read from `hpc.work`.
pub trait Program: FromStr<Err = String> {
    /// Filled pages that it rewrites.
    fn set_pages(&self) -> u64;
}

impl Program for Workload {
    fn set_pages(&self) -> u64 {
        self.set_pages()
    }
}

/// The guest's task.
#[derive(Debug)]
pub struct Config<P> {
    /// `hpc.name`: the guest's name in its heartbeats; default `guest`.
    pub name: String,
    /// `hpc.fill`: MiB of memory filled with verified pages, never less than the working set; here in pages. A kernel's
    /// arrays come on top of them, as far as they fit.
    pub fill_pages: usize,
    /// `hpc.work`; default `idle`.
    pub program: P,
    /// `hpc.beat`: milliseconds between heartbeats; default 5.
    pub beat: Duration,
    /// `hpc.vcpus`: processors to use, for a guest that cannot count them; default 1.
    pub vcpus: usize,
}

const DEFAULT_FILL_MIB: u64 = 16;
const DEFAULT_BEAT_MS: u64 = 5;

impl<P: Program> Config<P> {
    /// Reads a kernel command line; other words are ignored.
    ///
    /// # Errors
    /// If one of these values does not parse.
    pub fn parse(command_line: &str) -> Result<Self, String> {
        let value = |key| value(command_line, key);
        let number = |key, default| match value(key) {
            Some(text) => text
                .parse::<u64>()
                .map_err(|_| format!("hpc.{key}={text}: not a number")),
            None => Ok(default),
        };
        let program: P = value("work").unwrap_or("idle").parse()?;
        let fill_pages = number("fill", DEFAULT_FILL_MIB)?.saturating_mul((1 << 20) / PAGE_BYTES);
        let size = |n: u64| usize::try_from(n).map_err(|_| format!("{n}: too much"));
        Ok(Self {
            name: value("name").unwrap_or("guest").to_owned(),
            fill_pages: size(fill_pages.max(program.set_pages()))?,
            program,
            beat: Duration::from_millis(number("beat", DEFAULT_BEAT_MS)?.max(1)),
            vcpus: size(number("vcpus", 1)?.max(1))?,
        })
    }
}

fn value<'a>(command_line: &'a str, key: &str) -> Option<&'a str> {
    command_line
        .split_ascii_whitespace()
        .filter_map(|word| word.strip_prefix("hpc.")?.split_once('='))
        .find_map(|(name, value)| (name == key).then_some(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_others_are_passed_over() -> Result<(), String> {
        let line = "console=ttyS0 hpc.name=g1 hpc.fill=8 hpc.work=flat:16 quiet";
        let config: Config<Workload> = Config::parse(line)?;
        assert_eq!((config.name.as_str(), config.fill_pages), ("g1", 4096));
        assert_eq!((config.beat, config.vcpus), (Duration::from_millis(5), 1));
        Ok(())
    }

    #[test]
    fn a_bad_value_is_an_error() {
        for line in ["hpc.fill=lots", "hpc.work=flat", "hpc.vcpus=x"] {
            assert!(Config::<Workload>::parse(line).is_err(), "{line}");
        }
    }
}
