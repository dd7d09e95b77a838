//! All states of a machine, breadth first, so that a counterexample is a shortest one.

use std::collections::HashMap;
use std::fmt::Debug;
use std::hash::Hash;

/// More states than any machine here has.
const MOST_STATES: usize = 2_000_000;

/// What is explored.
pub(crate) trait Machine {
    type State: Clone + Eq + Hash + Debug;

    fn initial(&self) -> Self::State;

    /// All steps from `state`, and where each leads. A machine rests where no step of its own leads elsewhere.
    fn steps(&self, state: &Self::State) -> Vec<Step<Self::State>>;

    /// What is wrong with `state`; `rests`: nothing happens any more unless from outside.
    fn fault(&self, state: &Self::State, rests: bool) -> Option<&'static str>;
}

/// One step.
pub(crate) struct Step<S> {
    pub(crate) name: &'static str,
    /// Whether it is taken in the end, whatever happens outside.
    pub(crate) own: bool,
    pub(crate) to: S,
}

impl<S> Step<S> {
    /// A step that the machine takes by itself.
    pub(crate) const fn own(name: &'static str, to: S) -> Self {
        let own = true;
        Self { name, own, to }
    }
}

/// What came of it.
pub(crate) struct Explored {
    pub(crate) states: usize,
    pub(crate) steps: usize,
    /// One for each fault, a shortest.
    pub(crate) counterexamples: Vec<Counterexample>,
}

/// A fault, and the shortest way to it.
pub(crate) struct Counterexample {
    pub(crate) fault: &'static str,
    pub(crate) path: Vec<&'static str>,
    /// The state, as text.
    pub(crate) state: String,
}

/// Explores all of `machine`, also what comes after a fault, unless that is `wanted`.
pub(crate) fn explore<M: Machine>(machine: &M, wanted: Option<&str>) -> Explored {
    let mut search = Search::<M::State>::default();
    search.reach(machine.initial(), None);
    let (mut next, mut steps) = (0, 0);
    let (mut own_steps, mut faults) = (Vec::new(), Vec::<(&'static str, usize)>::new());
    while let Some(state) = search.states.get(next).cloned() {
        assert!(search.states.len() < MOST_STATES, "too many states");
        let all = machine.steps(&state);
        steps += all.len();
        let rests = !all.iter().any(|step| step.own && step.to != state);
        if let Some(fault) = machine.fault(&state, rests)
            && faults.iter().all(|(known, _)| *known != fault)
        {
            faults.push((fault, next));
            if wanted == Some(fault) {
                return search.explored(steps, &faults);
            }
        }
        for Step { name, own, to } in all {
            let is_elsewhere = to != state;
            let to = search.reach(to, Some((next, name)));
            if own && is_elsewhere {
                own_steps.push((next, to));
            }
        }
        next += 1;
    }
    let endless = circle(search.states.len(), &own_steps);
    faults.extend(endless.map(|at| ("it never rests", at)));
    search.explored(steps, &faults)
}

struct Search<S> {
    states: Vec<S>,
    known: HashMap<S, usize>,
    from: Vec<Option<(usize, &'static str)>>,
}

impl<S> Default for Search<S> {
    fn default() -> Self {
        Self {
            states: Vec::new(),
            known: HashMap::new(),
            from: Vec::new(),
        }
    }
}

impl<S: Clone + Eq + Hash + Debug> Search<S> {
    fn reach(&mut self, state: S, from: Option<(usize, &'static str)>) -> usize {
        let next = self.states.len();
        let at = *self.known.entry(state.clone()).or_insert(next);
        if at == next {
            self.states.push(state);
            self.from.push(from);
        }
        at
    }

    fn explored(&self, steps: usize, faults: &[(&'static str, usize)]) -> Explored {
        let counterexamples = faults.iter().map(|&(fault, at)| Counterexample {
            fault,
            path: self.path(at),
            state: format!("{:?}", self.states[at]),
        });
        Explored {
            states: self.states.len(),
            steps,
            counterexamples: counterexamples.collect(),
        }
    }

    fn path(&self, mut at: usize) -> Vec<&'static str> {
        let mut path = Vec::new();
        while let Some((from, name)) = self.from[at] {
            path.push(name);
            at = from;
        }
        path.reverse();
        path
    }
}

/// A state on a circle of `steps` or beyond one, if there is one: the machine may go on for ever.
fn circle(states: usize, steps: &[(usize, usize)]) -> Option<usize> {
    let mut out = vec![Vec::new(); states];
    let mut entries = vec![0_u32; states];
    for &(from, to) in steps {
        out[from].push(to);
        entries[to] += 1;
    }
    let mut free: Vec<usize> = (0..states).filter(|&at| entries[at] == 0).collect();
    while let Some(at) = free.pop() {
        for &to in &out[at] {
            entries[to] -= 1;
            if entries[to] == 0 {
                free.push(to);
            }
        }
    }
    entries.iter().position(|&entries| entries > 0)
}
