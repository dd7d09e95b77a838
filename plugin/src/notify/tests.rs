//! What is told, and that whoever is told holds up nobody.

use std::fs::{self, Permissions};
use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::Duration;

use libvirt_hpc_control::event::{Cause, Event};
use libvirt_hpc_control::target::{Action, Target};
use serde_json::Value;
use tempfile::TempDir;

use super::*;
use crate::harmless::is_unprintable;
use crate::trace::ControllerName;

const LONG: Duration = Duration::from_secs(600);
const AT_ONCE: Duration = Duration::ZERO;

fn about(observe: bool) -> About {
    About {
        domain: "solver".to_owned(),
        uuid: "4dea22b3-1d52-d8f3-2516-782e98ab3fa0".to_owned(),
        destination: None,
        controller: ControllerName::LibvirtHpcd,
        observe,
    }
}

fn notification(domain: &str, happened: Happened) -> Notification {
    Notification {
        version: VERSION,
        happened,
        about: About {
            domain: domain.to_owned(),
            destination: Some("qemu+ssh://other/system".to_owned()),
            controller: ControllerName::VirshHpc,
            ..about(false)
        },
        at_unix_ms: 1_764_460_000_123,
        elapsed_ms: 8_421,
    }
}

fn every_happening() -> [Happened; 4] {
    [
        Happened::SwitchoverAllowed {
            cause: "no better is expected".to_owned(),
            pause_expected_ms: Some(1_120),
            downtime_limit_ms: Some(1_290),
        },
        Happened::Arrived {
            pause_ms: Some(1_180),
            sent_bytes: 845_000_000,
        },
        Happened::failed(Some("operation aborted")),
        Happened::Ended,
    ]
}

mod of_a_migration {
    use super::*;

    struct Told {
        herald: Herald,
        heard: Subscription,
    }

    impl Told {
        fn new(observe: bool) -> Self {
            let followers = Followers::default();
            let heard = followers.subscribe(None).expect("room");
            Self {
                herald: Herald::new(about(observe), None, followers),
                heard,
            }
        }

        fn set(&mut self, cause: Cause, action: Option<Action>) -> Vec<Happened> {
            let target = Target {
                downtime_ms: Some(1_290),
                action,
                ..Target::NONE
            };
            self.herald.hear(&Event::Targeted { target, cause });
            self.herald.applied(&target, 8_421, Some(1_120));
            self.heard()
        }

        fn decide(&mut self, cause: Cause) {
            let threshold_bytes = 1;
            self.herald.hear(&Event::Decided {
                threshold_bytes,
                cause,
            });
        }

        fn heard(&self) -> Vec<Happened> {
            let lines = std::iter::from_fn(|| self.heard.next(AT_ONCE).ok());
            let read = |line: std::sync::Arc<str>| serde_json::from_str::<Notification>(&line);
            lines
                .map(|line| read(line).expect("a notification").happened)
                .collect()
        }
    }

    #[test]
    fn a_switchover_is_told_when_its_limit_is_set_and_anew_only_after_it_was_taken_back() {
        let mut told = Told::new(false);
        let allowed = &every_happening()[..1];
        assert_eq!(told.set(Cause::FirstRound, None), []);
        assert_eq!(told.set(Cause::Ceiling, None), []);
        told.decide(Cause::Reservation);
        assert_eq!(told.set(Cause::Reservation, None), allowed);
        assert_eq!(told.set(Cause::Reservation, None), [], "a little higher");
        told.decide(Cause::Waiting);
        assert_eq!(told.set(Cause::Waiting, None), []);
        assert_eq!(told.set(Cause::Patience, None).len(), 1);
        told.decide(Cause::Falling);
        assert_eq!(
            told.set(Cause::Deadline, Some(Action::StartPostcopy)).len(),
            1
        );
    }

    #[test]
    fn a_limit_that_libvirt_refused_allows_nothing() {
        let mut told = Told::new(false);
        let (target, cause) = (Target::NONE, Cause::Reservation);
        told.herald.hear(&Event::Targeted { target, cause });
        assert_eq!(told.heard(), []);
        assert_eq!(told.set(Cause::Reservation, None).len(), 1);
    }

    #[test]
    fn an_abort_and_an_observer_allow_nothing_but_an_end_is_told() {
        assert_eq!(
            Told::new(false).set(Cause::Deadline, Some(Action::Abort)),
            []
        );
        let mut told = Told::new(true);
        assert_eq!(told.set(Cause::Reservation, None), []);
        told.herald.tell(Happened::Ended, 9);
        assert_eq!(told.heard(), [Happened::Ended]);
    }
}

mod as_a_line {
    use super::*;

    #[test]
    fn each_event_has_its_line() {
        let lines =
            every_happening().map(|what| notification("solver", what).line().expect("JSON"));
        let rest = "\"domain\":\"solver\",\"uuid\":\"4dea22b3-1d52-d8f3-2516-782e98ab3fa0\",\
                    \"destination\":\"qemu+ssh://other/system\",\"controller\":\"virsh-hpc\",\"observe\":false,\
                    \"at_unix_ms\":1764460000123,\"elapsed_ms\":8421}\n";
        let events = [
            "\"switchover-allowed\",\"cause\":\"no better is expected\",\"pause_expected_ms\":1120,\
             \"downtime_limit_ms\":1290",
            "\"arrived\",\"pause_ms\":1180,\"sent_bytes\":845000000",
            "\"failed\",\"error\":\"operation aborted\"",
            "\"ended\"",
        ];
        for (line, event) in lines.iter().zip(events) {
            assert_eq!(*line, format!("{{\"version\":1,\"event\":{event},{rest}"));
            let read: Notification = serde_json::from_str(line).expect("a notification");
            assert_eq!(read.line().expect("JSON"), *line);
        }
    }

    #[test]
    fn numbers_end_in_their_unit() {
        for happened in every_happening() {
            let line = notification("solver", happened).line().expect("JSON");
            let Ok(Value::Object(fields)) = serde_json::from_str(&line) else {
                panic!("no object: {line}");
            };
            for (name, value) in fields {
                let has_unit = name.ends_with("_ms") || name.ends_with("_bytes");
                assert!(
                    !value.is_number() || has_unit || name == "version",
                    "{name}"
                );
            }
        }
    }

    #[test]
    fn whatever_others_have_chosen_it_is_one_short_line() {
        for piece in ["ü\n\u{1b}[2J", "\u{1b}", "\"", "\u{9b}", "\u{202e}"] {
            let error = piece.repeat(10_000);
            let what = Happened::failed(Some(&error));
            let line = notification("a\nb\u{0}", what).line().expect("JSON");
            assert_eq!(line.matches('\n').count(), 1, "{line}");
            assert!(!line.trim_end().contains(char::is_control));
            assert!(line.len() < 4096, "{piece:?}: {}", line.len());
        }
        let odd = "\u{9b}2J\u{202e}";
        let line = notification(odd, Happened::Ended).line().expect("JSON");
        assert_eq!(line.trim_end().find(is_unprintable), None, "{line}");
        let read: Notification = serde_json::from_str(&line).expect("JSON");
        assert_eq!(read.about.domain, odd);
    }
}

mod by_programs {
    use super::*;

    struct Place {
        folder: TempDir,
        programs: Programs,
    }

    impl Place {
        fn new() -> Self {
            let folder = tempfile::tempdir().expect("a folder");
            let directory = folder.path().join("notify.d");
            fs::create_dir(&directory).expect("a directory");
            fs::set_permissions(&directory, Permissions::from_mode(0o755)).expect("a mode");
            let owner = fs::metadata(&directory).expect("there").uid();
            let patience = LONG;
            let programs = Programs {
                directory,
                owner,
                patience,
            };
            Self { folder, programs }
        }

        /// By another process: a file that is open for writing cannot be run, nor while a child that another test forks
        /// still has it.
        fn program(&self, name: &str, text: &str) {
            let path = self.programs.directory.join(name);
            let install = Command::new("install")
                .args(["-m", "755", "/dev/stdin"])
                .arg(path)
                .stdin(Stdio::piped())
                .spawn();
            let mut install = install.expect("install");
            let text = format!("#!/bin/sh\n{text}\n");
            install
                .stdin
                .take()
                .expect("a pipe")
                .write_all(text.as_bytes())
                .expect("written");
            assert!(install.wait().expect("ended").success());
        }

        fn file(&self, name: &str) -> PathBuf {
            self.folder.path().join(name)
        }

        fn read(&self, name: &str) -> String {
            fs::read_to_string(self.file(name)).unwrap_or_default()
        }

        fn start(&self) -> (Tellers, Receiver<String>, Receiver<String>) {
            let (said, problems) = mpsc::channel();
            let (passed, lines) = mpsc::channel();
            let pass =
                move |line: &[u8]| drop(passed.send(String::from_utf8_lossy(line).into_owned()));
            let say = move |problem| drop(said.send(problem));
            let tellers = Tellers::start(self.programs.clone(), say, pass).expect("a thread");
            (tellers, problems, lines)
        }

        /// What is said of programs that are told these lines, to the end of all of them.
        fn problems_with(&self, told: &[&str]) -> Vec<String> {
            let (mut tellers, problems, lines) = self.start();
            told.iter().for_each(|line| tellers.hand_over(line));
            tellers.end(LONG);
            assert_eq!(lines.try_iter().collect::<Vec<_>>(), told);
            problems.try_iter().collect()
        }

        fn problems(&self) -> Vec<String> {
            self.problems_with(&["a line\n"])
        }

        /// The only thing that is said.
        fn problem(&self) -> String {
            only(self.problems())
        }
    }

    fn only(problems: Vec<String>) -> String {
        let [problem] = &problems[..] else {
            panic!("{problems:?}")
        };
        problem.clone()
    }

    #[test]
    fn each_gets_the_line_and_nothing_of_the_callers_environment() {
        let place = Place::new();
        for name in ["b", "a"] {
            let out = place.file("out").display().to_string();
            place.program(
                name,
                &format!("{{ echo {name}; cat; env | grep -c CARGO; pwd; }} >> {out}"),
            );
        }
        assert_eq!(place.problems(), [""; 0]);
        assert_eq!(place.read("out"), "a\na line\n0\n/\nb\na line\n0\n/\n");
    }

    #[test]
    fn the_documented_example_drains_and_resumes_a_node() {
        const BEGIN: &str = "```text\n#!/bin/sh\n";
        let document = include_str!("../../../docs/operations.md");
        let script = document.split_once(BEGIN).expect("an example").1;
        let script = script.split("```").next().expect("its end");
        let place = Place::new();
        let out = place.file("out").display().to_string();
        let stubbed = script.replace("exec systemd-run", &format!("exec >> {out} echo"));
        assert_ne!(stubbed, script);
        place.program("drain-node", &stubbed);
        let mut told = every_happening()
            .map(|happened| ("node7", happened))
            .to_vec();
        told.push(("a; b", Happened::Ended));
        let line = |(name, happened)| notification(name, happened).line().expect("JSON");
        let told: Vec<String> = told.into_iter().map(line).collect();
        let problem =
            only(place.problems_with(&told.iter().map(String::as_str).collect::<Vec<_>>()));
        let update =
            |how: &str| format!("--quiet --collect scontrol update nodename=node7 {how}\n");
        let resume = update("state=resume").repeat(3);
        assert_eq!(
            place.read("out"),
            update("state=drain reason=migration") + &resume
        );
        assert!(problem.ends_with("no name of a node: a; b"), "{problem}");
    }

    #[test]
    fn one_that_fails_says_why_and_the_next_is_run() {
        let place = Place::new();
        place.program("1-bad", "printf 'no \\033[2J node'; exit 3");
        place.program("3-good", &format!("touch {}", place.file("ran").display()));
        let text = "#!/nonexistent/interpreter\n";
        place.program("2-none", "");
        fs::write(place.programs.directory.join("2-none"), text).expect("written");
        let problems = place.problems();
        assert_eq!(problems.len(), 2, "{problems:?}");
        assert!(
            problems[0].ends_with("1-bad ended with exit status: 3: no ?[2J node"),
            "{problems:?}"
        );
        assert!(
            problems[1].contains("2-none cannot be started: "),
            "{problems:?}"
        );
        assert!(place.file("ran").exists());
    }

    #[test]
    fn one_that_hangs_is_killed_with_all_that_it_started() {
        let mut place = Place::new();
        place.programs.patience = Duration::from_millis(300);
        let pid = place.file("pid").display().to_string();
        place.program("1-hangs", &format!("sleep 600 & echo $! > {pid}; wait"));
        place.program("2-good", &format!("touch {}", place.file("ran").display()));
        let problem = place.problem();
        let end = "has not ended within 300 ms and was killed";
        assert!(problem.ends_with(end), "{problem}");
        assert!(place.file("ran").exists());
        assert!(is_dead(place.read("pid").trim()));
    }

    /// Gone, or waiting to be waited for by whoever has inherited it.
    fn is_dead(pid: &str) -> bool {
        (0..600).any(|_| {
            let stat = fs::read_to_string(Path::new("/proc").join(pid).join("stat"));
            let is_dead = stat.map_or(true, |stat| stat.contains(") Z ") || stat.contains(") X "));
            if !is_dead {
                std::thread::sleep(Duration::from_millis(50));
            }
            is_dead
        })
    }

    #[test]
    fn one_that_floods_its_output_is_killed_and_little_of_it_is_kept() {
        let mut place = Place::new();
        place.programs.patience = Duration::from_millis(300);
        place.program("floods", "exec yes");
        let problem = place.problem();
        assert!(problem.contains("was killed: y"), "{problem}");
        assert!(problem.len() < 1500, "{}", problem.len());
    }

    #[test]
    fn one_that_leaves_a_child_with_its_output_is_not_waited_for() {
        let place = Place::new();
        let pid = place.file("pid").display().to_string();
        place.program("leaves", &format!("sleep 600 & echo $! > {pid}"));
        assert_eq!(place.problems(), [""; 0]);
        let kill = Command::new("kill").arg(place.read("pid").trim()).status();
        assert!(kill.expect("kill").success(), "it was left alone");
    }

    #[test]
    fn programs_of_another_owner_are_not_run_and_that_is_said_once() {
        let mut place = Place::new();
        place.programs.owner += 1;
        place.program("good", &format!("touch {}", place.file("ran").display()));
        let problem = only(place.problems_with(&["1\n", "2\n"]));
        assert!(
            problem.starts_with("not run to notify others: "),
            "{problem}"
        );
        assert!(!place.file("ran").exists());
    }

    #[test]
    fn a_queue_that_is_full_holds_up_nobody_and_an_end_that_is_not_waited_for_kills_what_runs() {
        let place = Place::new();
        let pid = place.file("pid").display().to_string();
        place.program("hangs", &format!("echo $$ > {pid}; exec sleep 600"));
        let (mut tellers, problems, lines) = place.start();
        (0..10_000).for_each(|_| tellers.hand_over("a line\n"));
        while place.read("pid").is_empty() {
            std::thread::sleep(Duration::from_millis(10));
        }
        tellers.end(AT_ONCE);
        drop(tellers);
        assert!(is_dead(place.read("pid").trim()));
        assert_eq!(lines.iter().count(), 1, "nothing of the rest is told");
        let problem = only(problems.iter().collect());
        let end = "hangs was killed, because virsh-hpc ends";
        assert!(problem.ends_with(end), "{problem}");
    }
}

mod to_followers {
    use super::*;

    fn arrived(domain: &str) -> Notification {
        notification(domain, Happened::Ended)
    }

    #[test]
    fn each_hears_what_it_has_asked_for() {
        let followers = Followers::default();
        let all = followers.subscribe(None).expect("room");
        let one = followers.subscribe(Some("b".to_owned())).expect("room");
        let by_uuid = arrived("x").about.uuid;
        let by_uuid = followers.subscribe(Some(by_uuid)).expect("room");
        followers.publish(&arrived("a"));
        followers.publish(&arrived("b"));
        let count = |heard: &Subscription| std::iter::from_fn(|| heard.next(AT_ONCE).ok()).count();
        assert_eq!([count(&all), count(&one), count(&by_uuid)], [2, 1, 2]);
    }

    #[test]
    fn one_that_does_not_read_is_dropped_and_the_others_hear_all() {
        let followers = Followers::default();
        let slow = followers.subscribe(None).expect("room");
        let other = followers.subscribe(None).expect("room");
        for _ in 0..1000 {
            followers.publish(&arrived("a"));
            assert!(other.next(AT_ONCE).is_ok());
        }
        let kept = std::iter::from_fn(|| slow.next(AT_ONCE).ok()).count();
        assert!((1..1000).contains(&kept), "{kept}");
        assert_eq!(slow.next(LONG), Err(RecvTimeoutError::Disconnected));
    }

    #[test]
    fn places_are_few_and_free_again() {
        let followers = Followers::default();
        let taken: Vec<_> = std::iter::from_fn(|| followers.subscribe(None)).collect();
        assert_eq!(taken.len(), 64);
        drop(taken);
        assert!(followers.subscribe(None).is_some());
    }
}
