//! The guest's program, chosen by the first word of `hpc.work`.

use crate::config;
use crate::kernel::KernelSpec;
use crate::workload::Workload;
use alloc::string::String;
use core::str::FromStr;

/// The guest's program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Program {
    /// Rewrites pages in a pattern; see [`crate::workload`].
    Pages(Workload),
    /// Computes and verifies its results; see [`crate::kernel`].
    Kernel(KernelSpec),
}

impl config::Program for Program {
    fn set_pages(&self) -> u64 {
        match self {
            Self::Pages(workload) => workload.set_pages(),
            Self::Kernel(_) => 0,
        }
    }
}

impl FromStr for Program {
    type Err = String;

    fn from_str(spec: &str) -> Result<Self, String> {
        match spec.split(':').next().unwrap_or(spec) {
            name if KernelSpec::knows(name) => spec.parse().map(Self::Kernel),
            _ => spec.parse().map(Self::Pages),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_word_chooses_the_program() -> Result<(), String> {
        assert!(matches!("rate:8@50".parse()?, Program::Pages(_)));
        assert!(matches!("lu:8".parse()?, Program::Kernel(_)));
        assert!(matches!("idle".parse()?, Program::Pages(_)));
        assert!("cg".parse::<Program>().is_err());
        Ok(())
    }
}
