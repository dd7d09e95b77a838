//! The laws by which other stacks control live migrations, as published, for comparison.
//!
//! Each is a [`Law`](libvirt_hpc_control::law::Law), and sees no more than any other. Each file cites the sources of
//! its constants, with commit or date. [`all`] lists them; a [`Baseline`] is one of them with its settings and its time
//! scale, written `NAME`, `NAME=SETTING` or `NAME=SETTING@FACTOR`:
//!
//! ```
//! use libvirt_hpc_baseline::Baseline;
//!
//! let scaled: Baseline = "vep-248@0.05".parse()?;
//! assert_eq!((scaled.times_ppm, scaled.to_string()), (50_000, "vep-248@0.05".to_owned()));
//! # Ok::<(), libvirt_hpc_baseline::ParseError>(())
//! ```
//!
//! The constants of these laws were chosen for guests of some size. A factor multiplies every constant of a law that is
//! a time on its clock, among them the interval of its polls; never a pause, a count or a rate.
//!
//! An outside controller cannot imitate the flags of a peer's migrate call: [`Baseline::virsh_options`] lists them.
#![forbid(unsafe_code)]

mod clark;
mod cloud_hypervisor;
mod cloudstack;
mod ganeti;
mod guestperf;
mod kubevirt;
mod law;
mod name;
mod nova;
mod ovirt;
mod pacer;
mod parse;
mod peer;
mod proxmox;
mod registry;
mod span;
mod stock;
mod stops;
mod times;
mod xen;

#[cfg(test)]
mod script;

pub use law::{Baseline, BaselineLaw};
pub use name::{CloudStack, KubevirtLaw, Name, NovaTimeout, OvirtPolicy, Permit, Range};
pub use parse::ParseError;
pub use registry::{Entry, all};
pub use times::{REFERENCE_ROUND, TIMES_AS_PUBLISHED_PPM, times_ppm_for};
