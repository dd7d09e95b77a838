//! A call that may hang, under a deadline.

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

/// What `run` answers within `at_most`; none if it does not, or dies. It then goes on without anybody
/// waiting, on a thread that ends with the process: so only questions belong here.
pub fn within<T: Send + 'static>(
    at_most: Duration,
    run: impl FnOnce() -> T + Send + 'static,
) -> Option<T> {
    let (reply, answer) = mpsc::sync_channel(1);
    let order = move || drop(reply.send(run()));
    thread::Builder::new()
        .name("question".to_owned())
        .spawn(order)
        .ok()?;
    answer.recv_timeout(at_most).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_a_silence_and_a_death() {
        let long = Duration::from_secs(600);
        assert_eq!(within(long, || 7), Some(7));
        let (hold, held) = mpsc::channel::<()>();
        assert_eq!(
            within(Duration::from_millis(1), move || held.recv().is_ok()),
            None
        );
        drop(hold);
        assert_eq!(within(long, || -> u8 { panic!("on purpose") }), None);
    }
}
