//! The reservation value of search theory: what is left that is worth taking, given what was left
//! before.
//!
//! Each round of waiting draws a value of R and costs `price` (all in bytes of pause). With draws from a
//! known distribution the best rule is to take the first value at or below r, where
//! E[(r - R)+] = price (McCall, "Economics of Information and Job Search", 1970); and r is also what
//! going on is worth. The distribution here is what was seen, each value weighted by the part of a round
//! in which it was, and one optimistic pseudo-sample: a lull that leaves nothing, of the weight of a hope.

/// The weight of one full round.
pub(super) const ROUND: u64 = 1_000;

/// How much the pseudo-sample counts against one full round, in thousandths: the belief in lulls that
/// memory has not shown.
///
/// It buys rounds: a guest that leaves the same R each time is let run until `(n + hope) delta >= hope`. At
/// the default delta of 10 % that is at once; at 1 %, ten rounds. `docs/control-law.md`, appendix, has what
/// else was tried.
pub(super) const HOPE: u64 = 100;

/// How many values are remembered: more rounds than the wait can have at any delta above 1 %, where it is
/// bounded by what it costs.
const SEEN: usize = 64;

/// A value of R, and the part of a round in which it was, in thousandths.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Draw {
    bytes: u64,
    weight: u64,
}

/// The values of R seen, newest kept.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seen {
    draws: [Draw; SEEN],
    count: usize,
    next: usize,
}

impl Seen {
    pub(super) fn new() -> Self {
        Self {
            draws: [Draw::default(); SEEN],
            count: 0,
            next: 0,
        }
    }

    /// Takes in a value and its weight, which is at most a [`ROUND`].
    pub(super) fn push(&mut self, bytes: u64, weight: u64) {
        self.draws[self.next] = Draw {
            bytes,
            weight: weight.clamp(1, ROUND),
        };
        self.next = (self.next + 1) % SEEN;
        self.count = (self.count + 1).min(SEEN);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.count == 0
    }

    pub(super) fn mean(&self) -> u64 {
        let sum: u128 = self
            .iter()
            .map(|d| u128::from(d.bytes) * u128::from(d.weight))
            .sum();
        narrow(sum / self.weight().max(1))
    }

    pub(super) fn highest(&self) -> u64 {
        self.iter().map(|d| d.bytes).max().unwrap_or(0)
    }

    /// The reservation value r in bytes, if one more round costs `price_bytes`, and lulls are hoped for.
    ///
    /// Solves hope x r + sum w_i (r - R_i)+ = (sum w_i + hope) x price: the left side is piecewise
    /// linear and rises, so the segment is found by walking the values in order.
    pub(super) fn reservation_bytes(&self, price_bytes: u64, hope: u64) -> u64 {
        let mut sorted = self.draws;
        let draws = &mut sorted[..self.count];
        draws.sort_unstable();
        let hope = u128::from(hope);
        let due = (self.weight() + hope) * u128::from(price_bytes);
        let (mut weight, mut below) = (hope, 0_u128);
        for draw in draws {
            let (bytes, own) = (u128::from(draw.bytes), u128::from(draw.weight));
            if weight * bytes >= due + below {
                break;
            }
            weight += own;
            below += own * bytes;
        }
        narrow((due + below) / weight)
    }

    fn weight(&self) -> u128 {
        self.iter().map(|d| u128::from(d.weight)).sum()
    }

    fn iter(&self) -> impl Iterator<Item = Draw> {
        self.draws.into_iter().take(self.count)
    }
}

fn narrow(wide: u128) -> u64 {
    u64::try_from(wide).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(values: &[u64]) -> Seen {
        let mut seen = Seen::new();
        values.iter().for_each(|&v| seen.push(v, ROUND));
        seen
    }

    #[test]
    fn a_flat_guest_is_taken_as_soon_as_hope_is_spent() {
        let mut flat = seen(&[1000; 9]);
        assert!(flat.reservation_bytes(10, HOPE) < 1000);
        flat.push(1000, ROUND);
        assert!(flat.reservation_bytes(10, HOPE) >= 1000);
        assert!(seen(&[1000]).reservation_bytes(100, HOPE) >= 1000);
    }

    #[test]
    fn the_equation_holds_where_values_differ() {
        // 0.1 r + (r - 128) = 4.1 x 22, worked by hand: r = 198.4
        assert_eq!(seen(&[255, 256, 256, 128]).reservation_bytes(22, HOPE), 198);
    }

    #[test]
    fn half_a_round_counts_half() {
        let mut halves = Seen::new();
        (0..6).for_each(|_| halves.push(1000, ROUND / 2));
        let whole = seen(&[1000; 3]);
        let of = |seen: &Seen| seen.reservation_bytes(100, HOPE);
        assert_eq!((of(&halves), halves.mean()), (of(&whole), 1000));
    }

    #[test]
    fn a_dear_round_makes_everything_worth_taking() {
        assert!(seen(&[10, 20, 30]).reservation_bytes(1000, HOPE) > 30);
    }

    #[test]
    fn nothing_seen_and_the_largest_values_do_not_overflow() {
        assert_eq!(Seen::new().reservation_bytes(7, HOPE), 7);
        assert_eq!(seen(&[u64::MAX; 100]).mean(), u64::MAX);
        seen(&[u64::MAX; 100]).reservation_bytes(u64::MAX, 10 * HOPE);
    }
}
