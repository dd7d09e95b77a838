//! A host as a destination: its name, memory and processor.

use virt_sys as sys;

use crate::connect::Connection;
use crate::error::{Error, Named, c_string, without_nul};
use crate::ffi;

/// How a host's hypervisor can run a processor (`virCPUCompareResult`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CpuFit {
    /// It cannot.
    Incompatible,
    /// It can.
    Compatible,
}

/// A processor to be compared, as a domain's XML has it.
#[derive(Clone, Copy, Debug)]
pub struct Cpu<'a> {
    /// The architecture.
    pub arch: Option<&'a str>,
    /// The machine type.
    pub machine: Option<&'a str>,
    /// `kvm` or `qemu`.
    pub virt_type: Option<&'a str>,
    /// The `<cpu>` element.
    pub element: &'a str,
}

/// The most nodes that libvirt's protocol tells of at a time (`REMOTE_NODE_MAX_CELLS`, `src/remote/remote_protocol.x`).
const MAX_CELLS: u32 = 1024;

/// How many nodes are asked, for each of which the `virt` crate takes memory: a destination may claim any number.
fn cells(claimed: u32) -> u32 {
    claimed.clamp(1, MAX_CELLS)
}

impl Connection {
    /// The host's name, which a source must be able to resolve (`virConnectGetHostname`).
    ///
    /// # Errors
    /// When libvirt cannot tell.
    pub fn hostname(&self) -> Result<String, Error> {
        self.handle()
            .hostname()
            .named("virConnectGetHostname", None)
    }

    /// The host's free memory, bytes: without what it would give up, as cached files (`virNodeGetFreeMemory`).
    ///
    /// # Errors
    /// When libvirt cannot tell.
    pub fn free_memory_bytes(&self) -> Result<u64, Error> {
        self.handle()
            .free_memory()
            .named("virNodeGetFreeMemory", None)
    }

    /// The host's free huge pages of `page_bytes`, over all its nodes, bytes (`virNodeGetFreePages`).
    ///
    /// # Errors
    /// When libvirt cannot tell, as where the host has no such pages.
    pub fn free_pages_bytes(&self, page_bytes: u64) -> Result<u64, Error> {
        const CALL: &str = "virNodeGetFreePages";
        let nodes = self.handle().node_info().named("virNodeGetInfo", None)?;
        let kib = u32::try_from(page_bytes / 1024).unwrap_or(u32::MAX);
        let free = self.handle().free_pages(&[kib], 0, cells(nodes.nodes), 0);
        let pages = free.named(CALL, None)?.into_iter();
        Ok(pages
            .fold(0, u64::saturating_add)
            .saturating_mul(page_bytes))
    }

    /// Whether the host's hypervisor can run `cpu` (`virConnectCompareHypervisorCPU`).
    ///
    /// # Errors
    /// When a text holds a NUL byte, or libvirt cannot tell, as for a processor that it does not know.
    pub fn fits_cpu(&self, cpu: Cpu<'_>) -> Result<CpuFit, Error> {
        let text =
            |what: &str, text: Option<&str>| text.map(|text| c_string(what, text)).transpose();
        without_nul("the processor", cpu.element)?;
        let (arch, machine) = (
            text("the architecture", cpu.arch)?,
            text("the machine type", cpu.machine)?,
        );
        let virt_type = text("the domain's type", cpu.virt_type)?;
        let element = c_string("the processor", cpu.element)?;
        let result = ffi::compare_hypervisor_cpu(
            self.handle(),
            arch.as_deref(),
            machine.as_deref(),
            virt_type.as_deref(),
            &element,
        );
        let result = result.named("virConnectCompareHypervisorCPU", None)?;
        Ok(match result {
            sys::VIR_CPU_COMPARE_INCOMPATIBLE => CpuFit::Incompatible,
            _ => CpuFit::Compatible,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_claim_of_a_host_takes_all_memory() {
        assert_eq!([0, 1, 8, 1024, u32::MAX].map(cells), [1, 1, 8, 1024, 1024]);
    }
}
