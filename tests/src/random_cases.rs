//! Random guests and links, for judging laws over many of them. A seed and a number give the same case on every
//! machine.

use std::time::Duration;

use libvirt_hpc_control::estimate::Prior;

use crate::plant::{Access, Guest, Link, Order, PlantConfig, SplitMix64, Writer};

const GIB: f64 = (1_u64 << 30) as f64;

/// Bytes a second of 1 Gbit/s Ethernet as TCP sees it ([`Link::gigabit`]).
const GIGABIT: f64 = 117e6;

/// The way a guest writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Flat out.
    Flat,
    /// At a rate, at random.
    Random,
    /// At a rate, from start to end and again.
    Swept,
    /// Busy and quiet by turns, idle in quiet phases.
    Phased,
    /// The same, but spinning in quiet phases, as waiting MPI ranks do: the processors show nothing.
    Spinning,
}

impl Kind {
    /// All of them, in the order of the tables.
    pub const ALL: [Self; 5] = [
        Self::Flat,
        Self::Random,
        Self::Swept,
        Self::Phased,
        Self::Spinning,
    ];

    /// Its name in tables.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Flat => "flat",
            Self::Random => "random",
            Self::Swept => "swept",
            Self::Phased => "phased",
            Self::Spinning => "spinning",
        }
    }
}

/// A guest and a link.
#[derive(Clone, Debug)]
pub struct Case {
    /// Its number.
    pub number: u64,
    /// How the guest writes.
    pub kind: Kind,
    /// The configuration of the plant.
    pub config: PlantConfig,
    /// How long the first round takes on an undisturbed link.
    pub first_round: Duration,
    /// The link's bandwidth at the beginning, bytes/s.
    pub link_bytes_per_s: u64,
    /// What the law knows of it before; nothing by default.
    pub prior: Prior,
}

/// Uniform and log-uniform random numbers.
struct Dice(SplitMix64);

impl Dice {
    fn uniform(&mut self, from: f64, to: f64) -> f64 {
        from + (to - from) * self.0.unit()
    }

    fn log(&mut self, from: f64, to: f64) -> f64 {
        self.uniform(from.ln(), to.ln()).exp()
    }

    /// 0 to `most`.
    fn up_to(&mut self, most: u8) -> u8 {
        u8::try_from(self.0.below(usize::from(most) + 1)).unwrap_or(most)
    }

    fn chance(&mut self, part: f64) -> bool {
        self.0.unit() < part
    }
}

impl Case {
    /// The `number`th case of `seed`: kinds in turn, 1 GiB to 1 TiB of which a third to all is data, 1 to
    /// 400 Gbit/s with up to 15 % jitter, which for every sixth changes for good in the first rounds.
    #[must_use]
    pub fn draw(seed: u64, number: u64) -> Self {
        let mut dice = Dice(SplitMix64::new(
            seed ^ number.wrapping_mul(0x2545_f491_4f6c_dd1d),
        ));
        let kind = Kind::ALL[usize::try_from(number % 5).unwrap_or(0)];
        let total = dice.log(GIB, 1024.0 * GIB);
        let data = total * dice.uniform(0.33, 1.0);
        let rate = dice.log(GIGABIT, 400.0 * GIGABIT);
        let first_round = Duration::from_secs_f64(data / rate);
        let writer = writer(&mut dice, kind, data, rate);
        let guest = Guest::new(bytes(total)).non_zero(bytes(data)).with(writer);
        let config = PlantConfig::new(guest, link(&mut dice, rate, first_round))
            .with_seed(seed.wrapping_add(number));
        Self {
            number,
            kind,
            config,
            first_round,
            link_bytes_per_s: bytes(rate),
            prior: Prior::default(),
        }
    }

    /// The same draw for estimates: of links that stay as they were told, and first rounds of 2 s to 2 minutes. A link
    /// that changes under way is nobody's to foresee, and of a longer round ten seconds tell too little.
    #[must_use]
    pub fn draw_for_estimates(seed: u64, number: u64) -> Self {
        let (shortest, longest) = (Duration::from_secs(2), Duration::from_secs(120));
        let draws = (0..).map(|draw: u64| Self::draw(seed, number + draw * 1_000_000));
        // The numbers are of the same kind: a million is a multiple of five.
        let mut fitting = draws.filter(|case| (shortest..=longest).contains(&case.first_round));
        let case = fitting.next().unwrap_or_else(|| Self::draw(seed, number));
        case.with_steady_link()
    }

    /// The same guest over a link that does not change for good.
    #[must_use]
    pub fn with_steady_link(mut self) -> Self {
        self.config.link = self.config.link.steady();
        self
    }

    /// The same guest, idle where it had spun: its processors show its phases.
    #[must_use]
    pub fn without_spinning(mut self) -> Self {
        self.config.guest = self.config.guest.without_spinning();
        self
    }
}

/// A working set of 1 to 60 % of the data, written at a twentieth to twenty times the link's bandwidth.
fn writer(dice: &mut Dice, kind: Kind, data: f64, rate: f64) -> Writer {
    let set = data * dice.log(0.01, 0.6);
    let speed = rate * dice.log(0.05, 20.0);
    match kind {
        Kind::Flat => Writer::flat(bytes(set)),
        Kind::Random => Writer::random(bytes(set), bytes(speed)),
        Kind::Swept => Writer::sweep(bytes(set), bytes(speed)),
        Kind::Phased => phased(dice, set, rate),
        Kind::Spinning => phased(dice, set, rate).spinning(),
    }
}

/// Flat out and nearly idle by turns, each for 0.2 to 13 rounds.
fn phased(dice: &mut Dice, set: f64, rate: f64) -> Writer {
    let round = set / rate;
    let (busy, quiet) = (dice.log(0.2, 13.0) * round, dice.log(0.2, 13.0) * round);
    let calm = Access::Rate {
        bytes: bytes(set * dice.log(0.01, 0.3)),
        bytes_per_s: bytes(rate * dice.log(0.02, 0.5)),
        order: Order::Random,
    };
    let into = dice.uniform(0.0, busy + quiet);
    let phases = [
        (
            Duration::from_secs_f64(busy),
            Access::Flat { bytes: bytes(set) },
        ),
        (Duration::from_secs_f64(quiet), calm),
    ];
    Writer::phases(phases).starting_into(Duration::from_secs_f64(into))
}

fn link(dice: &mut Dice, rate: f64, first_round: Duration) -> Link {
    let link = Link::new(bytes(rate)).jitter(dice.up_to(15));
    if !dice.chance(1.0 / 6.0) {
        return link;
    }
    let at = first_round.mul_f64(dice.uniform(0.3, 2.5));
    link.then(at, bytes(rate * dice.log(0.3, 1.5)))
}

/// Whole bytes.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "what is drawn is positive and far below 2^53"
)]
fn bytes(drawn: f64) -> u64 {
    drawn as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_gives_the_same_case_again_and_another_another() {
        let text = |number| format!("{:?}", Case::draw(7, number).config);
        assert_eq!(text(3), text(3));
        assert_ne!(text(3), text(7));
    }

    #[test]
    fn without_spinning_a_guest_shows_its_phases() {
        let spins = |case: &Case| format!("{:?}", case.config).contains("spins: true");
        let case = Case::draw(7, 4);
        assert!(case.kind == Kind::Spinning && spins(&case));
        assert!(!spins(&case.without_spinning()));
    }
}
