//! Stock QEMU, now and in 2011.

use crate::peer::{Knobs, Moment, Peer};

/// `DEFAULT_MIGRATE_SET_DOWNTIME`'s predecessor `max_downtime`, QEMU 0.14 `migration.c`, milliseconds.
pub(crate) const DOWNTIME_2011_MS: u32 = 30;

/// `max_throttle = (32 << 20)`, QEMU 0.14 `migration.c`, MiB/s.
pub(crate) const SPEED_2011_MIB_PER_S: u64 = 32;

/// Nothing is set: 300 ms (`DEFAULT_MIGRATE_SET_DOWNTIME`, QEMU `migration/options.c`), and the speed that
/// libvirt sets, which is no limit.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stock;

impl Peer for Stock {
    fn poll(&mut self, _: &Moment<'_>, _: &mut Knobs) {}
}

/// The limits that QEMU had when the method was published.
///
/// An outside controller cannot bring back everything: the first window runs without these limits; the QEMU of that
/// time computed with the bandwidth of one iteration of its sender rather than of 100 ms, synced the dirty bitmap at
/// every such iteration, and kept its speed limit in the switchover.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stock2011;

impl Peer for Stock2011 {
    fn poll(&mut self, _: &Moment<'_>, knobs: &mut Knobs) {
        knobs.set_downtime(DOWNTIME_2011_MS);
        knobs.speed_mib_per_s = Some(SPEED_2011_MIB_PER_S);
    }
}

#[cfg(test)]
mod tests {
    use crate::script::Script;

    #[test]
    fn stock_sets_nothing_and_that_of_2011_two_limits() {
        assert_eq!(Script::of("stock").limits_until(60_000), []);
        let mut old = Script::of("stock-2011");
        assert_eq!(
            (old.limits_until(60_000), old.speed_mib_per_s()),
            (vec![(0, 30)], Some(32))
        );
    }
}
