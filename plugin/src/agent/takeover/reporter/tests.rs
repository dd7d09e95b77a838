//! What is counted and what is recorded are the same: metrics add up with the history of the traces.

use std::collections::{BTreeMap, HashSet};
use std::convert::Infallible;
use std::fs::{self, File};
use std::io::BufReader;
use std::path::Path;
use std::time::{Duration, SystemTime};

use libvirt_hpc_control::controller::Controller;
use libvirt_hpc_control::policy::Policy;
use libvirt_hpc_control::port::Job;
use libvirt_hpc_control::sample::{JobState, Settings};
use libvirt_hpc_libvirt::event::DomainId;
use libvirt_hpc_libvirt::stats::JobStats;

use super::*;
use crate::agent::metrics::tests::written;
use crate::agent::metrics::{Publisher, Snapshot};
use crate::agent::process::config::Traces;
use crate::agent::takeover::{announce, traces};
use crate::drive::{self, Mode};
use crate::laws::LawName;
use crate::migration::bounds::Bounds;
use crate::migration::guest::Guest;
use crate::migration::lease::{Identity, LeaseRecord};
use crate::migration::settings::Set;
use crate::migration::tally::Tally;
use crate::report::history;
use crate::report::{self};
use crate::trace::{self, ControllerName, EventRecord, Record, Trace, Versions};

const MB: u64 = 1_000_000;

/// What the link carries in 100 ms.
const PER_POLL: u64 = 10 * MB;

/// The polls after which it ends by itself.
const MOST_POLLS: u64 = 300;

/// A guest of 400 MB that rewrites `rewritten` in each iteration, and goes when that is within the downtime limit.
struct Guest400 {
    polls: u64,
    rewritten: u64,
    last: Sample,
}

impl Guest400 {
    fn new(rewritten: u64) -> Self {
        let last = Sample {
            state: JobState::Precopy,
            iteration: 1,
            total_bytes: 400 * MB,
            remaining_bytes: 400 * MB,
            window_bytes_per_s: PER_POLL * 10,
            settings: Some(Settings {
                downtime_ms: 300,
                speed_mib_per_s: 0,
            }),
            ..Sample::default()
        };
        Self {
            polls: 0,
            rewritten,
            last,
        }
    }

    fn limit_ms(&self) -> u64 {
        self.last
            .settings
            .map_or(0, |settings| settings.downtime_ms)
    }
}

impl Job for Guest400 {
    type Error = Infallible;

    fn now(&self) -> Timestamp {
        Timestamp::from_nanos(self.polls * 100_000_000)
    }

    fn sample(&mut self, _: bool) -> Result<Sample, Infallible> {
        self.polls += 1;
        let (at, limit_ms) = (self.now(), self.limit_ms());
        let last = &mut self.last;
        last.at = at;
        last.elapsed_ms = self.polls * 100;
        last.processed_bytes += PER_POLL;
        last.remaining_bytes = last.remaining_bytes.saturating_sub(PER_POLL);
        last.sync_at = None;
        if last.remaining_bytes == 0 {
            (last.iteration, last.remaining_bytes) = (last.iteration + 1, self.rewritten);
            last.sync_at = Some(at);
            let goes = self.rewritten * 100 / PER_POLL <= limit_ms;
            if goes {
                last.state = JobState::Ended;
            }
        }
        if self.polls >= MOST_POLLS {
            last.state = JobState::Ended;
        }
        Ok(*last)
    }

    fn apply(&mut self, target: &Target) -> Result<(), Infallible> {
        if let (Some(settings), Some(ms)) = (&mut self.last.settings, target.downtime_ms) {
            settings.downtime_ms = ms.into();
        }
        Ok(())
    }

    fn wait(&mut self, _: Duration) {}
}

/// So many guests of different size there are; each has migrations of its own.
const GUESTS: u64 = 50;

/// How one of them ends.
#[derive(Clone, Copy, Debug)]
enum Fate {
    Moves,
    Fails,
    IsLeft,
}

fn migrate(publisher: &Publisher, place: &Traces, number: u64, observe: bool, fate: Fate) {
    let id = DomainId {
        name: format!("vm{}", number % 7),
        uuid: format!("uuid-{number}"),
    };
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(number / 2);
    let (_, file) = traces::create(place, &id.name, &id.uuid, now).expect("a trace");
    let trace = Trace::into_file(file).expect("a thread");
    let mut job = Guest400::new((5 + number % GUESTS) * MB);
    let before = job.last.settings.expect("settings");
    let mut record = LeaseRecord {
        controller: ControllerName::LibvirtHpcd,
        pid: 1,
        taken_at_ns: 0,
        job_began_ns: Some(0),
        identity: Identity::default(),
        settings_before: before.into(),
        set: Set::default(),
        bounds: Bounds::of_running(&Default::default(), before, &Guest::default()),
        released: None,
    };
    if observe {
        record.bounds = record.bounds.without_actions();
    }
    let recorder = Recorder::new(LogMessages(id.name.clone()), Some(trace), Tally::new(None));
    let handle = Arc::new(MigrationHandle::new());
    let counted = publisher.counters().begun(record.bounds.law, observe);
    let mut reporter = Reporter::new(
        recorder,
        Arc::clone(&handle),
        id.name.clone(),
        record.settings_before,
        counted,
    );
    let begin = announce::begin(&id, &record, observe, Versions::default());
    reporter.recorder().record(&begin);
    reporter.counted().taken(Duration::from_millis(number));
    let policy = Policy::from(&record.bounds.policy);
    let mut controller =
        Controller::new(LawName::Adaptive.build(100_000), policy).after(before, Target::NONE);
    let mode = if observe { Mode::Observe } else { Mode::Steer };
    let end = drive::drive(&mut job, &mut controller, &mut reporter, mode, &*handle);
    assert_eq!(end, drive::End::Job);
    let completed = JobStats {
        downtime_ms: Some(100 + number),
        time_elapsed_ms: Some(job.last.elapsed_ms + 100 + number),
        memory_processed: Some(job.last.processed_bytes + PER_POLL),
        ..JobStats::default()
    };
    let completed = match fate {
        Fate::IsLeft => return,
        Fate::Moves => Some(&completed),
        Fate::Fails => None,
    };
    let end = announce::tell(&id.name, reporter.recorder(), completed, None);
    reporter.counted().ended(&end);
}

/// The decisions that a trace holds, by mode.
fn decisions(trace: &Path, by_mode: &mut BTreeMap<&'static str, u64>) {
    let records = trace::read(BufReader::new(File::open(trace).expect("a trace")));
    let mut mode = "";
    for record in records {
        match record.expect("a record").1 {
            Record::Begin(begin) => mode = if begin.observe { "observe" } else { "steer" },
            Record::Event {
                event: EventRecord::Decided { .. } | EventRecord::Targeted { .. },
                ..
            } => *by_mode.entry(mode).or_default() += 1,
            _ => {}
        }
    }
}

#[test]
fn metrics_add_up_with_the_history() {
    let folder = tempfile::tempdir().expect("a folder");
    let place = Traces {
        directory: folder.path().join("traces"),
        ..Traces::default()
    };
    let publisher = Publisher::start().expect("a thread");
    for number in 0..50 {
        let fate = match number % 10 {
            3 => Fate::Fails,
            7 => Fate::IsLeft,
            _ => Fate::Moves,
        };
        migrate(&publisher, &place, number, number % 4 == 1, fate);
    }
    let metrics = folder.path().join("metrics");
    let families = written(&publisher, &metrics, Snapshot::default());
    assert!(fs::metadata(&metrics).expect("there").is_dir());

    let (mut results, mut by_mode) = (BTreeMap::new(), BTreeMap::new());
    let (mut pauses_ms, mut paused, mut total_ms, mut sent_bytes) = (0, 0, 0, 0);
    let listed = history::list(&place.directory).expect("traces");
    assert_eq!(listed.len(), 50);
    for trace in &listed {
        decisions(&trace.path, &mut by_mode);
        let text = {
            let migration = report::read(&trace.path).expect("a trace");
            let mut one = history::History::default();
            one.push(&migration);
            one.render(history::Format::Json).expect("JSON")
        };
        let json: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        let one = &json["migrations"][0];
        let result = one["result"].as_str().expect("a result").to_owned();
        if result != "unknown" {
            total_ms += one["total_ms"].as_u64().expect("known");
            sent_bytes += one["sent_bytes"].as_u64().expect("known");
        }
        if let Some(ms) = one["pause_ms"].as_u64() {
            (pauses_ms, paused) = (pauses_ms + ms, paused + 1);
        }
        *results.entry(result).or_insert(0) += 1;
    }
    let expected = [("failed", 5), ("moved", 40), ("unknown", 5)];
    assert_eq!(results, expected.map(|(k, v)| (k.to_owned(), v)).into());
    let total = "libvirt_hpc_migrations_total";
    for (result, count) in expected {
        assert_eq!(families.sum(total, ("result", result)), f64::from(count));
    }
    let value = |name: &str| families.value(&format!("libvirt_hpc_{name}"), &[]);
    let seconds = |ms: u64| Duration::from_millis(ms).as_secs_f64();
    let near = |is: f64, expected: f64| (is - expected).abs() < 1e-6;
    assert_eq!(value("migration_pause_seconds_count"), f64::from(paused));
    assert!(near(
        value("migration_pause_seconds_sum"),
        seconds(pauses_ms)
    ));
    assert_eq!(value("migration_duration_seconds_count"), 45.0);
    assert!(near(
        value("migration_duration_seconds_sum"),
        seconds(total_ms)
    ));
    assert_eq!(value("takeover_seconds_count"), 50.0);
    let sent = value("migration_sent_bytes_total").to_string();
    assert_eq!(sent, sent_bytes.to_string());
    assert_eq!(by_mode.len(), 2, "{by_mode:?}");
    for (mode, count) in by_mode {
        let counted = families.sum("libvirt_hpc_decisions_total", ("mode", mode));
        assert_eq!(counted.to_string(), count.to_string(), "{mode}");
    }
}

/// A day of a host that is drained and filled again and again: of the migrations that are over, metrics keep counts alone,
/// and of their traces the last ones stay.
#[test]
fn a_days_migrations_leave_as_many_series_and_traces_as_half_a_days() {
    const AN_HOUR: u64 = 5;
    let folder = tempfile::tempdir().expect("a folder");
    let place = Traces {
        directory: folder.path().join("traces"),
        keep_files: 20,
        ..Traces::default()
    };
    let publisher = Publisher::start().expect("a thread");
    let metrics = folder.path().join("metrics");
    let mut series = Vec::new();
    for hour in 0..24 {
        for number in hour * AN_HOUR..(hour + 1) * AN_HOUR {
            let fate = [Fate::Moves, Fate::Fails, Fate::IsLeft]
                [usize::from(number % 3 == 1) + usize::from(number % 7 == 1)];
            migrate(&publisher, &place, number, number % 2 == 1, fate);
            let now = SystemTime::UNIX_EPOCH + Duration::from_secs(number / 2);
            traces::prune(&place, &HashSet::new(), now).expect("pruned");
        }
        written(&publisher, &metrics, Snapshot::default());
        let text = fs::read_to_string(metrics.join("libvirt-hpc.prom")).expect("written");
        series.push(text.lines().count());
    }
    assert_eq!(
        series[12..],
        [series[11]; 12],
        "each guest has migrated by then"
    );
    let kept = fs::read_dir(&place.directory).expect("a directory").count();
    assert_eq!(kept, 20);
}
