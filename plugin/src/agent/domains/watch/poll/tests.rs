//! Polls of a libvirt that is a script, some of whose answers do not come.

use std::collections::BTreeMap;
use std::sync::mpsc::{self, Receiver};
use std::sync::{Condvar, Mutex};

use super::*;

const MARKED: Mark = Mark::Own { problem: None };

/// A domain of the script.
#[derive(Clone, Debug)]
struct Scripted {
    mark: Mark,
    job: Job,
    /// A question about its job is not answered.
    hangs: bool,
    /// For another's call has it, of which libvirt tells without waiting.
    is_occupied: bool,
}

#[derive(Default)]
struct State {
    domains: BTreeMap<String, Scripted>,
    /// A domain that is locked keeps the list waiting.
    list_hangs: bool,
    is_deaf: bool,
    asked: Vec<String>,
    sessions: usize,
    /// How often libvirt has given up all questions that it had not answered.
    given_up: usize,
}

impl State {
    /// The domain; none if it has ended.
    fn of(&self, uuid: &str) -> Option<&Scripted> {
        self.domains.get(uuid)
    }
}

/// libvirt.
#[derive(Default)]
struct Host {
    state: Mutex<State>,
    changed: Condvar,
}

impl Host {
    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state.lock().expect("whole"));
        self.changed.notify_all();
    }

    /// Notes the question, and answers when it may.
    fn answer<T>(
        &self,
        what: &str,
        hangs: impl Fn(&State) -> bool,
        read: impl Fn(&State) -> T,
    ) -> Result<T, Error> {
        let mut state = self.state.lock().expect("whole");
        state.asked.push(what.to_owned());
        let state = self
            .changed
            .wait_while(state, |state| state.is_deaf || hangs(state))
            .expect("whole");
        Ok(read(&state))
    }

    fn asked(&self, what: &str) -> usize {
        let state = self.state.lock().expect("whole");
        state.asked.iter().filter(|asked| *asked == what).count()
    }

    fn sessions(&self) -> usize {
        self.state.lock().expect("whole").sessions
    }
}

struct Line(Arc<Host>);

impl Session for Line {
    type Answer = Answer;

    fn is_alive(&self) -> bool {
        true
    }
}

impl Source for Line {
    type Domain = (Arc<Host>, String);

    fn active(&self) -> Result<Vec<DomainId>, Error> {
        let list = |state: &State| state.domains.keys().map(|name| id(name)).collect();
        self.0.answer("list", |state| state.list_hangs, list)
    }

    fn mark(&self, uuid: &str) -> Result<Mark, Error> {
        let mark = |state: &State| state.domains[uuid].mark.clone();
        self.0.answer(&format!("{uuid}'s mark"), |_| false, mark)
    }

    fn find(&self, uuid: &str) -> Result<Self::Domain, Error> {
        Ok((Arc::clone(&self.0), uuid.to_owned()))
    }

    fn is_occupied((host, uuid): &Self::Domain) -> bool {
        let state = host.state.lock().expect("whole");
        state.of(uuid).is_some_and(|domain| domain.is_occupied)
    }

    fn job((host, uuid): &Self::Domain) -> Result<Job, Error> {
        let given_up = host.state.lock().expect("whole").given_up;
        let hangs = |state: &State| {
            state.given_up == given_up && state.of(uuid).is_some_and(|domain| domain.hangs)
        };
        let job = |state: &State| state.of(uuid).map_or(Job::Idle, |domain| domain.job);
        host.answer(uuid, hangs, job)
    }

    fn ping(&self) -> Result<(), Error> {
        self.0.answer("ping", |_| false, |_| ())
    }

    fn features(&self) -> Result<Features, Error> {
        Err(Error::NulByte {
            what: "a test".to_owned(),
        })
    }
}

/// A domain whose UUID is as its name.
fn id(name: &str) -> DomainId {
    DomainId {
        name: name.to_owned(),
        uuid: name.to_owned(),
    }
}

struct Stage {
    host: Arc<Host>,
    poll: Poll<Line>,
    bell: Receiver<()>,
    interest: Interest,
    leases: tempfile::TempDir,
}

impl Stage {
    fn of(domains: &[(&str, Mark, Job)]) -> Self {
        let host = Arc::new(Host::default());
        host.change(|state| {
            for (name, mark, job) in domains {
                let domain = Scripted {
                    mark: mark.clone(),
                    job: *job,
                    hangs: false,
                    is_occupied: false,
                };
                state.domains.insert((*name).to_owned(), domain);
            }
        });
        let (ring, bell) = mpsc::channel();
        let line = Arc::clone(&host);
        let open = move || {
            line.change(|state| state.sessions += 1);
            Ok(Line(Arc::clone(&line)))
        };
        Self {
            host,
            poll: Poll::new(Questions::new(open, move || {
                ring.send(()).unwrap_or_default();
            })),
            bell,
            interest: Interest::default(),
            leases: tempfile::tempdir().expect("a folder"),
        }
    }

    fn poll(&mut self) -> Polled {
        let polled = self.poll.run(&self.interest, self.leases.path());
        polled.expect("reached")
    }

    /// Polls until something is so: on a busy machine an answer may come late.
    fn until(&mut self, is_so: impl Fn(&Polled) -> bool) -> Polled {
        for _ in 0..100 {
            let polled = self.poll();
            if is_so(&polled) {
                return polled;
            }
            // What still waits for its answer is not waited for by the next poll.
            let _ = self.bell.recv_timeout(Duration::from_millis(100));
        }
        panic!("a hundred polls, and not what was waited for");
    }

    fn change(&self, name: &str, change: impl FnOnce(&mut Scripted)) {
        let of = |state: &mut State| change(state.domains.get_mut(name).expect("a domain"));
        self.host.change(of);
    }

    fn hang(&self, names: &[&str], hangs: bool) {
        self.host.change(|state| {
            for name in names {
                state.domains.get_mut(*name).expect("a domain").hangs = hangs;
            }
        });
    }
}

fn job(polled: &Polled, name: &str) -> Option<Job> {
    let (Polled::All(seen) | Polled::Some(seen)) = polled else {
        return None;
    };
    let seen = seen.iter().find(|seen| seen.id.name == name)?;
    Some(seen.job)
}

/// When the only domain was last seen not to migrate.
fn idle_at(polled: &Polled) -> Option<Moment> {
    let (Polled::All(seen) | Polled::Some(seen)) = polled else {
        return None;
    };
    seen.iter().find_map(|seen| seen.idle_at)
}

#[test]
fn it_is_known_when_a_domain_last_did_not_migrate() {
    let mut stage = Stage::of(&[("abc", MARKED, Job::MigrationOut)]);
    let polled = stage.until(|polled| job(polled, "abc") == Some(Job::MigrationOut));
    assert_eq!(idle_at(&polled), None, "it did whenever it was asked");
    stage.change("abc", |domain| domain.job = Job::Idle);
    let before = Moment::now();
    let first = idle_at(&stage.until(|polled| job(polled, "abc") == Some(Job::Idle)));
    assert!(first.is_some_and(|at| before.at <= at.at && at.at <= clock::now()));
    let later = idle_at(&stage.until(|polled| job(polled, "abc") == Some(Job::Idle)));
    assert!(later > first);
    stage.change("abc", |domain| domain.job = Job::MigrationOut);
    let polled = stage.until(|polled| job(polled, "abc") == Some(Job::MigrationOut));
    assert!(idle_at(&polled) >= later);
    stage.interest.taken = ["abc".to_owned()].into();
    let taken = idle_at(&stage.poll());
    assert_eq!(taken, idle_at(&polled), "kept while a thread has it");
}

#[test]
fn only_marked_domains_are_asked_about_their_jobs() {
    let out = Job::MigrationOut;
    let names = ["web", "rule", "taken", "left", "busy"];
    let unmarked = names.map(|name| (name, Mark::None, out));
    let mut stage = Stage::of(&[&unmarked[..], &[("rank", MARKED, out)]].concat());
    let mut config = Config::default();
    config.mark.names = vec![glob::Pattern::new("ru*").expect("a pattern")];
    stage.interest.config = Arc::new(config);
    // A lease is of a domain whose UUID it has for a name, which is hexadecimal.
    stage.interest.adopted = ["taken", "busy"].map(str::to_owned).into();
    stage.interest.taken = ["busy".to_owned()].into();
    let polled = stage.until(|polled| {
        ["rule", "taken", "rank"]
            .iter()
            .all(|name| job(polled, name) == Some(out))
    });
    for name in ["web", "left", "busy"] {
        assert_eq!(job(&polled, name), Some(Job::Unknown), "{name}");
        assert_eq!(stage.host.asked(name), 0, "{name}");
    }
}

#[test]
fn a_domain_that_has_left_a_lease_is_asked() {
    let mut stage = Stage::of(&[("abc", Mark::None, Job::Idle)]);
    std::fs::write(stage.leases.path().join("abc"), "").expect("written");
    stage.until(|polled| job(polled, "abc") == Some(Job::Idle));
}

#[test]
fn domains_that_do_not_answer_delay_no_other_and_are_not_asked_again() {
    let starting = ["a1", "a2", "a3"];
    let domains = starting.map(|name| (name, MARKED, Job::Idle));
    let marked = ("marked", MARKED, Job::MigrationOut);
    let mut stage = Stage::of(&[&domains[..], &[marked]].concat());
    stage.hang(&starting, true);
    for _ in 0..3 {
        let polled = stage.until(|polled| job(polled, "marked") == Some(Job::MigrationOut));
        for name in starting {
            assert_eq!(job(&polled, name), Some(Job::Unknown), "{name}");
        }
    }
    for name in starting {
        assert_eq!(stage.host.asked(name), 1, "{name}");
    }
    assert!(stage.host.sessions() > starting.len(), "each keeps its own");
    stage.hang(&starting, false);
    stage
        .bell
        .recv()
        .expect("an answer that comes late is told");
    stage.until(|polled| {
        starting
            .iter()
            .all(|name| job(polled, name) == Some(Job::Idle))
    });
}

/// As where the storage of many guests hangs, and their QEMUs with it.
#[test]
fn domains_that_do_not_answer_do_not_pass_for_a_libvirt_that_is_gone() {
    let names: Vec<String> = (0..20).map(|number| format!("stuck{number:02}")).collect();
    let stuck: Vec<&str> = names.iter().map(String::as_str).collect();
    let domains: Vec<_> = stuck
        .iter()
        .map(|name| (*name, MARKED, Job::Idle))
        .collect();
    let mut stage = Stage::of(&domains);
    stage.hang(&stuck, true);
    stage.poll();
    for _ in 0..2 {
        let polled = stage.until(|polled| matches!(polled, Polled::All(_)));
        assert!(
            stuck
                .iter()
                .all(|name| job(&polled, name) == Some(Job::Unknown))
        );
    }
    stage.hang(&stuck, false);
    stage.until(|polled| {
        stuck
            .iter()
            .all(|name| job(polled, name) == Some(Job::Idle))
    });
}

#[test]
fn a_list_that_does_not_come_leaves_what_is_known_and_libvirt_is_there() {
    let mut stage = Stage::of(&[("marked", MARKED, Job::Idle)]);
    stage.until(|polled| {
        matches!(polled, Polled::All(_)) && job(polled, "marked") == Some(Job::Idle)
    });
    stage.host.change(|state| {
        state.list_hangs = true;
        state.domains.get_mut("marked").expect("there").job = Job::MigrationOut;
    });
    let polled = stage.until(|polled| job(polled, "marked") == Some(Job::MigrationOut));
    assert!(matches!(polled, Polled::Some(_)), "{polled:?}");
    stage.host.change(|state| state.list_hangs = false);
    stage.bell.recv().expect("the list is told");
    stage.until(|polled| matches!(polled, Polled::All(_)));
}

#[test]
fn a_libvirt_that_says_nothing_is_heard_of_no_more() {
    let mut stage = Stage::of(&[("marked", MARKED, Job::Idle)]);
    stage.until(|polled| matches!(polled, Polled::All(_)));
    stage.host.change(|state| state.is_deaf = true);
    assert_eq!(stage.poll(), Polled::Nothing);
    assert_eq!(stage.poll(), Polled::Nothing);
    stage.host.change(|state| state.is_deaf = false);
    stage.until(|polled| matches!(polled, Polled::All(_)));
}

/// So many domains, of which 20 that hang are listed first, and one that migrates last.
fn crowd(size: usize) -> (Stage, Vec<String>) {
    let stuck: Vec<String> = (0..20).map(|number| format!("a{number:03}")).collect();
    let others: Vec<String> = (21..size).map(|number| format!("b{number:03}")).collect();
    let all = stuck.iter().chain(&others);
    let mut domains: Vec<_> = all.map(|name| (&**name, MARKED, Job::Idle)).collect();
    domains.push(("moves", MARKED, Job::MigrationOut));
    let stage = Stage::of(&domains);
    stage.hang(&stuck.iter().map(String::as_str).collect::<Vec<_>>(), true);
    (stage, stuck)
}

/// As where the storage of some guests hangs, and others' calls wait for their QEMUs.
#[test]
fn of_300_domains_the_20_that_are_occupied_delay_no_others_takeover() {
    let (mut stage, stuck) = crowd(300);
    for name in &stuck {
        stage.change(name, |domain| domain.is_occupied = true);
    }
    let polled = stage.until(|polled| job(polled, "moves") == Some(Job::MigrationOut));
    for name in &stuck {
        assert_eq!(stage.host.asked(name), 0, "{name}: who asks waits");
        assert_eq!(job(&polled, name), Some(Job::Unknown), "{name}");
    }
}

/// As where some domains take minutes to start: libvirt gives up each question about them after half a minute.
#[test]
fn domains_that_were_late_keep_no_others_from_being_asked() {
    // On a busy machine others may be late, too; then it begins again.
    assert!((0..10).any(|_| later_migrations_are_found()));
}

/// Whether they are found; false if others than those that hang were late.
fn later_migrations_are_found() -> bool {
    let (mut stage, stuck) = crowd(24);
    stage.poll();
    let asked = stuck.iter().filter(|name| stage.host.asked(name) > 0);
    assert!(asked.count() < stuck.len(), "there is no place for more");
    stage.host.change(|state| state.given_up += 1);
    for moves in [Job::MigrationOut, Job::Idle, Job::MigrationOut] {
        stage.change("moves", |domain| domain.job = moves);
        let (mut tries, mut found) = (0..100, None);
        while found != Some(moves) {
            if stage.poll.late.keys().any(|name| !stuck.contains(name)) {
                return false;
            }
            tries.next().expect("found within a hundred polls");
            let _ = stage.bell.recv_timeout(Duration::from_millis(100));
            found = job(&stage.poll(), "moves");
        }
    }
    true
}

#[test]
fn a_domain_that_ends_without_an_answer_keeps_no_place() {
    let (mut stage, stuck) = crowd(24);
    let names: Vec<&str> = stuck.iter().map(String::as_str).collect();
    stage.poll();
    assert_eq!(stage.host.asked("moves"), 0, "there was no place for it");
    stage
        .host
        .change(|state| state.domains.retain(|name, _| !names.contains(&&**name)));
    stage.until(|polled| job(polled, "moves") == Some(Job::MigrationOut));
    assert!(stage.poll.late.is_empty());
}
