//! The guest's monotonic clock: the time-stamp counter, its frequency measured once.

use crate::machine;
use core::time::Duration;

/// How long it is measured, in ticks of the APIC's timer: 50 ms.
const MEASURED: u64 = machine::APIC_HZ / 20;
const LOOKS: u32 = 8;

/// Time since the clock was made.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    origin: u64,
    per_second: u64,
}

impl Clock {
    /// Compares the counter with the timer of the APIC.
    #[must_use]
    pub fn measured() -> Self {
        machine::start_timer();
        let begin = read();
        let mut end = read();
        while end.0 - begin.0 < MEASURED {
            end = read();
        }
        let ticks = (end.0 - begin.0).max(1);
        Self {
            origin: end.1,
            per_second: ((end.1 - begin.1) * machine::APIC_HZ / ticks).max(1),
        }
    }

    /// Cycles of the counter in a second.
    #[must_use]
    pub fn per_second(&self) -> u64 {
        self.per_second
    }

    /// Time since the clock was made.
    #[must_use]
    pub fn now(&self) -> Duration {
        let cycles = machine::cycles().saturating_sub(self.origin);
        let rest = cycles % self.per_second * 1_000_000 / self.per_second;
        Duration::from_secs(cycles / self.per_second) + Duration::from_micros(rest)
    }
}

/// Ticks of the timer, and the cycles in the middle of reading them: of several readings the quickest, because a host
/// may take the processor away during one.
fn read() -> (u64, u64) {
    let readings = (0..LOOKS).map(|_| {
        let before = machine::cycles();
        let ticks = machine::timer_ticks();
        let took = machine::cycles() - before;
        (took, u64::from(ticks), before + took / 2)
    });
    let quickest = readings.min_by_key(|(took, ..)| *took);
    quickest.map_or((0, 0), |(_, ticks, cycles)| (ticks, cycles))
}
