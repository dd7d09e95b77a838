//! The working-set curve nearest to the rounds.

use super::super::guest::{Access, Order};
use super::phases::Phase;
use super::rounds::RoundSeen;

/// Candidates for the memory that is rewritten all the time, whatever the workload does, bytes.
const BACKGROUNDS: [f64; 6] = [0.1e6, 0.2e6, 0.4e6, 0.8e6, 1.6e6, 3.2e6];

/// Bounds of the search: least and greatest rate, bytes/s, and least set, bytes.
const RATES: (f64, f64) = (1e5, 1e12);
const SET_MIN: f64 = 1e5;

/// The remainder of a sync is known to this part of itself and so many bytes: samples come some milliseconds after it,
/// and a guest writes in bursts.
const KNOWN_TO: f64 = 0.02;
const KNOWN_TO_BYTES: f64 = 5e5;

/// How many candidates on each axis, and how often the neighbourhood of the best is searched again.
const STEPS: u32 = 16;
const ZOOMS: u32 = 5;

/// How often the busy and the quiet curve are fitted by turns.
const TURNS: u32 = 3;

/// A set written at a rate.
#[derive(Clone, Copy, Debug)]
struct Curve {
    set: f64,
    rate: f64,
    order: Order,
}

impl Curve {
    const NONE: Self = Self {
        set: 0.0,
        rate: 0.0,
        order: Order::Random,
    };

    /// W(x): distinct bytes written in `x_s` seconds.
    fn written(self, x_s: f64) -> f64 {
        if self.set <= 0.0 {
            return 0.0;
        }
        match self.order {
            Order::Random => self.set * -(-self.rate * x_s / self.set).exp_m1(),
            Order::Cyclic => self.set.min(self.rate * x_s),
        }
    }
}

/// The guest's writes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Curves {
    background: f64,
    busy: Curve,
    quiet: Curve,
}

/// A round, with how long the guest was busy and quiet in it, seconds.
struct Mixed<'a> {
    round: &'a RoundSeen,
    busy_s: f64,
    quiet_s: f64,
}

impl Curves {
    /// The access of a program that writes like this in such a phase.
    pub(super) fn access(&self, busy: bool) -> Access {
        let curve = if busy { self.busy } else { self.quiet };
        if curve.set <= 0.0 {
            return Access::Idle;
        }
        Access::Rate {
            bytes: whole(curve.set),
            bytes_per_s: whole(curve.rate),
            order: curve.order,
        }
    }

    /// The rate of further writes.
    pub(super) fn background(&self) -> Access {
        Access::Rate {
            bytes: whole(self.background),
            bytes_per_s: whole(self.background * 1e3),
            order: Order::Random,
        }
    }

    /// The remainder of the sync at the end of such a round: the sets of busy and quiet begin at one address.
    fn found(&self, mixed: &Mixed<'_>) -> f64 {
        let busy = self.busy.written(mixed.busy_s);
        let quiet = self.quiet.written(mixed.quiet_s);
        let set = self.busy.set.max(self.quiet.set) + self.background;
        let unsent = mixed.round.unsent_bytes;
        let fresh = 1.0 - (unsent / set).min(1.0);
        unsent + (busy.max(quiet) + self.background) * fresh
    }

    /// Squared distance to the rounds, relative to their accuracy.
    fn error(&self, rounds: &[Mixed<'_>]) -> f64 {
        let off = |mixed: &Mixed<'_>| {
            let found = mixed.round.found_bytes;
            (self.found(mixed) - found) / (found * KNOWN_TO + KNOWN_TO_BYTES)
        };
        rounds.iter().map(|mixed| off(mixed).powi(2)).sum()
    }
}

/// The curves nearest to `rounds`; no set is larger than `data_bytes`.
pub(super) fn fit(rounds: &[RoundSeen], phases: &[Phase], data_bytes: u64) -> Curves {
    let rounds: Vec<_> = rounds.iter().map(|round| mix(round, phases)).collect();
    let candidates = BACKGROUNDS.iter().map(|background| {
        let mut curves = Curves {
            background: *background,
            busy: Curve::NONE,
            quiet: Curve::NONE,
        };
        for _ in 0..TURNS {
            for busy in [true, false] {
                refine(&mut curves, busy, &rounds, data_bytes as f64);
            }
        }
        (curves.error(&rounds), curves)
    });
    let none = Curves {
        background: 0.0,
        busy: Curve::NONE,
        quiet: Curve::NONE,
    };
    candidates
        .min_by(|a, b| a.0.total_cmp(&b.0))
        .map_or(none, |(_, curves)| curves)
}

/// Fits one of the two curves with the other fixed; a curve that no round shows is left unchanged.
fn refine(curves: &mut Curves, busy: bool, rounds: &[Mixed<'_>], most: f64) {
    let shown = |mixed: &Mixed<'_>| if busy { mixed.busy_s } else { mixed.quiet_s } > 0.0;
    if !rounds.iter().any(shown) {
        return;
    }
    let with = |curve: Curve| {
        let mut with = *curves;
        *(if busy {
            &mut with.busy
        } else {
            &mut with.quiet
        }) = curve;
        (with.error(rounds), curve)
    };
    let nearest = [Order::Random, Order::Cyclic]
        .into_iter()
        .map(|order| zoom(order, most, &with))
        .chain([with(Curve::NONE)])
        .min_by(|a, b| a.0.total_cmp(&b.0));
    if let Some((_, curve)) = nearest {
        *(if busy {
            &mut curves.busy
        } else {
            &mut curves.quiet
        }) = curve;
    }
}

/// A grid over sets and rates, then finer ones around its best.
fn zoom(order: Order, most: f64, with: &impl Fn(Curve) -> (f64, Curve)) -> (f64, Curve) {
    let (mut sets, mut rates) = ((SET_MIN, most.max(SET_MIN)), RATES);
    let mut best = with(Curve::NONE);
    for _ in 0..ZOOMS {
        for set in grid(sets) {
            for rate in grid(rates) {
                let candidate = with(Curve { set, rate, order });
                if candidate.0 < best.0 {
                    best = candidate;
                }
            }
        }
        sets = around(sets, best.1.set, (SET_MIN, most.max(SET_MIN)));
        rates = around(rates, best.1.rate, RATES);
    }
    best
}

/// Candidates in equal ratios, both ends included.
fn grid((least, most): (f64, f64)) -> impl Iterator<Item = f64> {
    (0..=STEPS).map(move |step| least * (most / least).powf(f64::from(step) / f64::from(STEPS)))
}

/// Two steps to either side of `best`.
fn around((least, most): (f64, f64), best: f64, bounds: (f64, f64)) -> (f64, f64) {
    let reach = (most / least).powf(2.0 / f64::from(STEPS));
    let best = best.max(bounds.0);
    ((best / reach).max(bounds.0), (best * reach).min(bounds.1))
}

/// How long of the round the guest was busy.
fn mix<'a>(round: &'a RoundSeen, phases: &[Phase]) -> Mixed<'a> {
    let (mut from_s, mut busy_s) = (0.0, 0.0);
    for (index, phase) in phases.iter().enumerate() {
        let last = index + 1 == phases.len();
        let to_s = if last {
            f64::INFINITY
        } else {
            from_s + phase.span.as_secs_f64()
        };
        if phase.busy {
            busy_s += (to_s.min(round.to_s) - from_s.max(round.from_s)).max(0.0);
        }
        from_s = to_s;
    }
    Mixed {
        round,
        busy_s,
        quiet_s: (round.to_s - round.from_s - busy_s).max(0.0),
    }
}

/// Bytes, rounded down; none below zero.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a float that is too large or negative becomes the nearest number"
)]
const fn whole(value: f64) -> u64 {
    value as u64
}
