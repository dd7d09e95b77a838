//! The runs to make, and their order.

use std::collections::HashSet;
use std::time::Duration;

use libvirt_hpc_baseline::{Baseline, times_ppm_for};

use super::forced::stop_times_ms;
use super::guests::Cell;
use super::laws::{Class, FORCED, Law, find};
use super::record::{Key, Probe};
use super::sets::Set;
use crate::plant::SplitMix64;

/// A run to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Task {
    pub(super) key: Key,
    pub(super) law: Law,
}

/// All runs of a guest on a link, in order: each repeat has all laws, in an order of its own, so that no law always
/// follows the same one. The same on every machine.
#[must_use]
pub(super) fn tasks(set: Set, cell: &Cell, probe: &Probe, repeats: u32) -> Vec<Task> {
    let mut all = Vec::new();
    for repeat in 1..=repeats {
        let mut once: Vec<_> = set
            .laws()
            .into_iter()
            .flat_map(|law| variants(set, &law, probe).map(move |given| (law, given)))
            .collect();
        once.extend(forced(set, probe));
        shuffle(&mut once, &format!("{} {repeat}", cell.name()));
        all.extend(once.into_iter().map(|(law, hpc_law)| Task {
            key: Key {
                guest: cell.guest.name.to_owned(),
                link: cell.link.to_owned(),
                law: law.name.to_owned(),
                hpc_law,
                repeat,
            },
            law,
        }));
    }
    all
}

/// Those of `tasks` that are not done.
#[must_use]
pub(super) fn missing(tasks: Vec<Task>, done: &HashSet<Key>) -> Vec<Task> {
    let open = |task: &Task| !done.contains(&task.key);
    tasks.into_iter().filter(open).collect()
}

/// How `--hpc-law` is written for each variant of a law.
fn variants(set: Set, law: &Law, probe: &Probe) -> impl Iterator<Item = String> + use<> {
    let published = (!law.timed || set.as_published()).then(|| law.hpc_law.to_owned());
    let scaled = law.timed.then(|| scaled(law, probe)).flatten();
    published.into_iter().chain(scaled)
}

/// A law with its times scaled to the guest's first round.
fn scaled(law: &Law, probe: &Probe) -> Option<String> {
    let published: Baseline = law.hpc_law.parse().ok()?;
    let times_ppm = times_ppm_for(Duration::from_millis(probe.round_one_ms));
    Some(published.scaled(times_ppm).to_string())
}

fn forced(set: Set, probe: &Probe) -> Vec<(Law, String)> {
    let written = |at_ms: u64| format!("{FORCED}={}.{:03}s", at_ms / 1000, at_ms % 1000);
    let law = find(FORCED);
    stop_times_ms(probe, set.forced_stops())
        .into_iter()
        .filter_map(|at_ms| Some((law?, written(at_ms))))
        .collect()
}

/// Whether a law as it was given runs on a scaled clock.
#[must_use]
pub(super) fn is_scaled(hpc_law: &str) -> bool {
    hpc_law.contains('@')
}

/// Whether a run is one of the forced stops.
#[must_use]
pub(super) fn is_forced(law: &str) -> bool {
    find(law).is_some_and(|law| law.class == Class::Forced)
}

/// Fisher and Yates, by the letters of `seed`.
fn shuffle<T>(list: &mut [T], seed: &str) {
    let number = seed.bytes().fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let mut random = SplitMix64::new(number);
    for last in (1..list.len()).rev() {
        let other = random.below(last + 1);
        list.swap(last, other);
    }
}
