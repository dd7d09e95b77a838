//! Limits while QEMU's window stands still.

use super::*;

/// A window in which a sync stood shows a tenth of the link: what fits 10 ms of it takes 100 of such a window.
#[test]
fn a_short_limit_is_reckoned_with_a_stalled_window_within_a_tenth_of_a_second() {
    let limit_ms = |accept, downtime_max_ms| {
        let policy = Policy {
            downtime_max_ms,
            pause_fixed_ms: Some(30),
            ..Policy::default()
        };
        let mut rig = Rig::new(policy);
        let mut limit_ms = None;
        for (n, window) in [100, 100, 100, 100, 100, 10].into_iter().enumerate() {
            let at_ms = 100 * n as u64;
            let sample = Sample {
                processed_bytes: at_ms * MIB / 10,
                ..sample(at_ms, window * MIB)
            };
            let decision = Decision::accept(accept, Cause::Reservation);
            limit_ms = rig.guarded(&sample, &decision).target.downtime_ms;
        }
        limit_ms
    };
    assert_eq!(limit_ms(MIB / 2, None), Some(50));
    assert_eq!(limit_ms(5 * MIB, None), Some(100));
    assert_eq!(
        limit_ms(MIB / 2, Some(60)),
        Some(2),
        "the policy's, less 30 ms, and what is in flight on such a link"
    );
    assert_eq!(
        limit_ms(50 * MIB, None),
        Some(747),
        "no stall is waited for so long: two thirds of what the link has held count"
    );
}
