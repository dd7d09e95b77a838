//! The XBZRLE cache as the controller sets it.

use super::*;

fn control(cache_most_bytes: Option<u64>) -> Controller<Adaptive> {
    let policy = Policy {
        cache_most_bytes,
        ..Policy::default()
    };
    Controller::new(Adaptive::new(Slowdown::DEFAULT), policy)
}

fn sample(at_ms: u64, iteration: u64, cache_mib: u64) -> Sample {
    Sample {
        total_bytes: 4 << 30,
        compression_cache_bytes: cache_mib << 20,
        ..precopy(at_ms, iteration)
    }
}

#[test]
fn the_cache_is_set_once_at_the_first_sync() {
    let mut events = Events::default();
    let mut control = control(Some(1 << 30));
    control.poll(&sample(0, 1, 64), &mut events);
    let first = control.poll(&sample(1000, 2, 64), &mut events);
    assert_eq!(first.compression_cache_bytes, Some(256 << 20));
    control.outcome(Timestamp::default(), &first, true, &mut events);
    let second = control.poll(&sample(1100, 2, 256), &mut events);
    assert_eq!(second.compression_cache_bytes, None);
}

#[test]
fn a_refused_cache_size_is_not_tried_again() {
    let mut events = Events::default();
    let mut control = control(Some(1 << 30));
    let first = control.poll(&sample(0, 2, 64), &mut events);
    assert!(first.compression_cache_bytes.is_some() && first.downtime_ms.is_some());
    control.outcome(Timestamp::default(), &first, false, &mut events);
    let second = control.poll(&sample(100, 2, 64), &mut events);
    assert_eq!(
        (second.compression_cache_bytes, second.downtime_ms),
        (None, first.downtime_ms)
    );
}

#[test]
fn xbzrle_switched_on_by_others_is_left_alone() {
    let mut events = Events::default();
    let target = control(None).poll(&sample(0, 2, 64), &mut events);
    assert_eq!(target.compression_cache_bytes, None);
}
