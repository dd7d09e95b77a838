//! A migration under control, from its beginning to what is said of it.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use libvirt_hpc_control::controller::Controller;
use libvirt_hpc_control::law::Slowdown;
use libvirt_hpc_control::port::Job;
use libvirt_hpc_control::progress::Progress;
use libvirt_hpc_control::time::Timestamp;
use libvirt_hpc_libvirt::Watcher;
use libvirt_hpc_libvirt::event::EventKind;
use libvirt_hpc_libvirt::features::Version;
use libvirt_hpc_libvirt::stats::JobStats;
use libvirt_hpc_xml_schemas as xml;

use super::attempt::call::{Call, Outcome, Plan};
use super::attempt::session_orders::{Aborted, SessionOrders};
use super::attempt::{fallback, others, trace_header, who_controls};
use super::connect;
use super::ending::{failure, guest_clock, leave_running};
use super::prepare::prior;
use super::prepare::resolve::{Inputs, Resolved, bandwidth, resolve};
use super::prepare::takeover::Takeover;
use super::terminal::console::{Console, after_command};
use super::terminal::progress::Percent;
use super::terminal::session_observer::SessionObserver;
use super::terminal::signals::{self, Requests};
use crate::backlog::Backlog;
use crate::clock;
use crate::drive::{Mode, Orders, drive};
use crate::flags::{Migrate, Virsh};
use crate::laws::LawName;
use crate::migration::pause;
use crate::migration::settings::Set;
use crate::migration::tally::Tally;
use crate::notify::Happened;
use crate::trace::{End, Record, Trace};

/// How long the statistics of the end may take to arrive after the end itself.
const STATISTICS_PATIENCE: Duration = Duration::from_millis(500);

/// How often the end of the migrate call is polled for when there is nothing else to do.
const POLL_EVERY: Duration = Duration::from_millis(100);

/// What the user is told when the agent steers.
const YIELDED: &str = "libvirt-hpcd on the source's host controls this migration: this command only observes, \
                       and options --hpc-* have no effect on it (to use them run virsh-hpc on that host as \
                       root, or have its agent release it: virsh-hpc hpc-release)";

/// Moves the domain. `started` is when the command was.
///
/// # Errors
/// When threads or signal handlers cannot be had: nothing has been started then. How the migration
/// itself fares is the exit status.
pub(super) fn run(mut takeover: Takeover, migrate: &Migrate, started: Instant) -> Result<ExitCode> {
    let policy = takeover.policy.clone();
    let mut resolved = resolve(&inputs(&takeover, migrate, &policy, started));
    refuse_out_of_reach(takeover.domain.name(), &mut resolved)?;
    let since = clock::now();
    prior::know(&mut takeover, migrate, &resolved)?;
    // The limits may have changed meanwhile, and an old virsh's timer begins with the command, not with its measuring.
    let inputs = inputs(&takeover, migrate, &policy, started + since.elapsed());
    let mut resolved = resolve(&inputs);
    resolved.warnings.splice(0..0, takeover.warnings.drain(..));
    refuse_out_of_reach(takeover.domain.name(), &mut resolved)?;
    let requests = Requests::catch(takeover.watcher.waker()).context("cannot catch signals")?;
    let mut attempt = fallback::attempts(
        &inputs,
        resolved,
        |resolved| attempt(&mut takeover, migrate, resolved, &requests, started),
        Attempt::refusal,
        Attempt::close,
    )?;
    let observer = &mut attempt.observer;
    if let Some(signal) = attempt.leaves {
        let (resolved, has_lease) = (&attempt.resolved, attempt.has_lease);
        leave_running::leave(signal, &mut takeover, observer, resolved, has_lease);
        // Its end waits for what is still to be written, of messages and of the trace: a signal would not.
        drop(attempt);
        return Ok(signals::end_by(signal));
    }
    // Whoever only observes has set nothing.
    let set = match attempt.resolved.mode {
        Mode::Steer => observer.recorder().set(),
        Mode::Observe => Set::default(),
    };
    let status = finish(
        attempt.ended,
        set,
        &mut takeover,
        migrate,
        observer,
        &requests,
    );
    // A migration that ended well although its client was to end is told as such.
    match requests.end() {
        Some(signal) if status != ExitCode::SUCCESS => Ok(signals::end_by(signal)),
        _ => Ok(status),
    }
}

/// All that the migration's bounds follow from. Its timer begins at `started`.
fn inputs<'a>(
    takeover: &Takeover,
    migrate: &'a Migrate,
    policy: &'a xml::Policy,
    started: Instant,
) -> Inputs<'a> {
    let library = takeover.features.library;
    Inputs {
        request: &migrate.request,
        options: &migrate.hpc,
        policy,
        stored_speed_mib_per_s: Some(takeover.before.speed_mib_per_s),
        stored_downtime_ms: takeover.before.downtime_ms,
        cache_most_bytes: takeover.cache_most_bytes,
        guest: takeover.guest,
        virsh: Virsh::new(library.major, library.minor),
        started: on_clock(&takeover.watcher, started),
    }
}

/// A longest pause that no pause of the guest can be within is refused before anything begins, unless another order of
/// the policy's outranks it: then it is only told.
fn refuse_out_of_reach(name: &str, resolved: &mut Resolved) -> Result<()> {
    let Some(why) = pause::out_of_reach(&resolved.policy) else {
        return Ok(());
    };
    ensure!(
        resolved.mode != Mode::Steer || pause::is_outranked(&resolved.policy),
        "{name} stays here: {why}, or set a deadline that switches over, which outranks it"
    );
    resolved.warnings.push(why);
    Ok(())
}

/// Makes the migrate call and steers what comes of it.
fn attempt(
    takeover: &mut Takeover,
    migrate: &Migrate,
    mut resolved: Resolved,
    requests: &Requests,
    started: Instant,
) -> Result<Attempt> {
    takeover.watcher.watch_anew();
    let mut observer = observer(takeover, migrate, &resolved)?;
    let mut parameters = resolved.parameters.clone();
    parameters.extend(takeover.documents.iter().cloned());
    let plan = Plan {
        uri: takeover.uri.clone(),
        options: connect::options(&migrate.globals),
        uuid: takeover.domain.uuid().to_owned(),
        destination: migrate.request.dest_uri.clone(),
        transport: migrate.request.transport,
        flags: resolved.flags,
        parameters,
    };
    let held_lease = who_controls::take_lease(takeover, &resolved);
    let has_lease = held_lease.is_some();
    if let Some(held_lease) = held_lease {
        observer.recorder().hold(held_lease);
    }
    let watcher = &mut takeover.watcher;
    let begun = clock::now();
    let call = Call::start(plan, watcher.waker()).context("cannot start the migrate thread")?;
    let orders = SessionOrders::new(&call, requests, migrate.request.transport);
    // Until libvirt has this command's call, a migration of this domain is somebody else's.
    while !call.has_begun() && !orders.over() {
        watcher.wait(POLL_EVERY);
    }
    if !has_lease && who_controls::another_controls(watcher, takeover.before, &orders) {
        resolved.yield_to_another();
        observer.console().warn(YIELDED);
    } else {
        let (herald, problems) = others::herald(takeover, migrate, &resolved);
        observer.tell_others(herald, problems);
    }
    observer
        .recorder()
        .record(&trace_header::begin(takeover, migrate, &resolved));
    let watcher = &mut takeover.watcher;
    let law = resolved.law.build(resolved.slowdown_ppm);
    let mut controller = Controller::new(law, resolved.policy).knowing(takeover.prior);
    drive(
        watcher,
        &mut controller,
        &mut observer,
        resolved.mode,
        &orders,
    );
    while !orders.over() {
        watcher.wait(POLL_EVERY);
    }
    let leaves = orders.leaves();
    let ended = Ended {
        outcome: call.outcome(),
        disconnected: call.disconnected(),
        destination: call.destination_version(),
        aborted: orders.why(),
        total: begun.elapsed(),
        command: started.elapsed(),
    };
    Ok(Attempt {
        leaves,
        ended,
        observer,
        resolved,
        has_lease,
    })
}

/// A migrate call that has ended, and who has listened.
struct Attempt {
    /// The signal at which the command ends before its migration, if one has come.
    leaves: Option<i32>,
    ended: Ended,
    observer: SessionObserver,
    /// Within what it was steered.
    resolved: Resolved,
    /// Whether this command has the domain's lease.
    has_lease: bool,
}

impl Attempt {
    /// libvirt's words, if it may have refused what the call was begun with.
    fn refusal(&mut self) -> Option<String> {
        let flowed = self.observer.recorder().tally().has_begun();
        let Ended {
            outcome, aborted, ..
        } = &self.ended;
        fallback::refusal(outcome.as_ref(), *aborted, flowed)
    }

    /// Another follows: the lease is given back.
    fn close(mut self) {
        self.observer.recorder().end_lease();
    }
}

/// How it ended.
struct Ended {
    /// None: it did not end in time.
    outcome: Option<Outcome>,
    /// What virsh says of the connection to the source, if that was lost.
    disconnected: Option<String>,
    /// The destination's libvirt, if it was asked.
    destination: Option<Version>,
    /// Why it was aborted, if it was.
    aborted: Option<Aborted>,
    /// From the migrate call to its end.
    total: Duration,
    /// From the command to its end.
    command: Duration,
}

fn finish(
    ended: Ended,
    set: Set,
    takeover: &mut Takeover,
    migrate: &Migrate,
    observer: &mut SessionObserver,
    requests: &Requests,
) -> ExitCode {
    let time_ms = migrate
        .globals
        .timing
        .then_some(ended.command.as_secs_f64() * 1000.0);
    let quiet = migrate.globals.quiet;
    let moved = matches!(ended.outcome, Some(Outcome::Moved));
    let error = failure::error(ended.outcome.as_ref());
    if let Some(disconnected) = &ended.disconnected {
        observer.console().error(disconnected);
    }
    if moved {
        if let Some(stats) = final_statistics(&mut takeover.watcher) {
            observer.recorder().tally().completed(&stats);
        }
        let totals = observer.recorder().tally().totals(ended.total);
        observer.recorder().tell_end(Happened::Arrived {
            pause_ms: totals.pause_ms,
            sent_bytes: totals.sent_bytes,
        });
        // Whoever waits for a terminal now holds nothing any more.
        observer.recorder().end_lease();
        observer.finish_progress();
        observer.console().settle(|| requests.any());
        after_command(quiet, time_ms);
        let line = observer
            .recorder()
            .tally()
            .report(takeover.domain.name(), ended.total);
        observer.console().note(&line);
        if migrate.hpc.sync_time {
            guest_clock::set(takeover, migrate, observer.console());
        }
    } else {
        observer.recorder().tell_end(match ended.outcome {
            Some(_) => Happened::failed(error.as_deref()),
            None => Happened::Ended,
        });
        // A signal ends virsh without a word, and its migration with it.
        if requests.end().is_none() || requests.abort() {
            let error = error.as_deref().unwrap_or_default();
            observer.console().error(error);
        }
        failure::tell(
            set,
            ended.outcome.as_ref(),
            ended.aborted,
            ended.destination,
            takeover,
            migrate,
            observer.console(),
        );
        observer.recorder().end_lease();
        observer.console().settle(|| requests.any());
        after_command(quiet, time_ms);
    }
    let totals = observer.recorder().tally().totals(ended.total);
    observer.recorder().record(&Record::End(End {
        moved,
        error,
        totals,
    }));
    observer.settle_others();
    observer.console().settle(|| requests.any());
    if moved {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// What libvirt counted, if it says so in time: by its event, else from a domain that is still defined.
fn final_statistics(watcher: &mut Watcher) -> Option<JobStats> {
    let since = clock::now();
    loop {
        let completed = watcher
            .take_events()
            .into_iter()
            .find_map(|event| match event.kind {
                EventKind::JobCompleted(stats) => Some(*stats),
                _ => None,
            });
        if completed.is_some() {
            return completed;
        }
        let left = STATISTICS_PATIENCE.saturating_sub(since.elapsed());
        if left.is_zero() {
            break;
        }
        watcher.wait(left);
    }
    watcher
        .call("virDomainGetJobStats", |domain| {
            domain.completed_job_stats(true)
        })
        .ok()
}

fn observer(
    takeover: &Takeover,
    migrate: &Migrate,
    resolved: &Resolved,
) -> Result<SessionObserver> {
    let console = Console::unwaited(migrate.globals.quiet);
    let mut console = console.context("cannot start the thread that writes messages")?;
    for warning in &resolved.warnings {
        console.warn(warning);
    }
    let library = takeover.features.library;
    let virsh = Virsh::new(library.major, library.minor);
    let percent = migrate
        .request
        .verbose
        .then(|| Percent::new(virsh, takeover.memory_bytes));
    // Under a speed limit of the owner's the link was not what virsh would have had.
    let same_link = resolved.bandwidth() == bandwidth(&migrate.request.parameters);
    let tally = Tally::new(same_link.then_some(takeover.before.downtime_ms));
    let trace = open_trace(migrate, &mut console);
    let observer = SessionObserver::new(console, percent, trace, tally);
    Ok(observer.drawing(progress(takeover, resolved)))
}

/// The progress of a migration: its end is foretold only where the adaptive law decides on it.
fn progress(takeover: &Takeover, resolved: &Resolved) -> Progress {
    let is_adaptive = matches!(
        resolved.law,
        LawName::Adaptive | LawName::AdaptiveOrPostcopy
    );
    let decides = is_adaptive && resolved.mode == Mode::Steer;
    let slowdown = decides.then(|| Slowdown::from_ppm(resolved.slowdown_ppm));
    let deadline = resolved.policy.deadline.map(|deadline| deadline.after);
    Progress::new(takeover.memory_bytes, slowdown, deadline)
}

fn open_trace(migrate: &Migrate, console: &mut Console<Backlog>) -> Option<Trace> {
    let path = migrate.hpc.trace.as_deref()?;
    let created = Trace::create(path);
    created
        .map_err(|error| {
            let path = path.display();
            console.warn(&format!(
                "no trace is written, {path} cannot be created: {error}"
            ));
        })
        .ok()
}

/// `instant` on the clock of the watcher.
fn on_clock(watcher: &Watcher, instant: Instant) -> Timestamp {
    let elapsed_ns = u64::try_from(instant.elapsed().as_nanos()).unwrap_or(u64::MAX);
    Timestamp::from_nanos(watcher.now().as_nanos().saturating_sub(elapsed_ns))
}
