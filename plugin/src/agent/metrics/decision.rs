//! The names of decisions and of their causes: few, so that a domain or a user can add none.

use libvirt_hpc_control::event::{Cause, Event};
use libvirt_hpc_control::target::Action;

/// The decision in an event, and its cause; none if it holds no decision.
pub(super) const fn of(event: &Event) -> Option<(&'static str, &'static str)> {
    let (decision, cause) = match event {
        Event::Decided { cause, .. } => (of_threshold(*cause), *cause),
        Event::Targeted { target, cause } => match target.action {
            None => ("limits", *cause),
            Some(Action::Abort) => ("abort", *cause),
            Some(Action::StartPostcopy) => ("postcopy", *cause),
            Some(Action::Suspend) => ("suspend", *cause),
        },
        _ => return None,
    };
    Some((decision, self::cause(cause)))
}

/// What a threshold of that cause means.
const fn of_threshold(cause: Cause) -> &'static str {
    match cause {
        Cause::Reservation
        | Cause::Patience
        | Cause::Floor
        | Cause::Deadline
        | Cause::Order
        | Cause::Schedule => "switchover",
        Cause::Waiting | Cause::Ceiling => "wait",
        Cause::Observing | Cause::FirstRound | Cause::Falling | Cause::Quiet => "iterate",
    }
}

/// As traces name it.
const fn cause(cause: Cause) -> &'static str {
    match cause {
        Cause::Observing => "observing",
        Cause::FirstRound => "first_round",
        Cause::Falling => "falling",
        Cause::Waiting => "waiting",
        Cause::Quiet => "quiet",
        Cause::Reservation => "reservation",
        Cause::Patience => "patience",
        Cause::Floor => "floor",
        Cause::Ceiling => "ceiling",
        Cause::Deadline => "deadline",
        Cause::Order => "order",
        Cause::Schedule => "schedule",
    }
}

#[cfg(test)]
mod tests {
    use libvirt_hpc_control::target::Target;

    use super::*;
    use crate::trace::EventRecord;

    const CAUSES: [Cause; 12] = [
        Cause::Observing,
        Cause::FirstRound,
        Cause::Falling,
        Cause::Waiting,
        Cause::Quiet,
        Cause::Reservation,
        Cause::Patience,
        Cause::Floor,
        Cause::Ceiling,
        Cause::Deadline,
        Cause::Order,
        Cause::Schedule,
    ];

    #[test]
    fn a_cause_has_the_name_that_it_has_in_traces() {
        for cause in CAUSES {
            let decided = Event::Decided {
                threshold_bytes: 1,
                cause,
            };
            let json = serde_json::to_value(EventRecord::from(decided)).expect("JSON");
            let (_, name) = of(&decided).expect("a decision");
            assert_eq!(json["cause"], name);
        }
    }

    #[test]
    fn a_threshold_that_stops_the_guest_is_a_switchover() {
        for cause in CAUSES.into_iter().filter(|cause| cause.stops()) {
            assert_eq!(of_threshold(cause), "switchover");
        }
    }

    #[test]
    fn a_target_is_a_decision_by_its_last_step() {
        let targeted = |action| {
            let target = Target {
                action,
                ..Target::NONE
            };
            let cause = Cause::Deadline;
            of(&Event::Targeted { target, cause })
        };
        assert_eq!(targeted(None), Some(("limits", "deadline")));
        assert_eq!(targeted(Some(Action::Abort)), Some(("abort", "deadline")));
        assert_eq!(of(&Event::Begun), None);
    }
}
