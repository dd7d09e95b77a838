//! What happens in a run is a function of the campaign's seed and the run's number.

use super::plan::{Begin, Fault, Phase, Plan, Strike};
use crate::plant::SplitMix64;

/// Links, as tc writes their rates.
const RATES: [&str; 3] = ["1gbit", "500mbit", "250mbit"];

/// A saturated guest, one with phases, one that converges, and mostly with its first iteration. Each works all the time.
const WORKLOADS: [&str; 3] = ["flat:32", "phases:1s=flat:32,1s=rate:8@10", "rate:16@10"];

/// Of so many runs one has something: a second fault, a guest that crosses, limits, `--p2p`.
const SECOND_FAULT: usize = 3;
const CROSSING: usize = 6;
const LIMITS: usize = 3;
const P2P: usize = 3;

/// From a fault to its repair, ms.
const HOLD_LEAST_MS: usize = 300;
const HOLD_SPREAD_MS: usize = 3500;

impl Plan {
    /// The run `number` of the campaign of `seed`.
    ///
    /// Its first fault and phase come by turns: so many runs as there are faults have every one of them, and five times as
    /// many have each in every phase. The rest is drawn.
    pub(super) fn draw(seed: u64, number: u64) -> Self {
        let mut random = SplitMix64::new(seed ^ number.wrapping_mul(0xd1b5_4a32_d192_ed03));
        // A sequence that begins where another's second value is would repeat it.
        random.bits();
        let (fault, phase) = turn(seed, number);
        let mut strikes = vec![strike(&mut random, fault, phase)];
        if random.below(SECOND_FAULT) == 0 {
            let fault = Fault::ALL[random.below(Fault::ALL.len())];
            let phase = Phase::ALL[random.below(Phase::ALL.len())];
            if go_together(strikes[0].fault, fault) {
                strikes.push(strike(&mut random, fault, phase));
            }
        }
        let is_later = phase == Phase::LaterIteration;
        let workloads = &WORKLOADS[..WORKLOADS.len() - usize::from(is_later)];
        let needs_agent = strikes.iter().any(|strike| strike.fault.needs_agent());
        let begins = &Begin::ALL[usize::from(needs_agent)..];
        Self {
            begin: begins[random.below(begins.len())],
            is_p2p: random.below(P2P) == 0,
            is_crossing: random.below(CROSSING) == 0,
            is_patient: is_later || random.below(2) == 0,
            has_limits: random.below(LIMITS) == 0,
            source: random.below(2),
            rate: RATES[random.below(RATES.len())].to_owned(),
            workload: workloads[random.below(workloads.len())].to_owned(),
            strikes,
        }
    }
}

/// The fault and the phase whose turn it is.
fn turn(seed: u64, number: u64) -> (Fault, Phase) {
    let faults = Fault::ALL.len();
    let place = usize::try_from(number % (faults * Phase::ALL.len()) as u64).unwrap_or(0);
    let (round, place) = (place / faults, place % faults);
    let mut order: Vec<usize> = (0..faults).collect();
    let mut random = SplitMix64::new(seed);
    for last in (1..faults).rev() {
        order.swap(last, random.below(last + 1));
    }
    // Each fault begins with another phase, and has had all after as many rounds as there are.
    let first: Vec<usize> = (0..faults)
        .map(|_| random.below(Phase::ALL.len()))
        .collect();
    let fault = order[place];
    let phase = (first[fault] + round) % Phase::ALL.len();
    (Fault::ALL[fault], Phase::ALL[phase])
}

/// Whether two faults can be told apart in what they do, and repaired one by one.
fn go_together(one: Fault, other: Fault) -> bool {
    one != other
        && !(one.is_of_traces() && other.is_of_traces())
        && !(is_of_link(one) && is_of_link(other))
}

const fn is_of_link(fault: Fault) -> bool {
    matches!(fault, Fault::CutLink | Fault::SlowLink)
}

fn strike(random: &mut SplitMix64, fault: Fault, phase: Phase) -> Strike {
    let ms = |ms: usize| u32::try_from(ms).unwrap_or(u32::MAX);
    Strike {
        fault,
        phase,
        delay_ms: ms(random.below(phase.spread_ms() as usize + 1)),
        hold_ms: ms(HOLD_LEAST_MS + random.below(HOLD_SPREAD_MS)),
        variant: random.below(2) == 0,
    }
}
