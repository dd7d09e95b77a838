//! Limits during a stall: of QEMU's window, or of QEMU that has no memory to send.

use super::*;
use crate::sample::Settings;

/// A window stalled by a sync shows a tenth of the bandwidth: memory for 10 ms takes 100 in such a window.
#[test]
fn a_short_limit_is_computed_with_a_stalled_window_up_to_100_ms() {
    let limit_ms = |threshold, downtime_max_ms| {
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
            let decision = Decision::threshold(threshold, Cause::Reservation);
            limit_ms = rig.guarded(&sample, &decision).target.downtime_ms;
        }
        limit_ms
    };
    assert_eq!(limit_ms(MIB / 2, None), Some(50));
    assert_eq!(limit_ms(5 * MIB, None), Some(100));
    assert_eq!(
        limit_ms(MIB / 2, Some(60)),
        Some(2),
        "the policy's, less 30 ms fixed and the bytes in flight"
    );
    assert_eq!(
        limit_ms(50 * MIB, None),
        Some(747),
        "longer than a stall: two thirds of the sustained bandwidth count"
    );
}

/// No memory remains, and QEMU does not sync below a limit of 10 ms, 1 MiB: 4 MiB of other data are allowed for.
fn stalled() -> Rig {
    let mut rig = Rig::new(Policy::default());
    for at_ms in [0, 100, 300] {
        let sample = Sample {
            processed_bytes: at_ms * MIB / 10,
            settings: Some(Settings {
                downtime_ms: 10,
                speed_mib_per_s: 1,
            }),
            ..sample(at_ms, 100 * MIB)
        };
        rig.bandwidth.update(&sample);
        rig.device_state.update(&sample, None, None);
    }
    rig
}

/// Nothing else moves its threshold: the window is of 400 MiB/s, the sustained bandwidth 100.
#[test]
fn while_qemu_has_no_memory_to_send_its_own_window_counts() {
    let going_on = Decision::threshold(0, Cause::Falling);
    for (decision, limit_ms) in [(going_on, 10), (millis(300), 85)] {
        let order = stalled().guarded(&sample(400, 400 * MIB), &decision);
        assert_eq!(order.target.downtime_ms, Some(limit_ms), "{decision:?}");
    }
}
