//! A trace's and a terminal's media that accept nothing: the control loop that ships steers on.
#![expect(clippy::expect_used, reason = "a test ends at what it does not expect")]

use std::fs::File;
use std::io::{PipeReader, PipeWriter, Read, Write as _, pipe};
use std::os::fd::OwnedFd;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use libvirt_hpc_control::controller::Controller;
use libvirt_hpc_control::law::{Adaptive, Slowdown};
use libvirt_hpc_control::policy::Policy;
use libvirt_hpc_control::progress::Progress;
use libvirt_hpc_plugin::backlog::Backlog;
use libvirt_hpc_plugin::drive::{Mode, Observer, drive};
use libvirt_hpc_plugin::flags::Virsh;
use libvirt_hpc_plugin::migration::recorder::{Messages, Recorder};
use libvirt_hpc_plugin::migration::tally::Tally;
use libvirt_hpc_plugin::session::terminal::console::Console;
use libvirt_hpc_plugin::session::terminal::progress::Percent;
use libvirt_hpc_plugin::session::terminal::session_observer::SessionObserver;
use libvirt_hpc_plugin::trace::{Record, Trace};
use libvirt_hpc_tests::patience::Patience;
use libvirt_hpc_tests::plant::{End, Guest, Link, Outcome, Plant, PlantConfig, Writer};

/// Longer than any run in virtual time takes on any machine.
const LONG: Duration = Duration::from_secs(120);

#[derive(Default)]
struct Quiet(Vec<String>);

impl Messages for Quiet {
    fn warn(&mut self, text: &str) {
        self.0.push(text.to_owned());
    }

    fn how_to_abort(&self) -> &'static str {
        ""
    }

    fn how_to_end_sooner(&self) -> &'static str {
        ""
    }
}

/// A pipe that accepts nothing any more until it is read.
fn full() -> (PipeReader, PipeWriter) {
    let (reader, mut writer) = pipe().expect("a pipe");
    writer
        .write_all(&[b'x'; 65536])
        .expect("as much as a pipe holds");
    (reader, writer)
}

/// A guest whose plain pre-copy does not end, steered to the end of its job.
fn steer(observer: &mut dyn Observer) -> Outcome {
    let guest = Guest::new(512 << 20)
        .non_zero(400 << 20)
        .with(Writer::flat(128 << 20));
    let mut plant = Plant::new(&PlantConfig::new(guest, Link::gigabit()));
    let mut control = Controller::new(Adaptive::new(Slowdown::DEFAULT), Policy::default());
    let patience = Patience::of(3000);
    drive(&mut plant, &mut control, observer, Mode::Steer, &patience);
    plant.outcome()
}

/// The answer of `run` on a thread of its own; none if it hangs.
fn within<T: Send + 'static>(run: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    let (done, ended) = mpsc::channel();
    thread::spawn(move || drop(done.send(run())));
    ended.recv_timeout(LONG).ok()
}

#[test]
fn a_trace_on_a_full_medium_delays_nothing_and_counts_its_losses() {
    let (mut reader, writer) = full();
    let steered = within(move || {
        let trace = Trace::into_file(File::from(OwnedFd::from(writer))).expect("a thread");
        let mut recorder = Recorder::new(Quiet::default(), Some(trace), Tally::new(None));
        let outcome = steer(&mut recorder);
        // A long migration: more than there is room for.
        for at_ns in 0..3000 {
            recorder.record(&Record::Abort { at_ns, error: None });
        }
        let warned = recorder
            .messages()
            .0
            .iter()
            .any(|said| said.contains("lacks records"));
        (outcome, warned, recorder)
    });
    let (outcome, warned, mut recorder) = steered.expect("the loop hangs with its trace");
    assert_eq!(outcome.end, End::Completed);
    assert!(warned, "nothing is said");
    let reading = thread::spawn(move || {
        let mut text = String::new();
        reader.read_to_string(&mut text).map(|_| text)
    });
    recorder.record(&Record::Abort {
        at_ns: 3000,
        error: None,
    });
    drop(recorder);
    let text = reading.join().expect("read").expect("text");
    // Each of the last records is there, or counted where it would be.
    let (mut next, mut lost) = (0, 0);
    for line in text.trim_start_matches('x').lines() {
        match serde_json::from_str(line).expect("a record") {
            Record::Abort { at_ns, .. } => {
                assert_eq!(at_ns, next);
                next += 1;
            }
            Record::Lost { records } => {
                next += records;
                lost += records;
            }
            _ => assert_eq!(next, 0, "{line}"),
        }
    }
    assert_eq!(next, 3001);
    assert!(lost > 0, "all of it was kept");
}

/// `--verbose` on a terminal that is stopped, or into a pipe that nobody reads.
#[test]
fn progress_that_nobody_reads_delays_nothing() {
    for draws in [false, true] {
        let text = unread_progress(draws);
        if draws {
            assert!(text.contains(" %  memory, "), "{text}");
            assert!(text.contains("\u{1b}[2A"), "{text}");
        } else {
            assert!(text.contains("\rMigration: ["), "{text}");
            assert!(!text.contains('\u{1b}'), "{text}");
        }
        assert!(text.ends_with("warning: the last word\n"), "{text}");
    }
}

/// What was kept for a medium that takes nothing, while a guest is steered to the end of its job.
fn unread_progress(draws: bool) -> String {
    let (mut reader, writer) = full();
    let outcome = within(move || {
        let stderr = Backlog::start(writer, |_| Vec::new()).expect("a thread");
        let console = Console::on(stderr, draws, false).drawing(draws);
        let percent = Some(Percent::new(Virsh::NEWEST, 0));
        let listener = SessionObserver::new(console, percent, None, Tally::new(None));
        let mut listener = listener.drawing(Progress::new(0, Some(Slowdown::DEFAULT), None));
        let outcome = steer(&mut listener);
        listener.console().warn("the last word");
        (outcome, listener)
    });
    let (outcome, listener) = outcome.expect("the loop hangs with its terminal");
    assert_eq!(outcome.end, End::Completed);
    let reading = thread::spawn(move || {
        let mut text = String::new();
        reader.read_to_string(&mut text).map(|_| text)
    });
    drop(listener);
    reading.join().expect("read").expect("text")
}
