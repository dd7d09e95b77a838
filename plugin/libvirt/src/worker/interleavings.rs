//! Every order of the steps of a worker's thread and its owner's. No wait times out here: one that nothing ends is a
//! deadlock, which fails.

use core::time::Duration;

use shuttle::check_dfs;
use shuttle::sync::mpsc;

use super::Worker;

const NEVER: Duration = Duration::MAX;

/// Tells of its end.
struct State(u32, mpsc::Sender<u32>);

impl Drop for State {
    fn drop(&mut self) {
        self.1.send(self.0).expect("the test waits");
    }
}

#[test]
fn each_order_is_carried_out_once_and_the_owners_end_ends_the_thread() {
    let run = || {
        let (ended, end) = mpsc::channel();
        let mut worker = Worker::start("guest", State(0, ended)).expect("a thread");
        let add = |state: &mut State, what| {
            state.0 = state.0 * 10 + what;
            state.0
        };
        let posted = worker.post(move |state| add(state, 1)).expect("free");
        let called = worker.call("add", NEVER, move |state, _| Ok(add(state, 2)));
        assert_eq!((posted.recv(), called.expect("an answer")), (Ok(1), 12));
        let again = worker.call("add", NEVER, move |state, _| Ok(add(state, 3)));
        assert_eq!(again.expect("what has ended is not outstanding"), 123);
        drop(worker);
        assert_eq!(end.recv(), Ok(123));
    };
    check_dfs(run, None);
}

#[test]
fn an_owner_that_goes_at_once_leaves_no_thread_waiting() {
    let run = || {
        let (ended, end) = mpsc::channel();
        let mut worker = Worker::start("guest", State(0, ended)).expect("a thread");
        drop(worker.post(|state| state.0 = 7));
        drop(worker);
        assert_eq!(end.recv(), Ok(7));
    };
    check_dfs(run, None);
}
