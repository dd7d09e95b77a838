//! The busy and quiet phases of the guest's processors.

use std::time::Duration;

/// Processor time is counted in ticks of 10 ms: over this long it is exact to a tenth, seconds.
const SPAN_S: f64 = 0.1;

/// A guest has phases if its busiest and its quietest half second differ by more than this, of one
/// processor: hosts that share their processors take less than that from a busy guest.
const PHASES: f64 = 0.4;

/// A shorter phase is an artefact of counting, seconds.
const LEAST_S: f64 = 0.3;

/// A time of being busy or quiet without a break.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Phase {
    pub(super) busy: bool,
    pub(super) span: Duration,
}

/// The phases from the job's beginning to the last mark; one, for a guest without phases.
pub(super) fn phases(marks: &[(f64, f64)]) -> Vec<Phase> {
    let loads = loads(marks, SPAN_S);
    let half = loads_range(&super::phases::loads(marks, 5.0 * SPAN_S));
    let Some((least, most)) = half.filter(|(least, most)| most - least > PHASES) else {
        let busy = half.is_some_and(|(least, most)| least + most > 1.0);
        let span = Duration::from_secs_f64(marks.last().map_or(0.0, |mark| mark.0));
        return vec![Phase { busy, span }];
    };
    let middle = (least + most) / 2.0;
    // The first load holds for the time before it too.
    let mut runs: Vec<(bool, f64)> = Vec::new();
    let mut from_s = 0.0;
    for (to_s, load) in loads {
        let busy = load > middle;
        match runs.last_mut() {
            Some((same, span)) if *same == busy => *span += to_s - from_s,
            _ => runs.push((busy, to_s - from_s)),
        }
        from_s = to_s;
    }
    merged(&runs)
}

/// Runs too short to be phases belong to the one before.
fn merged(runs: &[(bool, f64)]) -> Vec<Phase> {
    let mut phases: Vec<Phase> = Vec::new();
    for (index, (busy, span_s)) in runs.iter().enumerate() {
        let span = Duration::from_secs_f64(*span_s);
        let edge = index == 0 || index + 1 == runs.len();
        match phases.last_mut() {
            Some(last) if last.busy == *busy || (*span_s < LEAST_S && !edge) => last.span += span,
            _ => phases.push(Phase { busy: *busy, span }),
        }
    }
    phases
}

/// Ends of spans of at least `span_s`, and the load in each, in processors.
fn loads(marks: &[(f64, f64)], span_s: f64) -> Vec<(f64, f64)> {
    let mut loads = Vec::new();
    let Some((mut from_s, mut used_s)) = marks.first().copied() else {
        return loads;
    };
    for (at_s, vcpu_s) in marks {
        if at_s - from_s >= span_s {
            loads.push((*at_s, (vcpu_s - used_s) / (at_s - from_s)));
            (from_s, used_s) = (*at_s, *vcpu_s);
        }
    }
    loads
}

fn loads_range(loads: &[(f64, f64)]) -> Option<(f64, f64)> {
    let of = |fold: fn(f64, f64) -> f64| loads.iter().map(|(_, load)| *load).reduce(fold);
    Some((of(f64::min)?, of(f64::max)?))
}

/// The cycle, if a whole phase of each kind is seen, and how far into it the job began. The first and the
/// last phase are parts.
pub(super) fn cycle(phases: &[Phase]) -> Option<([Phase; 2], Duration)> {
    let whole = phases.get(1..phases.len().saturating_sub(1))?;
    let mean = |busy: bool| {
        let alike: Vec<_> = whole.iter().filter(|phase| phase.busy == busy).collect();
        let count = u32::try_from(alike.len()).ok().filter(|count| *count > 0)?;
        Some(alike.iter().map(|phase| phase.span).sum::<Duration>() / count)
    };
    let first = phases.first()?;
    let cycle = [first.busy, !first.busy].map(|busy| mean(busy).map(|span| Phase { busy, span }));
    let [Some(same), Some(other)] = cycle else {
        return None;
    };
    Some(([same, other], same.span.saturating_sub(first.span)))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{cycle, phases};

    /// Marks every 50 ms of a guest that is busy for 3 s and at a fifth for 2 s, 1 s into its busy phase.
    fn marks(until_s: f64) -> Vec<(f64, f64)> {
        let (mut marks, mut used_s) = (Vec::new(), 0.0);
        for step in 0..(0..)
            .take_while(|step| f64::from(*step) * 0.05 < until_s)
            .count()
        {
            let at_s = step as f64 * 0.05;
            marks.push((at_s, used_s));
            used_s += if (at_s + 1.0) % 5.0 < 3.0 { 0.05 } else { 0.01 };
        }
        marks
    }

    #[test]
    fn a_cycle_is_found_when_each_phase_was_seen_whole() {
        let ([busy, quiet], into) = cycle(&phases(&marks(9.0))).expect("phases");
        assert!(busy.busy && !quiet.busy);
        for (found, truth) in [(busy.span, 3.0), (quiet.span, 2.0), (into, 1.0)] {
            let off = found.as_secs_f64() - truth;
            assert!(off.abs() < 0.15, "{found:?}, not {truth} s");
        }
        assert!(cycle(&phases(&marks(6.0))).is_none());
    }

    #[test]
    fn a_steady_guest_has_one_phase() {
        for load in [0.0, 0.2, 1.0] {
            let marks: Vec<_> = (0..100)
                .map(|i| f64::from(i) * 0.05)
                .map(|at| (at, at * load))
                .collect();
            let found = phases(&marks);
            assert_eq!(found.len(), 1);
            assert_eq!(found[0].busy, load > 0.5);
            assert!(found[0].span > Duration::from_secs(4));
        }
    }
}
