//! Predictions of syncs from KVM's counters, for guests whose counters are right, wrong or missing.

use libvirt_hpc_control::estimate::{Trust, Writes};
use libvirt_hpc_control::law::{Decision, View};
use libvirt_hpc_tests::plant::Counter;
use libvirt_hpc_tests::predictions::{FEW_POLLS, Prediction, Sync, predictions};
use libvirt_hpc_tests::random_cases::Case;

use super::*;

/// As on the test bed: samples before memory flows, as in a real migration.
const SETUP: Duration = Duration::from_millis(520);

/// The law without a counter: the rounds must not depend on the predictions.
struct Blind(Adaptive);

impl Law for Blind {
    fn name(&self) -> &'static str {
        "blind"
    }

    fn decide(&mut self, view: &View) -> Decision {
        let counted = view.writes.phases();
        self.0.decide(&View {
            writes: Writes::default(),
            phases: view.phases.filter(|phases| Some(*phases) != counted),
            ..*view
        })
    }
}

/// Steers `config` under `counter`: each sync with at least two samples before it, and the trust at the end.
fn predicted(config: &PlantConfig, counter: Counter) -> (Vec<Prediction>, Trust) {
    let mut plant = Plant::new(&counted(config, counter));
    let law = Blind(Adaptive::new(Slowdown::DEFAULT));
    let (_, seen) = steer(&mut plant, law, Policy::default());
    let syncs: Vec<Sync> = plant
        .syncs()
        .iter()
        .map(|sync| (Timestamp::default().after(sync.at), sync.remaining_bytes))
        .collect();
    predictions(&seen.samples, &syncs)
}

/// The guests of the scenarios, and random ones.
fn guests() -> impl Iterator<Item = (String, PlantConfig)> {
    let made = [
        ("saturated", Writer::flat(128 * MIB)),
        ("random", Writer::random(64 * MB, 50 * MB)),
        ("large random", Writer::random(256 * MB, 80 * MB)),
        ("swept", Writer::sweep(256 * MB, 80 * MB)),
        ("swept in part", Writer::sweep(64 * MB, 50 * MB)),
    ];
    let made = made.map(|(name, writer)| (name.to_owned(), config(writer)));
    let phases = (0..10).map(|n| {
        let into = Duration::from_millis(600 * n);
        (format!("phased, {into:?} into it"), phased(into))
    });
    let drawn = (0..200).map(|number| {
        let case = Case::draw(1, number);
        // Fine enough for 5 % of the little that a large guest may leave.
        let mut config = case.config;
        config.guest = config.guest.chunks(1 << 15);
        (format!("{} {number}", case.kind.name()), config)
    });
    made.into_iter().chain(phases).chain(drawn)
}

/// How many syncs are predicted within so many per cent, and how many there are, of rounds with more than a few
/// samples.
fn score(config: &PlantConfig, counter: Counter, percent: u64) -> [usize; 2] {
    let (syncs, _) = predicted(config, counter);
    let seen: Vec<_> = syncs
        .iter()
        .filter(|sync| sync.round >= FEW_POLLS)
        .collect();
    let near = seen.iter().filter(|sync| sync.is_within_percent(percent));
    [near.count(), seen.len()]
}

/// The same of all guests.
fn total_score(counter: Counter, percent: u64) -> [usize; 2] {
    let scores = guests().map(|(_, config)| score(&config, counter, percent));
    scores.fold([0, 0], |sum, one| [sum[0] + one[0], sum[1] + one[1]])
}

#[test]
fn nine_of_ten_syncs_are_predicted_within_five_per_cent() {
    let [near, all] = total_score(Counter::Exact, 5);
    assert!(all > 300 && near * 10 >= all * 9, "{near} of {all}");
}

#[test]
fn a_counter_off_by_a_fifth_predicts_within_that() {
    let [near, all] = total_score(Counter::Noisy, 25);
    assert!(near * 10 >= all * 9, "{near} of {all}");
}

/// Guests that write all the time, in rounds of a second and more.
fn steady() -> [PlantConfig; 3] {
    [
        saturated(),
        config(Writer::random(256 * MB, 80 * MB)),
        config(Writer::sweep(256 * MB, 80 * MB)),
    ]
}

#[test]
fn a_wrong_counter_is_refuted_by_the_first_sync_and_not_used() {
    for counter in [
        Counter::Half,
        Counter::Deaf,
        Counter::Extra { per_s: 40_000 },
    ] {
        for config in steady() {
            let (syncs, trust) = predicted(&config, counter);
            assert_eq!(trust, Trust::Refuted, "{counter:?}: {syncs:?}");
            let later = syncs.iter().skip(1);
            let silent = later.clone().all(|sync| sync.expected_bytes.is_none());
            assert!(silent, "{counter:?}: {syncs:?}");
        }
    }
}

#[test]
fn without_a_counter_nothing_is_predicted() {
    for config in steady() {
        let (syncs, trust) = predicted(&config, Counter::None);
        assert_eq!(trust, Trust::Unconfirmed);
        assert!(syncs.iter().all(|sync| sync.expected_bytes.is_none()));
    }
}

/// As on the test bed: the counter is read before memory flows.
fn counted(config: &PlantConfig, counter: Counter) -> PlantConfig {
    let mut config = config.clone().with_counter(counter);
    config.qemu.setup = SETUP;
    config
}

/// Busy for 3 s and idle for 3 s, in rounds of 1.1 s, and its processors show nothing.
fn spinning(into: Duration) -> PlantConfig {
    let phases = [
        (Duration::from_secs(3), Access::Flat { bytes: 120 * MIB }),
        (Duration::from_secs(3), Access::Idle),
    ];
    config(Writer::phases(phases).starting_into(into).spinning())
}

/// The same, begun every 100 ms of its cycle.
fn all_spinning() -> impl Iterator<Item = PlantConfig> {
    (0..60).map(|n| spinning(Duration::from_millis(100 * n)))
}

/// Its first writes after the first round have shown all that a second round would.
#[test]
fn a_saturated_guest_is_stopped_within_half_a_second_of_the_first_round() {
    let config = counted(&saturated(), Counter::Exact);
    let mut plant = Plant::new(&config);
    let (got, seen) = run(&mut plant, Policy::default());
    let first_round_ends = Timestamp::default().after(plant.syncs()[1].at);
    assert!(seen.stopped_at().since(first_round_ends) <= Duration::from_millis(300));
    let spent = got.precopy.saturating_sub(plant.syncs()[1].at);
    assert!(spent <= Duration::from_millis(500), "{got:?}");
    let best = oracle(&config, DELTA);
    let most = 1.03 * best.j(DELTA);
    assert!(got.j(DELTA) <= most, "{got:?} against {best:?}");
    let without = adaptive(&counted(&saturated(), Counter::None));
    assert!(got.j(DELTA) < 0.95 * without.j(DELTA), "{without:?}");
}

/// The others are busy as it begins, quiet within the first round, and busy at its end: nothing has shown that, and they
/// are stopped.
#[test]
fn four_of_five_migrations_of_a_spinning_guest_end_in_its_quiet_phase() {
    let fifth = Duration::from_millis(120 * 1049 / 117 / 5);
    let outcomes = |counter| -> Vec<Outcome> {
        all_spinning()
            .map(|config| adaptive(&counted(&config, counter)))
            .collect()
    };
    let in_quiet = |outcomes: &[Outcome]| outcomes.iter().filter(|got| got.pause < fifth).count();
    let j = |outcomes: &[Outcome]| outcomes.iter().map(|got| got.j(DELTA)).sum::<f64>();
    let (with, without) = (outcomes(Counter::Exact), outcomes(Counter::None));
    assert!(in_quiet(&with) >= 48, "{with:?}");
    assert!(in_quiet(&without) <= 20, "{without:?}");
    assert!(j(&with) < 0.7 * j(&without), "{with:?} against {without:?}");
}

/// It is refuted by the first sync, before anything was decided by it.
#[test]
fn a_wrong_counter_changes_nothing() {
    let guests = guests().map(|(_, config)| config).take(60);
    for config in guests.chain(all_spinning()) {
        let without = adaptive(&counted(&config, Counter::None));
        for counter in [Counter::Half, Counter::Deaf] {
            let got = adaptive(&counted(&config, counter));
            assert_eq!(got, without, "{counter:?}: {config:?}");
        }
    }
}

/// The trust in the counter, whenever it changed.
fn trusts(seen: &Seen) -> Vec<Trust> {
    let trust = |(_, event): &(Timestamp, Event)| match event {
        Event::Counter(trust) => Some(*trust),
        _ => None,
    };
    seen.events.iter().filter_map(trust).collect()
}

/// The sync finds what was written since the last reading as well.
#[test]
fn a_guest_that_turns_busy_just_before_a_sync_does_not_refute_the_counter() {
    for into_ms in (0..6000).step_by(10) {
        let config = counted(&spinning(Duration::from_millis(into_ms)), Counter::Exact);
        let (_, seen) = run(&mut Plant::new(&config), Policy::default());
        let trusts = trusts(&seen);
        assert!(!trusts.contains(&Trust::Refuted), "{into_ms}: {trusts:?}");
    }
}

#[test]
fn the_trace_tells_when_a_sync_confirms_or_refutes_the_counter() {
    for (counter, told) in [
        (Counter::Exact, vec![Trust::Confirmed]),
        (Counter::Deaf, vec![Trust::Refuted]),
        (Counter::None, vec![]),
    ] {
        let mut plant = Plant::new(&counted(&spinning(Duration::ZERO), counter));
        let law = Blind(Adaptive::new(Slowdown::DEFAULT));
        let (_, seen) = steer(&mut plant, law, Policy::default());
        assert_eq!(trusts(&seen), told, "{counter:?}");
    }
}

/// Of 64 GiB over 10 Gbit/s, of which it writes 20 flat out until so long after the beginning, and then nothing for two
/// minutes, while its processors spin: rounds of 56 and 18 s.
fn large_spinning(busy: Duration) -> PlantConfig {
    let cycle = Duration::from_secs(120);
    let phases = [
        (cycle, Access::Flat { bytes: 20 << 30 }),
        (cycle, Access::Idle),
    ];
    let writer = Writer::phases(phases)
        .starting_into(cycle.saturating_sub(busy))
        .spinning();
    let guest = Guest::new(64 << 30).non_zero(60 << 30).with(writer);
    PlantConfig::new(guest, Link::new(1_170 * MB))
}

/// It has rewritten nearly all by the sync at 75 s, and nothing after it: that shows in the many chunks sent next.
#[test]
fn a_large_guest_that_has_just_turned_quiet_is_not_stopped_with_its_earlier_writes() {
    for busy_s in [73, 74] {
        let config = large_spinning(Duration::from_secs(busy_s));
        let with = adaptive(&counted(&config, Counter::Exact));
        let without = adaptive(&counted(&config, Counter::None));
        assert!(without.pause > Duration::from_secs(15), "{without:?}");
        assert!(with.pause < Duration::from_secs(1), "{with:?}");
    }
}

/// One more sample after the second sync shows what a guest of many chunks does: the decision comes at once.
#[test]
fn a_large_saturated_guest_is_stopped_one_sample_after_its_second_round() {
    let config = counted(&large_spinning(Duration::from_secs(120)), Counter::Exact);
    let (_, seen) = run(&mut Plant::new(&config), Policy::default());
    let third = |event: &Event| matches!(event, Event::Round(round) if round.iteration == 3);
    let (sync, _) = seen.all(third).next().expect("a sync");
    let after = seen.stopped_at().since(*sync);
    assert!(after <= Duration::from_millis(400), "{after:?}");
}

#[test]
fn without_counters_the_law_decides_as_where_nothing_is_counted() {
    for (name, config) in guests().take(40) {
        let law = Adaptive::new(Slowdown::DEFAULT).without_counters();
        let mut plant = Plant::new(&counted(&config, Counter::Exact));
        let (_, told) = steer(&mut plant, law, Policy::default());
        let (_, untold) = run(
            &mut Plant::new(&counted(&config, Counter::None)),
            Policy::default(),
        );
        assert_eq!(told.events, untold.events, "{name}");
    }
}
