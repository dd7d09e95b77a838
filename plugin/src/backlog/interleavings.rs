//! Every order of the steps of a writer and its thread. No wait times out here: one that nothing ends is a deadlock,
//! which fails.

use shuttle::check_dfs;

use super::*;

const NEVER: Duration = Duration::MAX;

/// Says what it was given when it ends.
struct Medium(Vec<String>, mpsc::Sender<Vec<String>>);

impl Write for Medium {
    fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
        self.0.push(String::from_utf8_lossy(piece).into_owned());
        Ok(piece.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Medium {
    fn drop(&mut self) {
        let _ = self.1.send(std::mem::take(&mut self.0));
    }
}

/// A backlog with room for one piece, and where its medium says what it was given.
fn backlog() -> (Backlog, Receiver<Vec<String>>) {
    let (say, said) = mpsc::channel();
    let lost = |lost: u64| format!("lost {lost}").into_bytes();
    let backlog = Backlog::with_room(1, Medium(Vec::new(), say), lost).expect("a thread");
    (backlog, said)
}

/// Whether each piece is there once, in its place or counted as lost there.
fn is_whole(written: &[String], pieces: u64) -> bool {
    let mut next = 0;
    for line in written {
        match line.strip_prefix("lost ") {
            Some(lost) => next += lost.parse::<u64>().expect("a number"),
            None if line.parse() == Ok(next) => next += 1,
            None => return false,
        }
    }
    next == pieces
}

#[test]
fn whoever_waits_for_the_rest_is_woken_and_the_end_ends_the_thread() {
    let run = || {
        let (mut backlog, said) = backlog();
        backlog.write_all(b"0").expect("handed over");
        assert!(backlog.settle(NEVER).expect("written"));
        drop(backlog);
        assert_eq!(said.recv().expect("the thread has ended"), ["0"]);
    };
    check_dfs(run, None);
}

#[test]
fn each_piece_is_written_once_or_said_to_be_lost() {
    let run = || {
        let (mut backlog, said) = backlog();
        for piece in ["0", "1"] {
            backlog.write_all(piece.as_bytes()).expect("handed over");
        }
        // Waits until all is said.
        drop(backlog);
        let written = said.recv().expect("the thread has ended");
        assert!(is_whole(&written, 2), "{written:?}");
    };
    check_dfs(run, None);
}
