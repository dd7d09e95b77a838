//! The queue of events for the controller.

use core::time::Duration;
use std::collections::VecDeque;

use libvirt_hpc_control::sample::JobState;
use libvirt_hpc_control::time::Timestamp;
use threads::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use virt_sys as sys;

use crate::event::{Event, EventKind};
use crate::stats::{JobStats, MIGRATION_OUT};

/// Iterations remembered: more than can pass between a poll's answer and its reading, where each takes
/// longer than QEMU's 100 ms window.
const ITERATIONS: usize = 16;
/// Events kept for the log; a migration has a few lifecycle events and one per iteration.
const EVENTS: usize = 256;

#[derive(Default)]
struct State {
    rung: bool,
    iterations: VecDeque<(u64, Timestamp)>,
    phase: Option<JobState>,
    events: VecDeque<Event>,
    completed: Option<(JobStats, Timestamp)>,
}

/// Filled on libvirt's event thread, emptied on the controller's.
#[derive(Default)]
pub(crate) struct Inbox {
    state: Mutex<State>,
    bell: Condvar,
}

impl Inbox {
    /// Takes an event in; never blocks for longer than a reader copies.
    pub(crate) fn put(&self, event: Event) {
        let mut state = self.state();
        match event.kind {
            EventKind::Iteration(iteration) => {
                push(&mut state.iterations, ITERATIONS, (iteration, event.at));
            }
            EventKind::Lifecycle { event, detail } => state.phase = phase(event, detail),
            EventKind::JobCompleted(ref stats) if stats.operation == Some(MIGRATION_OUT) => {
                state.phase = Some(JobState::Ended);
                state.completed = Some((JobStats::clone(stats), event.at));
            }
            EventKind::JobCompleted(_) | EventKind::MetadataChanged => {}
        }
        push(&mut state.events, EVENTS, event);
        state.rung = true;
        self.bell.notify_all();
    }

    /// Forgets all but the bell: earlier events are of a migration that is over.
    pub(crate) fn forget(&self) {
        let mut state = self.state();
        *state = State {
            rung: state.rung,
            ..State::default()
        };
    }

    /// Ends the wait.
    pub(crate) fn ring(&self) {
        self.state().rung = true;
        self.bell.notify_all();
    }

    /// Waits for an event or a ring since the last wait, no longer than `at_most`.
    pub(crate) fn wait(&self, at_most: Duration) {
        let waiting = self
            .bell
            .wait_timeout_while(self.state(), at_most, |state| !state.rung);
        let (mut state, _) = waiting.unwrap_or_else(PoisonError::into_inner);
        state.rung = false;
    }

    /// Waits for the final statistics of a migration that succeeded, and when they came, no longer than `at_most`.
    pub(crate) fn completed(&self, at_most: Duration) -> Option<(JobStats, Timestamp)> {
        let missing = |state: &mut State| state.completed.is_none();
        let waiting = self.bell.wait_timeout_while(self.state(), at_most, missing);
        let (state, _) = waiting.unwrap_or_else(PoisonError::into_inner);
        state.completed.clone()
    }

    /// When `iteration` was announced.
    pub(crate) fn sync_at(&self, iteration: u64) -> Option<Timestamp> {
        let state = self.state();
        let known = state
            .iterations
            .iter()
            .rev()
            .find(|(known, _)| *known == iteration);
        known.map(|(_, at)| *at)
    }

    /// The state of the migration by its last lifecycle event.
    pub(crate) fn phase(&self) -> Option<JobState> {
        self.state().phase
    }

    /// The events since the last time, oldest first.
    pub(crate) fn take_events(&self) -> Vec<Event> {
        self.state().events.drain(..).collect()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn push<T>(queue: &mut VecDeque<T>, capacity: usize, item: T) {
    if queue.len() == capacity {
        queue.pop_front();
    }
    queue.push_back(item);
}

/// The state of the migration by a lifecycle event of the source.
fn phase(event: u32, detail: u32) -> Option<JobState> {
    match (event, detail) {
        (sys::VIR_DOMAIN_EVENT_SUSPENDED, sys::VIR_DOMAIN_EVENT_SUSPENDED_MIGRATED) => {
            Some(JobState::Switchover)
        }
        (
            sys::VIR_DOMAIN_EVENT_SUSPENDED,
            sys::VIR_DOMAIN_EVENT_SUSPENDED_POSTCOPY
            | sys::VIR_DOMAIN_EVENT_SUSPENDED_POSTCOPY_FAILED,
        )
        | (
            sys::VIR_DOMAIN_EVENT_RESUMED,
            sys::VIR_DOMAIN_EVENT_RESUMED_POSTCOPY | sys::VIR_DOMAIN_EVENT_RESUMED_POSTCOPY_FAILED,
        ) => Some(JobState::Postcopy),
        (sys::VIR_DOMAIN_EVENT_STOPPED, _) => Some(JobState::Ended),
        _ => None,
    }
}

#[cfg(all(test, shuttle))]
mod interleavings;

#[cfg(test)]
mod tests {
    use core::time::Duration;
    use std::sync::{Arc, mpsc};
    use std::thread;

    use libvirt_hpc_control::sample::JobState;
    use libvirt_hpc_control::time::Timestamp;

    use super::{EVENTS, ITERATIONS, Inbox};
    use crate::event::{DomainId, Event, EventKind};
    use crate::stats::{FieldValue, JobStats, JobType};

    fn event(at: u64, kind: EventKind) -> Event {
        let domain = DomainId {
            name: "guest".to_owned(),
            uuid: String::new(),
        };
        Event {
            at: Timestamp::from_nanos(at),
            domain,
            kind,
        }
    }

    /// Whether a wait of an hour ends at once. The limit only keeps a failure from hanging.
    fn ends_a_wait(inbox: &Arc<Inbox>) -> bool {
        let (done, ended) = mpsc::channel();
        let inbox = Arc::clone(inbox);
        thread::spawn(move || {
            inbox.wait(Duration::from_secs(3600));
            done.send(()).unwrap_or_default();
        });
        ended.recv_timeout(Duration::from_secs(30)).is_ok()
    }

    #[test]
    fn iterations_keep_their_time_of_arrival() {
        let inbox = Inbox::default();
        for iteration in 1..=20 {
            inbox.put(event(iteration * 10, EventKind::Iteration(iteration)));
        }
        assert_eq!(inbox.sync_at(20), Some(Timestamp::from_nanos(200)));
        assert_eq!(inbox.sync_at(19), Some(Timestamp::from_nanos(190)));
        assert_eq!(inbox.sync_at(20 - ITERATIONS as u64), None, "too old");
        assert_eq!(inbox.sync_at(21), None, "only polling saw it");
    }

    #[test]
    fn a_ring_before_the_wait_ends_it() {
        let inbox = Arc::new(Inbox::default());
        inbox.ring();
        assert!(ends_a_wait(&inbox));
        assert!(!inbox.state().rung, "one ring ends one wait");
    }

    #[test]
    fn lifecycle_events_tell_the_phase() {
        let inbox = Inbox::default();
        for (event_type, detail, expected) in [
            (3, 0, None),
            (3, 1, Some(JobState::Switchover)),
            (4, 1, None),
            (3, 7, Some(JobState::Postcopy)),
            (4, 3, Some(JobState::Postcopy)),
            (5, 3, Some(JobState::Ended)),
        ] {
            inbox.put(event(
                1,
                EventKind::Lifecycle {
                    event: event_type,
                    detail,
                },
            ));
            assert_eq!(
                inbox.phase(),
                expected,
                "event {event_type}, detail {detail}"
            );
        }
        assert_eq!(inbox.take_events().len(), 6);
        assert!(inbox.take_events().is_empty(), "taken once");
    }

    #[test]
    fn final_statistics_are_kept_if_they_are_a_migrations() {
        let inbox = Inbox::default();
        let done = |operation| {
            let fields = vec![("operation".to_owned(), FieldValue::Int(operation))];
            EventKind::JobCompleted(Box::new(JobStats::new(JobType::Completed, fields)))
        };
        inbox.put(event(1, done(2)));
        assert_eq!(inbox.completed(Duration::ZERO), None, "a save");
        inbox.put(event(2, done(5)));
        let (stats, at) = inbox
            .completed(Duration::from_secs(3600))
            .expect("a migration");
        assert_eq!((stats.operation, at), (Some(5), Timestamp::from_nanos(2)));
    }

    #[test]
    fn the_next_migration_begins_with_nothing_but_a_ring() {
        let inbox = Arc::new(Inbox::default());
        inbox.put(event(1, EventKind::Iteration(1)));
        let stopped = EventKind::Lifecycle {
            event: 5,
            detail: 3,
        };
        inbox.put(event(2, stopped));
        inbox.forget();
        assert_eq!((inbox.sync_at(1), inbox.phase()), (None, None));
        assert!(inbox.take_events().is_empty());
        assert!(ends_a_wait(&inbox));
    }

    #[test]
    fn a_flood_is_bounded() {
        let inbox = Inbox::default();
        (0..1000).for_each(|at| inbox.put(event(at, EventKind::Iteration(at))));
        let events = inbox.take_events();
        assert_eq!(events.len(), EVENTS);
        assert_eq!(
            events.last().map(|event| event.at),
            Some(Timestamp::from_nanos(999))
        );
    }
}
