//! The plant against closed forms, measurements and its own promises.

mod closed_forms;
mod measured;
mod port;
mod promises;

use std::time::Duration;

use super::{Access, Guest, Link, Plant, PlantConfig, Qemu, Sync, UNLIMITED_MIB_PER_S, Writer};

const MB: u64 = 1_000_000;
const MIB: u64 = 1 << 20;

fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Remaining bytes right after each sync.
fn remaining(syncs: &[Sync]) -> Vec<u64> {
    syncs.iter().map(|sync| sync.remaining_bytes).collect()
}

/// `value` differs from `expected` by at most `percent` of it.
#[track_caller]
fn assert_near(value: f64, expected: f64, percent: f64) {
    let off = (value - expected).abs() / expected;
    assert!(
        off <= percent / 100.0,
        "{value} is {:.2} % off {expected}",
        off * 100.0
    );
}

/// A test guest: 512 MiB of which about 400 MB hold data. c0 is the default's 25 ms: pauses
/// of 50 to 60 ms were seen there, and 1163 ms for 128 MiB, which alone take 1147 ms.
fn rig(writer: Writer) -> PlantConfig {
    let guest = Guest::new(512 * MIB).non_zero(400 * MB).with(writer);
    PlantConfig::new(guest, Link::gigabit())
}
