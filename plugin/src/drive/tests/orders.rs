//! What the loop asks of, and tells to, who orders.

use std::cell::RefCell;

use super::*;

/// Orders of a call that has not been made: the abort alone ends it.
#[derive(Default)]
struct NeverMade(Cell<bool>);

impl Orders for NeverMade {
    fn over(&self) -> bool {
        self.0.get()
    }

    fn abort(&self) -> bool {
        self.0.set(true);
        true
    }
}

#[test]
fn a_call_that_was_never_made_has_no_job_to_abort() {
    let mut job = Script::new([Ok(flowing(1))]);
    let (end, ear) = driven(&mut job, Mode::Steer, &NeverMade::default());
    assert_eq!(end, End::Call);
    assert!(job.applied.is_empty() && ear.aborts.is_empty());
}

/// Notes what polls found.
#[derive(Default)]
struct Polls(RefCell<Vec<JobState>>);

impl Orders for Polls {
    fn over(&self) -> bool {
        false
    }

    fn abort(&self) -> bool {
        false
    }

    fn polled(&self, state: JobState) {
        self.0.borrow_mut().push(state);
    }
}

#[test]
fn every_poll_is_told_to_who_orders() {
    let mut job = Script::new([Ok(flowing(1)), Err(Scripted)]);
    let polls = Polls::default();
    driven(&mut job, Mode::Steer, &polls);
    assert_eq!(*polls.0.borrow(), [JobState::Precopy, JobState::Ended]);
}
