//! A long pause is said before it is taken.

use std::time::Duration;

use libvirt_hpc_control::event::Cause;

use crate::in_words;

/// The longest pause that is not worth a word, milliseconds. corosync declares a node lost after a token timeout of 1 s
/// (`token`, corosync.conf(5), before 3.1; 3 s since), and the peers of an MPI rank or the clients of a service have their own.
const SHORT_MS: u64 = 1_000;

/// What to say of a decision for `cause` where the guest, stopped now, would be paused for `pause_ms`; none if the guest does
/// not go, or is soon back.
#[must_use]
pub fn of_pause(cause: Cause, pause_ms: Option<u64>) -> Option<String> {
    let goes = cause.stops() || cause == Cause::Deadline;
    let ms = pause_ms.filter(|&ms| goes && ms > SHORT_MS)?;
    let pause = in_words::span(Duration::from_millis(ms));
    let (when, instead) = match cause {
        Cause::Deadline => ("at the deadline", "a deadline that aborts"),
        _ => ("now", "<downtime max> or --hpc-max-downtime"),
    };
    Some(format!(
        "switchover {when}: the guest pauses for about {pause}, and what waits for it (cluster, MPI, clients) may time out; {instead} \
         prevents that"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_guest_that_goes_for_more_than_a_second_is_announced() {
        for (cause, ms, said) in [
            (
                Cause::Patience,
                Some(2_310),
                Some("switchover now: the guest pauses for about 2.31 s"),
            ),
            (Cause::Reservation, Some(1_001), Some("about 1.00 s")),
            (
                Cause::Deadline,
                Some(60_000),
                Some("switchover at the deadline: the guest pauses for about 60.0 s"),
            ),
            (Cause::Patience, Some(1_000), None),
            (Cause::Patience, None, None),
            (Cause::Waiting, Some(2_310), None),
            (Cause::Falling, Some(2_310), None),
            (Cause::Ceiling, Some(2_310), None),
        ] {
            let notice = of_pause(cause, ms);
            match said {
                Some(part) => assert!(
                    notice.as_ref().is_some_and(|text| text.contains(part)),
                    "{notice:?}"
                ),
                None => assert_eq!(notice, None, "{cause:?} {ms:?}"),
            }
        }
    }
}
