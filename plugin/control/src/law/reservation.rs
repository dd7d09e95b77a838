//! The reservation value of search theory: the remainder that is worth stopping at, given earlier remainders.
//!
//! Each round of waiting draws a value of R and costs `cost` (all in bytes of pause). With draws from a known
//! distribution the best rule is to take the first value at or below r, where E[(r - R)+] = cost (McCall, "Economics of
//! Information and Job Search", 1970); r is also the value of going on. The distribution here is that of the values
//! seen, each weighted by the part of a round it covers, and a prior: one pseudo-sample of R = 0, a quiet phase not yet
//! seen.

/// The weight of one full round.
pub(super) const ROUND: u64 = 1_000;

/// The weight of the prior against one full round, in thousandths: the belief in quiet phases not yet seen.
///
/// It buys rounds: a guest with the same R each time runs until `(n + prior) delta >= prior`. At the default delta of
/// 10 % that is at once; at 1 %, ten rounds. `docs/control-law.md`, appendix, has what else was tried.
pub(super) const PRIOR: u64 = 100;

/// How many values are remembered: more than there can be rounds of waiting at any delta above 1 %, because their cost
/// is bounded.
const CAPACITY: usize = 64;

/// A value of R, and the part of a round that it covers, in thousandths.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Draw {
    bytes: u64,
    weight: u64,
}

/// The values of R seen; the newest are kept.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plateau {
    draws: [Draw; CAPACITY],
    count: usize,
    next: usize,
}

impl Plateau {
    pub(super) fn new() -> Self {
        Self {
            draws: [Draw::default(); CAPACITY],
            count: 0,
            next: 0,
        }
    }

    /// Takes in a value and its weight, at most a [`ROUND`].
    pub(super) fn push(&mut self, bytes: u64, weight: u64) {
        self.draws[self.next] = Draw {
            bytes,
            weight: weight.clamp(1, ROUND),
        };
        self.next = (self.next + 1) % CAPACITY;
        self.count = (self.count + 1).min(CAPACITY);
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

    /// The reservation value r in bytes, if one more round costs `cost_bytes`, with a prior of that weight.
    ///
    /// Solves prior x r + sum w_i (r - R_i)+ = (sum w_i + prior) x cost. The left side is piecewise linear and rises,
    /// so the segment is found by walking the values in order.
    pub(super) fn reservation_bytes(&self, cost_bytes: u64, prior: u64) -> u64 {
        let mut sorted = self.draws;
        let draws = &mut sorted[..self.count];
        draws.sort_unstable();
        let prior = u128::from(prior);
        let due = (self.weight() + prior) * u128::from(cost_bytes);
        let (mut weight, mut below) = (prior, 0_u128);
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

    fn seen(values: &[u64]) -> Plateau {
        let mut seen = Plateau::new();
        values.iter().for_each(|&v| seen.push(v, ROUND));
        seen
    }

    #[test]
    fn a_flat_guest_is_stopped_once_the_prior_is_used_up() {
        let mut flat = seen(&[1000; 9]);
        assert!(flat.reservation_bytes(10, PRIOR) < 1000);
        flat.push(1000, ROUND);
        assert!(flat.reservation_bytes(10, PRIOR) >= 1000);
        assert!(seen(&[1000]).reservation_bytes(100, PRIOR) >= 1000);
    }

    #[test]
    fn the_equation_holds_where_values_differ() {
        // 0.1 r + (r - 128) = 4.1 x 22, on paper: r = 198.4
        assert_eq!(
            seen(&[255, 256, 256, 128]).reservation_bytes(22, PRIOR),
            198
        );
    }

    #[test]
    fn half_a_round_counts_half() {
        let mut halves = Plateau::new();
        (0..6).for_each(|_| halves.push(1000, ROUND / 2));
        let whole = seen(&[1000; 3]);
        let of = |seen: &Plateau| seen.reservation_bytes(100, PRIOR);
        assert_eq!((of(&halves), halves.mean()), (of(&whole), 1000));
    }

    #[test]
    fn an_expensive_round_makes_every_value_acceptable() {
        assert!(seen(&[10, 20, 30]).reservation_bytes(1000, PRIOR) > 30);
    }

    #[test]
    fn no_values_and_the_largest_do_not_overflow() {
        assert_eq!(Plateau::new().reservation_bytes(7, PRIOR), 7);
        assert_eq!(seen(&[u64::MAX; 100]).mean(), u64::MAX);
        seen(&[u64::MAX; 100]).reservation_bytes(u64::MAX, 10 * PRIOR);
    }
}
