//! A guest of the test bed as it was started, and as the plant models it.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::set::Plan;
use crate::plant::{Access, Counter, Guest, Order, Writer};

const MIB: u64 = 1 << 20;

/// Data of a test guest beyond the pages it fills: kernel, initramfs, page tables and the kernel's `struct page`s,
/// which grow with its memory. Measured: the bytes of the first round, less `--fill`, are 66, 74 and 90 MB for 256, 512
/// and 1024 MiB.
const SYSTEM_BYTES: u64 = 58_000_000;
const MEMORY_PER_SYSTEM_BYTE: u64 = 33;

/// Bytes that the guest's kernel and heartbeat rewrite all the time. Measured: remainders at syncs 13 to 25 ms apart,
/// less the workload's writes.
const BACKGROUND_BYTES: u64 = 800_000;

/// Data of a guest without Linux beyond the pages it fills: firmware, page tables, program.
const BARE_BYTES: u64 = 1_200_000;

/// How fast a guest of native speed writes pages for the first time since they were protected: each takes a fault. By
/// KVM's counts in the traces, 128 MiB within one poll, of 103 ms.
const NATIVE_BYTES_PER_S: u64 = 1_250_000_000;

/// The writes of a guest's Linux.
fn linux() -> Writer {
    Writer::steady(Access::Rate {
        bytes: BACKGROUND_BYTES,
        bytes_per_s: BACKGROUND_BYTES * 1_000,
        order: Order::Random,
    })
}

/// How a guest was started.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GuestSpec {
    /// Its memory, MiB.
    pub memory_mib: u64,
    /// Whether it runs under KVM, without Linux; else emulated.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub kvm: bool,
    /// Its workload (`rig help`).
    pub workload: String,
}

/// A workload whose name does not describe its writes: a kernel that computes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "what the workload '{0}' writes is not in its name: it must be predicted from another record"
)]
pub struct SpecError(String);

impl GuestSpec {
    /// The guest of a planned run.
    pub(super) fn of(plan: &Plan) -> Self {
        Self {
            memory_mib: plan.memory_mib,
            kvm: plan.kvm,
            workload: plan.workload.to_owned(),
        }
    }

    /// The guest that the name of its workload describes, this far into its cycle.
    ///
    /// # Errors
    /// When the workload is a program, not a pattern.
    pub fn guest(&self, into: Duration) -> Result<Guest, SpecError> {
        let writer = Writer::phases(self.phases()?).starting_into(into);
        let writer = if self.spins() {
            writer.spinning()
        } else {
            writer
        };
        let guest = Guest::new(self.memory_mib * MIB)
            .chunks(self.memory_mib * MIB / CHUNK_BYTES)
            .non_zero(self.fill_bytes() + self.system_bytes())
            .with(writer);
        Ok(if self.kvm {
            guest.flat_out_at(NATIVE_BYTES_PER_S)
        } else {
            guest.with(linux())
        })
    }

    /// What counts the guest's writes.
    #[must_use]
    pub fn counter(&self) -> Counter {
        if self.kvm {
            Counter::Exact
        } else {
            Counter::None
        }
    }

    fn spins(&self) -> bool {
        self.workload.ends_with("=spin")
    }

    fn system_bytes(&self) -> u64 {
        if self.kvm {
            BARE_BYTES
        } else {
            SYSTEM_BYTES + self.memory_mib * MIB / MEMORY_PER_SYSTEM_BYTE
        }
    }

    /// How long each phase of the workload lasts; one for a steady one.
    ///
    /// # Errors
    /// When the workload is a program, not a pattern.
    pub fn phase_spans(&self) -> Result<Vec<Duration>, SpecError> {
        Ok(self.phases()?.into_iter().map(|(span, _)| span).collect())
    }

    /// The memory that `rig guest` fills: 70 %, but not the last 112 MiB.
    pub(super) fn fill_bytes(&self) -> u64 {
        (self.memory_mib * 7 / 10).min(self.memory_mib.saturating_sub(112)) * MIB
    }

    fn phases(&self) -> Result<Vec<(Duration, Access)>, SpecError> {
        let bad = || SpecError(self.workload.clone());
        match self.workload.strip_prefix("phases:") {
            Some(list) => list
                .split(',')
                .map(phase)
                .collect::<Option<_>>()
                .ok_or_else(bad),
            None => Ok(vec![(
                Duration::MAX,
                access(&self.workload).ok_or_else(bad)?,
            )]),
        }
    }
}

/// The plant's chunk: small enough for rounds of 10 ms, bytes.
const CHUNK_BYTES: u64 = 32 << 10;

fn phase(spec: &str) -> Option<(Duration, Access)> {
    let (seconds, rest) = spec.split_once("s=")?;
    let span = Duration::try_from_secs_f64(seconds.parse().ok()?).ok()?;
    Some((span, access(rest)?))
}

/// The syntax of tests/guest: sizes in MiB, rates in MB/s.
fn access(spec: &str) -> Option<Access> {
    if spec == "idle" || spec == "spin" {
        return Some(Access::Idle);
    }
    let (kind, rest) = spec.split_once(':')?;
    let bytes = |text: &str| text.parse::<u64>().ok()?.checked_mul(MIB);
    if kind == "flat" {
        return Some(Access::Flat {
            bytes: bytes(rest)?,
        });
    }
    let order = match kind {
        "rate" => Order::Random,
        "sweep" => Order::Cyclic,
        _ => return None,
    };
    let (size, rate) = rest.split_once('@')?;
    Some(Access::Rate {
        bytes: bytes(size)?,
        bytes_per_s: rate.parse::<u64>().ok()?.checked_mul(1_000_000)?,
        order,
    })
}
