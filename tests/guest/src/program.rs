//! What a guest runs, chosen by the first word of `hpc.work`.

use crate::hpcc::Hpcc;
use crate::kernel::KernelSpec;
use crate::workload::Workload;
use std::str::FromStr;

/// The guest's program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Program {
    /// Rewrites pages in a pattern; see [`crate::workload`].
    Pages(Workload),
    /// Computes and verifies its results; see [`crate::kernel`].
    Kernel(KernelSpec),
    /// Debian's hpcc under mpich; see [`crate::hpcc`].
    Mpi(Hpcc),
}

impl Program {
    /// Pages that the program rewrites of those that are filled.
    #[must_use]
    pub fn hot_pages(&self) -> u64 {
        match self {
            Self::Pages(workload) => workload.hot_pages(),
            Self::Kernel(_) | Self::Mpi(_) => 0,
        }
    }
}

impl FromStr for Program {
    type Err = String;

    fn from_str(spec: &str) -> Result<Self, String> {
        match spec.split(':').next().unwrap_or(spec) {
            "hpcc" => spec.parse().map(Self::Mpi),
            name if KernelSpec::knows(name) => spec.parse().map(Self::Kernel),
            _ => spec.parse().map(Self::Pages),
        }
    }
}
