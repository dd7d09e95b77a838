//! HPC kernels: programs that really compute, on all vCPUs, and verify their own results.
//!
//! `stencil:MiB`, `cg:MiB`, `ft:MiB`, `mg:MiB`, `lu:MiB`, `is:MiB`, `gups:MiB`, `stream:MiB`, `freed:MiB@WORKs`, or
//! `phased:MiB@COMPUTEs,EXCHANGEs,CHECKPOINTs`, with `,spin` behind it if it spins while it waits. MiB (2^20 bytes) is the working set; `ft` and
//! `gups` take the next size below that their powers of two allow. The names are those of the NAS
//! Parallel Benchmarks (Bailey et al. 1991) and the HPC Challenge where there is one.

pub mod cg;
pub mod complex;
mod contract;
pub mod draw;
pub mod freed;
pub mod ft;
pub mod grid;
pub mod gups;
pub mod is;
pub mod lu;
pub mod mg;
pub mod phased;
pub mod sparse;
pub mod stencil;
pub mod stream;

use crate::team::Team;
use crate::workload::Wait;
use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
pub use contract::Kernel;
use core::str::FromStr;
use core::time::Duration;
use phased::Lengths;

/// The kernels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Name {
    Stencil,
    Cg,
    Ft,
    Mg,
    Lu,
    Is,
    Gups,
    Stream,
    Freed(Duration),
    Phased(Lengths, Wait),
}

/// A kernel and its size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KernelSpec {
    name: Name,
    bytes: usize,
}

/// The largest working set accepted, in MiB.
const MAX_MIB: usize = 1 << 20;
/// The longest phase accepted, in seconds.
const MAX_PHASE_SECONDS: f64 = 1e6;

impl KernelSpec {
    /// Whether a workload of this name is a kernel.
    #[must_use]
    pub fn knows(name: &str) -> bool {
        matches!(name, "phased" | "freed") || steady(name).is_some()
    }

    /// The working set.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Allocates the kernel and sets it up.
    #[must_use]
    pub fn build(&self, team: &Team) -> Box<dyn Kernel> {
        let bytes = self.bytes;
        match self.name {
            Name::Stencil => Box::new(stencil::Stencil::new(bytes, team)),
            Name::Cg => Box::new(cg::Cg::new(bytes, team)),
            Name::Ft => Box::new(ft::Ft::new(bytes, team)),
            Name::Mg => Box::new(mg::Mg::new(bytes, team)),
            Name::Lu => Box::new(lu::Lu::new(bytes, team)),
            Name::Is => Box::new(is::Is::new(bytes, team)),
            Name::Gups => Box::new(gups::Gups::new(bytes)),
            Name::Stream => Box::new(stream::Stream::new(bytes, team)),
            Name::Freed(work) => Box::new(freed::Freed::new(bytes, work, team)),
            Name::Phased(lengths, wait) => {
                Box::new(phased::Phased::new(bytes, lengths, wait, team))
            }
        }
    }

    /// One step of `kernel` and its verification. One that fails counts once: the kernel starts anew.
    #[must_use]
    pub fn proceed(&self, mut kernel: Box<dyn Kernel>, team: &Team) -> Box<dyn Kernel> {
        kernel.step(team);
        let intact = kernel.verify(team);
        team.progress().add_check(intact);
        if intact {
            return kernel;
        }
        // The old arrays go first: there is no room for both.
        drop(kernel);
        self.build(team)
    }
}

impl FromStr for KernelSpec {
    type Err = String;

    fn from_str(spec: &str) -> Result<Self, String> {
        let bad = || {
            format!(
                "kernel `{spec}`: expected NAME:MiB, as in stencil:128, phased:MiB@2s,0.5s,1s or freed:MiB@10s"
            )
        };
        let (name, rest) = spec.split_once(':').ok_or_else(bad)?;
        let (name, size) = match (steady(name), rest.split_once('@')) {
            (Some(kind), None) => (kind, rest),
            (None, Some((size, list))) if name == "phased" => (phases(list).ok_or_else(bad)?, size),
            (None, Some((size, length))) if name == "freed" => {
                (Name::Freed(seconds(length).ok_or_else(bad)?), size)
            }
            _ => return Err(bad()),
        };
        let mib = size
            .parse::<usize>()
            .ok()
            .filter(|mib| (1..=MAX_MIB).contains(mib));
        let bytes = mib.ok_or_else(bad)? << 20;
        Ok(Self { name, bytes })
    }
}

fn steady(name: &str) -> Option<Name> {
    Some(match name {
        "stencil" => Name::Stencil,
        "cg" => Name::Cg,
        "ft" => Name::Ft,
        "mg" => Name::Mg,
        "lu" => Name::Lu,
        "is" => Name::Is,
        "gups" => Name::Gups,
        "stream" => Name::Stream,
        _ => return None,
    })
}

fn phases(list: &str) -> Option<Name> {
    let (list, wait) = match list.strip_suffix(",spin") {
        Some(list) => (list, Wait::Spin),
        None => (list, Wait::Sleep),
    };
    lengths(list).map(|lengths| Name::Phased(lengths, wait))
}

fn lengths(list: &str) -> Option<Lengths> {
    let lengths: Vec<Duration> = list.split(',').map(seconds).collect::<Option<_>>()?;
    Some(Lengths(lengths.try_into().ok()?))
}

fn seconds(text: &str) -> Option<Duration> {
    let seconds: f64 = text.strip_suffix('s')?.parse().ok()?;
    let fits = seconds > 0.0 && seconds < MAX_PHASE_SECONDS;
    fits.then(|| Duration::from_secs_f64(seconds))
}

#[cfg(test)]
mod tests;
