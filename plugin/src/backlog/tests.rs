use std::io::{Read, pipe};

use super::*;

const LONG: Duration = Duration::from_secs(600);
const MOMENT: Duration = Duration::from_millis(10);

fn said(lost: u64) -> Vec<u8> {
    format!("lost {lost}\n").into_bytes()
}

fn line(n: u64) -> String {
    format!("{n:>99}\n")
}

#[test]
fn all_is_written_in_order() {
    let (mut reader, writer) = pipe().expect("a pipe");
    let mut backlog = Backlog::start(writer, said).expect("a thread");
    for n in 0..100 {
        backlog.write_all(line(n).as_bytes()).expect("handed over");
    }
    assert!(backlog.settle(LONG).expect("written") && !backlog.has_lost());
    drop(backlog);
    let mut text = String::new();
    reader.read_to_string(&mut text).expect("read");
    assert_eq!(text, (0..100).map(line).collect::<String>());
}

/// More than a pipe and the queue hold; then somebody reads.
#[test]
fn a_medium_that_takes_nothing_is_not_waited_for_and_what_is_lost_is_said_in_its_place() {
    let (mut reader, writer) = pipe().expect("a pipe");
    let mut backlog = Backlog::start(writer, said).expect("a thread");
    for n in 0..10_000 {
        backlog.write_all(line(n).as_bytes()).expect("handed over");
    }
    assert!(backlog.has_lost());
    assert!(!backlog.settle(MOMENT).expect("no error"));
    let reading = thread::spawn(move || {
        let mut text = String::new();
        reader.read_to_string(&mut text).map(|_| text)
    });
    assert!(backlog.settle(LONG).expect("written"));
    backlog.write_all(line(7).as_bytes()).expect("handed over");
    drop(backlog);
    let text = reading.join().expect("read").expect("text");
    let (mut next, mut last) = (0, "");
    for line in text.lines() {
        match line.strip_prefix("lost ") {
            Some(lost) => next += lost.parse::<u64>().expect("a number"),
            None if next < 10_000 => {
                assert_eq!(line.trim().parse(), Ok(next));
                next += 1;
            }
            None => last = line,
        }
    }
    assert_eq!((next, last.trim()), (10_000, "7"));
}

#[test]
fn an_error_of_the_medium_is_told_once() {
    let (reader, writer) = pipe().expect("a pipe");
    drop(reader);
    let mut backlog = Backlog::start(writer, said).expect("a thread");
    backlog.write_all(b"nobody reads\n").expect("handed over");
    let error = backlog.settle(LONG).expect_err("nobody reads");
    assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
    assert!(backlog.settle(LONG).expect("told"));
}
