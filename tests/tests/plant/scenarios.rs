//! Typical guests and links: where the law stops, and the cost.

use super::*;

/// The oracle's outcome and the law's, which may cost so many times as much at most.
#[track_caller]
fn near_the_oracle(config: &PlantConfig, times: f64) -> (Outcome, Outcome) {
    let (best, got) = (oracle(config, DELTA), adaptive(config));
    let (most, j) = (times * best.j(DELTA), got.j(DELTA));
    assert!(j <= most, "{got:?} against {best:?}");
    (best, got)
}

#[track_caller]
fn assert_at_most(times: f64, got: Duration, other: Duration) {
    assert!(ratio(got, other) <= times, "{got:?} against {other:?}");
}

#[test]
fn saturated_ends_near_the_oracle_and_stock_never() {
    let (best, got) = near_the_oracle(&saturated(), 1.2);
    assert_eq!(got.end, End::Completed);
    assert_at_most(1.1, got.pause, best.pause);
    let stock = Plant::new(&saturated()).run(Duration::from_secs(120));
    assert_eq!(stock.end, End::Never);
}

#[test]
fn converging_pauses_a_third_of_stock() {
    for writer in [
        Writer::random(64 * MB, 50 * MB),
        Writer::sweep(64 * MB, 50 * MB),
    ] {
        let config = config(writer);
        let stock = Plant::new(&config).run(Duration::from_secs(60));
        let got = adaptive(&config);
        assert_at_most(1.0 / 3.0, got.pause, stock.pause);
        assert_at_most(1.35, got.total, stock.total);
    }
}

#[test]
fn swept_is_followed_down() {
    let config = config(Writer::sweep(256 * MB, 80 * MB));
    let stock = Plant::new(&config).run(Duration::from_secs(60));
    let got = adaptive(&config);
    assert_at_most(0.5, got.pause, stock.pause);
    assert_at_most(1.35, got.total, stock.total);
}

/// Wherever in its cycle the guest is when the migration begins.
#[test]
fn phased_is_mostly_moved_in_its_quiet() {
    let pauses: Vec<_> = (0..60)
        .map(|n| adaptive(&phased(Duration::from_millis(100 * n))).pause)
        .collect();
    let short = pauses
        .iter()
        .filter(|pause| **pause < Duration::from_millis(300))
        .count();
    assert!(short >= 48, "{short} of 60 pauses are short: {pauses:?}");
}

/// QEMU's default limit of 300 ms fits the rest of such a guest in its very first window.
#[test]
fn a_small_guest_on_a_fast_link_is_not_stopped_in_its_first_round() {
    let guest = Guest::new(1 << 30).with(Writer::flat(10 * MIB));
    let config = PlantConfig::new(guest, Link::new(25 * 117 * MB));
    near_the_oracle(&config, 1.2);
}

/// The end of memory holds zero pages, which cross the link as nothing and take time to find.
#[test]
fn a_tail_of_zero_pages_is_no_slow_link() {
    let guest = Guest::new(200 << 30)
        .non_zero(50 << 30)
        .with(Writer::random(8 << 30, 300 * MB));
    let config = PlantConfig::new(guest, Link::new(10 * 117 * MB).jitter(5));
    near_the_oracle(&config, 1.2);
}

#[test]
fn idle_is_done_after_the_first_round() {
    let config = config(Writer::steady(Access::Idle));
    let first = forced_stop(&config, Duration::from_secs(5));
    let got = adaptive(&config);
    assert!(got.total <= first.total, "{got:?} against {first:?}");
    assert!(got.pause < Duration::from_millis(60), "{got:?}");
}

#[test]
fn a_guest_that_rewrites_all_memory_ends_within_the_ski_rental_bound() {
    let config = config(Writer::flat(440 * MIB));
    let (_, got) = near_the_oracle(&config, 1.5);
    assert_eq!(got.end, End::Completed);
}

#[test]
fn a_link_that_slows_down_midway_only_takes_longer() {
    let mut config = saturated();
    config.link = Link::gigabit()
        .jitter(5)
        .then(Duration::from_secs(3), 30 * MB);
    near_the_oracle(&config, 1.3);
}

#[test]
fn a_link_that_is_cut_for_a_while_only_delays() {
    let mut config = saturated();
    config.link = Link::gigabit().cut(Duration::from_secs(2), Duration::from_secs(5));
    let got = adaptive(&config);
    assert_eq!(got.end, End::Completed);
    assert!(got.pause < Duration::from_millis(1400), "{got:?}");
}

#[test]
fn a_speed_ceiling_is_kept_and_the_pause_is_the_links() {
    let mut plant = Plant::new(&with_ceiling(saturated(), 20));
    let policy = Policy {
        speed_max_mib_per_s: Some(20),
        ..Policy::default()
    };
    let (got, _) = run(&mut plant, policy);
    assert_eq!(got.end, End::Completed);
    assert!(got.pause < Duration::from_millis(1300), "{got:?}");
    let kept = |speed: Option<u64>| speed.is_none_or(|speed| speed == 20);
    let applied = plant.applied();
    assert!(applied.iter().all(|a| kept(a.target.speed_mib_per_s)));
}

#[test]
fn a_ceiling_that_hides_a_pause_within_the_policy_is_lifted_for_it() {
    let mut plant = Plant::new(&with_ceiling(saturated(), 20));
    let downtime_max_ms = Some(2000);
    let policy = Policy {
        speed_max_mib_per_s: Some(20),
        downtime_max_ms,
        ..Policy::default()
    };
    let (got, _) = run(&mut plant, policy);
    assert_eq!(got.end, End::Completed);
    assert!(got.pause < Duration::from_millis(2000), "{got:?}");
}

#[test]
fn a_pause_out_of_reach_is_reported_once_and_never_made() {
    let mut plant = Plant::new(&saturated());
    let policy = Policy {
        downtime_max_ms: Some(500),
        ..Policy::default()
    };
    let (got, seen) = run(&mut plant, policy);
    assert_eq!(got.end, End::Never);
    let unreachable = |e: &Event| matches!(e, Event::Unreachable { .. });
    assert_eq!(seen.all(unreachable).count(), 1);
}

fn deadline(then: Then) -> (Plant, Outcome, Seen) {
    let mut config = saturated();
    config.qemu.postcopy = true;
    let mut plant = Plant::new(&config);
    let deadline = Some(Deadline {
        after: Duration::from_secs(20),
        then,
    });
    let policy = Policy {
        downtime_max_ms: Some(500),
        deadline,
        ..Policy::default()
    };
    let (got, seen) = run(&mut plant, policy);
    (plant, got, seen)
}

#[test]
fn the_deadline_switches_over_with_any_remainder() {
    let (_, got, _) = deadline(Then::Switchover);
    assert_eq!(got.end, End::Completed);
    assert!(got.precopy >= Duration::from_secs(20), "{got:?}");
    assert!(got.precopy < Duration::from_millis(20_400), "{got:?}");
}

#[test]
fn the_deadline_aborts_or_switches_to_post_copy_once() {
    for (then, end, action) in [
        (Then::Abort, End::Aborted, Action::Abort),
        (Then::Postcopy, End::Postcopy, Action::StartPostcopy),
    ] {
        let (plant, got, seen) = deadline(then);
        assert_eq!(got.end, end);
        let acts = plant
            .applied()
            .iter()
            .filter(|a| a.target.action == Some(action))
            .count();
        assert_eq!(acts, 1);
        assert!(seen.has(|e| *e == Event::Released(Release::Acted(action))));
    }
}

#[test]
fn an_external_change_ends_control() {
    let external = Target {
        downtime_ms: Some(777),
        ..Target::NONE
    };
    let mut plant = Plant::new(&saturated()).at(Duration::from_secs(2), Change::External(external));
    let (got, seen) = run(&mut plant, Policy::default());
    assert_eq!(got.end, End::Never);
    let by_777 = |e: &Event| matches!(e, Event::Released(Release::ExternalChange { downtime_ms, .. }) if *downtime_ms == 777);
    assert!(seen.has(by_777), "{:?}", seen.events);
    assert_eq!(plant.settings().downtime_ms, 777);
}

#[test]
fn an_external_change_is_seen_whenever_it_comes() {
    let external = Target {
        downtime_ms: Some(15),
        ..Target::NONE
    };
    // Times everywhere between two polls and two syncs, up to the switchover.
    for ms in (1_000..7_000).step_by(37) {
        let at = Duration::from_millis(ms);
        let mut plant = Plant::new(&saturated()).at(at, Change::External(external));
        let (got, seen) = run(&mut plant, Policy::default());
        if got.end == End::Completed && got.total < at + Duration::from_secs(2) {
            break;
        }
        let released = |e: &Event| matches!(e, Event::Released(Release::ExternalChange { .. }));
        assert!(seen.has(released), "at {ms} ms");
        assert_eq!(plant.settings().downtime_ms, 15, "at {ms} ms");
    }
}

#[test]
fn a_deaf_a_refusing_and_an_eventless_libvirt_only_delay() {
    let second = Duration::from_secs(1);
    for fault in [Fault::Deaf, Fault::Refusing, Fault::EventsLost] {
        let mut plant = Plant::new(&saturated()).between(second, 5 * second, fault);
        let (got, _) = run(&mut plant, Policy::default());
        assert_eq!(got.end, End::Completed, "{fault:?}");
        assert!(got.total < Duration::from_secs(15), "{fault:?}: {got:?}");
    }
}

#[test]
fn the_law_of_doing_nothing_does_nothing() {
    let config = config(Writer::random(64 * MB, 50 * MB));
    let mut plant = Plant::new(&config);
    let (got, _) = steer(&mut plant, Stock, Policy::default());
    assert!(plant.applied().is_empty());
    let alone = Plant::new(&config).run(Duration::from_secs(60));
    assert_eq!(got, alone);
}
