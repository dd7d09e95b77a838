//! What KVM's counters foretell of a sync, over guests whose counters are right, wrong or not there.

use libvirt_hpc_control::estimate::{Rounds, Trust, Writes};
use libvirt_hpc_tests::draw::Case;
use libvirt_hpc_tests::plant::Counter;

use super::*;

/// How long before a sync its estimate is made.
const BEFORE: Duration = Duration::from_millis(100);

/// As the rig takes to begin: looks before memory flows, as a real migration has them.
const SETUP: Duration = Duration::from_millis(520);

/// In shorter rounds there are few looks to foretell from: the counter is read every 100 ms.
const FEW_LOOKS: Duration = Duration::from_millis(500);

/// A sync, and what was expected of it.
#[derive(Debug)]
struct Foretold {
    /// How long the round took that it ended.
    round: Duration,
    found_bytes: u64,
    estimate_bytes: Option<u64>,
}

impl Foretold {
    fn within_percent(&self, percent: u64) -> bool {
        self.estimate_bytes.is_some_and(|estimate| {
            estimate.abs_diff(self.found_bytes) * 100 <= self.found_bytes * percent
        })
    }
}

/// Steers `config` under `counter`: each sync that had at least two looks before it, and the trust at the end.
fn foretold(config: &PlantConfig, counter: Counter) -> (Vec<Foretold>, Trust) {
    let mut config = config.clone().with_counter(counter);
    config.qemu.setup = SETUP;
    let mut plant = Plant::new(&config);
    let (_, seen) = run(&mut plant, Policy::default());
    let syncs: Vec<(Timestamp, u64)> = plant
        .syncs()
        .iter()
        .map(|sync| (Timestamp::default().after(sync.at), sync.remaining_bytes))
        .collect();
    let (mut rounds, mut writes, mut foretold) = (Rounds::default(), Writes::default(), vec![]);
    for pair in seen.samples.windows(2) {
        let (sample, next) = (&pair[0], &pair[1]);
        writes.update(sample, rounds.update(sample).as_ref());
        let due = |at: &Timestamp| {
            let made = at.before(BEFORE);
            sample.at <= made && made < next.at
        };
        let sync = syncs.windows(2).find(|pair| due(&pair[1].0));
        if let Some([begin, (at, found_bytes)]) = sync
            && sample.at.since(begin.0) >= BEFORE
        {
            foretold.push(Foretold {
                round: at.since(begin.0),
                found_bytes: *found_bytes,
                estimate_bytes: writes.next_sync_bytes(*at),
            });
        }
    }
    (foretold, writes.trust())
}

/// The guests of the scenarios, and drawn ones.
fn guests() -> impl Iterator<Item = (String, PlantConfig)> {
    let made = [
        ("saturated".to_owned(), saturated()),
        (
            "random".to_owned(),
            config(Writer::random(64 * MB, 50 * MB)),
        ),
        (
            "large random".to_owned(),
            config(Writer::random(256 * MB, 80 * MB)),
        ),
        ("swept".to_owned(), config(Writer::sweep(256 * MB, 80 * MB))),
        (
            "swept in part".to_owned(),
            config(Writer::sweep(64 * MB, 50 * MB)),
        ),
    ];
    let phases = (0..10).map(|n| {
        let into = Duration::from_millis(600 * n);
        (format!("phased, {into:?} into it"), phased(into))
    });
    let drawn = (0..200).map(|number| {
        let case = Case::draw(1, number);
        // Fine enough for 5 % of what little a large guest may leave.
        let mut config = case.config;
        config.guest = config.guest.chunks(1 << 15);
        (format!("{} {number}", case.kind.name()), config)
    });
    made.into_iter().chain(phases).chain(drawn)
}

/// How many syncs are foretold within so many per cent, and how many there are, of rounds with more than a few looks.
fn score(config: &PlantConfig, counter: Counter, percent: u64) -> [usize; 2] {
    let (syncs, _) = foretold(config, counter);
    let seen: Vec<_> = syncs
        .iter()
        .filter(|sync| sync.round >= FEW_LOOKS)
        .collect();
    let near = seen.iter().filter(|sync| sync.within_percent(percent));
    [near.count(), seen.len()]
}

#[test]
fn nine_of_ten_syncs_are_foretold_within_five_per_cent() {
    let [near, all] = guests()
        .map(|(_, config)| score(&config, Counter::Exact, 5))
        .fold([0, 0], |sum, one| [sum[0] + one[0], sum[1] + one[1]]);
    assert!(all > 300 && near * 10 >= all * 9, "{near} of {all}");
}

#[test]
fn a_counter_that_is_a_fifth_off_foretells_to_that() {
    let [near, all] = guests()
        .map(|(_, config)| score(&config, Counter::Noisy, 25))
        .fold([0, 0], |sum, one| [sum[0] + one[0], sum[1] + one[1]]);
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
fn a_counter_that_is_wrong_is_refuted_by_the_first_sync_and_says_nothing_more() {
    for counter in [
        Counter::Half,
        Counter::Deaf,
        Counter::Extra { per_s: 40_000 },
    ] {
        for config in steady() {
            let (syncs, trust) = foretold(&config, counter);
            assert_eq!(trust, Trust::Refuted, "{counter:?}: {syncs:?}");
            let later = syncs.iter().skip(1);
            let silent = later.clone().all(|sync| sync.estimate_bytes.is_none());
            assert!(silent, "{counter:?}: {syncs:?}");
        }
    }
}

#[test]
fn without_a_counter_nothing_is_foretold() {
    for config in steady() {
        let (syncs, trust) = foretold(&config, Counter::None);
        assert_eq!(trust, Trust::Unconfirmed);
        assert!(syncs.iter().all(|sync| sync.estimate_bytes.is_none()));
    }
}

#[test]
fn to_count_changes_nothing() {
    for (name, config) in guests().take(60) {
        let counted = ours(&config.clone().with_counter(Counter::Exact));
        assert_eq!(counted, ours(&config), "{name}");
    }
}
