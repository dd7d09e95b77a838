//! The plant: a guest, a link and QEMU's pre-copy in virtual time, behind the controller's own port.
//!
//! ```text
//! Guest (writers) --> Ram: dirty log -- bitmap sync --> migration bitmap -- sender --> Link
//!                                            ^                                |
//!                 limit, speed --> Window: bandwidth, threshold <-- bytes ----+
//! ```
//! Nothing here has a clock or a thread: [`Plant`] moves only when [`libvirt_hpc_control::port::Job`]'s `wait` and
//! `sample`, or [`Plant::run`], move it. Equal configurations and equal calls give equal results, and sampling does not
//! disturb: a sampled run is the same as one that was not. The model is QEMU 10.0 (`migration/migration.c`,
//! `migration/ram.c`, auto-converge in `migration/cpu-throttle.c`), without multifd, XBZRLE, storage, VFIO and the
//! socket's buffer.
//!
//! ```
//! use std::time::Duration;
//! use libvirt_hpc_tests::plant::{End, Guest, Link, Plant, PlantConfig, Writer};
//!
//! let guest = Guest::new(512 << 20).non_zero(200 << 20).with(Writer::flat(10 << 20));
//! let config = PlantConfig::new(guest, Link::gigabit());
//! let outcome = Plant::new(&config).run(Duration::from_secs(30));
//! assert_eq!(outcome.end, End::Completed);
//! ```

mod bitmap;
mod capacity;
mod counter;
mod engine;
mod error;
mod guest;
mod job;
mod link;
mod oracle;
mod outcome;
mod qemu;
mod ram;
mod random;
mod recorded;
mod script;
mod survey;
#[cfg(test)]
mod tests;
mod throttle;
mod window;
mod writers;

pub use counter::Counter;
pub use error::PlantError;
pub use guest::{Access, Guest, Order, Writer};
pub use job::{Applied, Plant};
pub use link::Link;
pub use oracle::{forced_stop, oracle};
pub use outcome::{End, Outcome, Sync};
pub use qemu::{Qemu, UNLIMITED_MIB_PER_S};
pub use random::SplitMix64;
pub use recorded::{RecordedGuest, RoundSeen, Seen, see};
pub use script::{Change, Fault};
pub use survey::Period;
pub use throttle::AutoConverge;

use std::time::Duration;

/// Everything that decides a run, apart from what the controller does.
#[derive(Clone, Debug)]
pub struct PlantConfig {
    /// Memory and who writes it.
    pub guest: Guest,
    /// The link between the hosts.
    pub link: Link,
    /// QEMU's and libvirt's constants.
    pub qemu: Qemu,
    /// For the link's jitter and the random writers.
    pub seed: u64,
    /// The counter of the guest's writes.
    pub counter: Counter,
}

impl PlantConfig {
    /// This guest over this link, with QEMU's defaults, seed 0 and no counter of faults.
    #[must_use]
    pub fn new(guest: Guest, link: Link) -> Self {
        Self {
            guest,
            link,
            qemu: Qemu::default(),
            seed: 0,
            counter: Counter::None,
        }
    }

    /// The same with other constants.
    #[must_use]
    pub fn with_qemu(self, qemu: Qemu) -> Self {
        Self { qemu, ..self }
    }

    /// The same with a counter of the guest's writes.
    #[must_use]
    pub fn with_counter(self, counter: Counter) -> Self {
        Self { counter, ..self }
    }

    /// The same with another seed.
    #[must_use]
    pub fn with_seed(self, seed: u64) -> Self {
        Self { seed, ..self }
    }
}

/// Nanoseconds of `span`, the counter's end if it is longer (584 years).
fn nanos(span: Duration) -> u64 {
    u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)
}

/// `value * numerator / denominator`, rounded down, saturating; a zero denominator counts as one.
fn scale(value: u64, numerator: u64, denominator: u64) -> u64 {
    // Nearly always: a division of 128 bits takes several times as long.
    if let Some(product) = value.checked_mul(numerator) {
        return product / denominator.max(1);
    }
    let product = u128::from(value) * u128::from(numerator);
    u64::try_from(product / u128::from(denominator.max(1))).unwrap_or(u64::MAX)
}

/// Nanoseconds in a second.
const NANOS_PER_S: u64 = 1_000_000_000;
