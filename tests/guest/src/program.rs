//! The program of the guest on Linux, chosen by the first word of `hpc.work`.

use crate::config;
use crate::hpcc::Hpcc;
use crate::kernel::KernelSpec;
use crate::workload::Workload;
use libvirt_hpc_guest_core::program;
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

impl config::Program for Program {
    fn set_pages(&self) -> u64 {
        match self {
            Self::Pages(workload) => workload.set_pages(),
            Self::Kernel(_) | Self::Mpi(_) => 0,
        }
    }
}

impl FromStr for Program {
    type Err = String;

    fn from_str(spec: &str) -> Result<Self, String> {
        if spec.starts_with("hpcc:") {
            return spec.parse().map(Self::Mpi);
        }
        Ok(match spec.parse()? {
            program::Program::Pages(workload) => Self::Pages(workload),
            program::Program::Kernel(kernel) => Self::Kernel(kernel),
        })
    }
}
