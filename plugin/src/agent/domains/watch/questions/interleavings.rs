//! Every order in which an answer and the end of patience can come.

use shuttle::check_dfs;

use super::*;

#[test]
fn an_answer_is_either_had_at_once_or_rung_for() {
    let meet = || {
        let given_up = Arc::new(GivenUp::default());
        let (reply, answer) = mpsc::sync_channel(1);
        let late = Arc::clone(&given_up);
        let answering = thread::spawn(move || late.send(&reply, 7));
        let had = given_up.give_up(&answer);
        let is_rung = answering.join().expect("answered");
        assert_eq!(
            (had.is_none(), had.or(answer.recv().ok())),
            (is_rung, Some(7))
        );
    };
    check_dfs(meet, None);
}
