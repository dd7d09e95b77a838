//! One run: the hosts made ready, the migration, its faults, and what is found after.

use std::process::Child;
use std::thread::{self, sleep};
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use libvirt_hpc_plugin::clock;

use super::ask;
use super::field::{Field, GUEST, MARKS, OTHER, TRACES};
use super::found::{Ended, Found, Hit};
use super::plan::{Begin, Plan};
use super::strike::strike;

/// A migration that is not over after so long is aborted, and its command killed after so long again.
const HORIZON: Duration = Duration::from_secs(60);

/// How often it is looked for whether a command has ended.
const POLL: Duration = Duration::from_millis(20);

/// What an idle agent needs to come to rest after a guest has started.
const REST: Duration = Duration::from_millis(700);

/// Makes a run on hosts that are up, and clears up after it.
///
/// # Errors
/// When the test bed fails.
pub(super) fn run(field: &Field<'_>, plan: &Plan) -> Result<Found> {
    field.prepare(plan).context("making the hosts ready")?;
    let found = migrate(field, plan);
    let cleared = field.clear(plan).context("clearing up");
    let found = found?;
    cleared.map(|()| found)
}

fn migrate(field: &Field<'_>, plan: &Plan) -> Result<Found> {
    sleep(REST);
    ask::agents_are_connected(field, plan)?;
    let (source, destination) = (field.source(), field.destination());
    let before = [
        ask::before(field, source)?,
        ask::before(field, destination)?,
    ];
    let logged = ask::agent_said(field, 0).lines().count();
    let watchers = field.watch()?;
    let began = clock::now();
    let (mut found, crossed) = thread::scope(|scope| {
        let crossing = plan
            .is_crossing
            .then(|| scope.spawn(|| crossing(field, plan)));
        let strikes: Vec<_> = plan
            .strikes
            .iter()
            .map(|one| scope.spawn(move || strike(field, plan, one)))
            .collect();
        let command = command(field, plan);
        // What waits for a moment that has not come waits no longer.
        field.rig.script(source, &format!("touch {MARKS}/done"))?;
        let joined = |_| anyhow!("a thread of the run has died");
        let hits = strikes
            .into_iter()
            .map(|thread| thread.join().map_err(joined)?)
            .collect::<Result<Vec<Hit>>>()?;
        let crossed = crossing.map(|thread| thread.join().map_err(joined)?);
        let (command, was_aborted) = command?;
        let found = Found {
            hits,
            command,
            was_aborted,
            ..Found::default()
        };
        Ok::<_, anyhow::Error>((found, crossed.transpose()?))
    })?;
    for watcher in watchers {
        watcher.wait_with_output()?;
    }
    found.was_aborted |= ask::settle(field, plan)?;
    found.over_after_ms = u64::try_from(began.elapsed().as_millis())?;
    found.guest = ask::whereabouts(field, GUEST)?;
    if crossed.is_some() {
        found.other = Some(ask::whereabouts(&field.reversed(), OTHER)?);
    }
    found.left = [
        ask::left(field, source, &before[0])?,
        ask::left(field, destination, &before[1])?,
    ];
    found.traces = ask::traces(field)?;
    found.agent_said = ask::agent_said(field, logged);
    Ok(found)
}

/// The migration's own command. Whether it had to be aborted.
fn command(field: &Field<'_>, plan: &Plan) -> Result<(Ended, bool)> {
    let own_trace = match plan.begin {
        Begin::Command | Begin::Both => format!(" --hpc-trace {TRACES}/command.trace"),
        Begin::Agent => String::new(),
    };
    let migrate = migrate_command(plan, GUEST, field.destination());
    // The shell stays: a command that is stopped must not stop what waits for it outside.
    let script =
        format!("{migrate}{own_trace} & echo $! >{MARKS}/pid; touch {MARKS}/prepare; wait $!");
    let child = field.rig.spawn(field.source(), &["sh", "-c", &script])?;
    wait(field, GUEST, child)
}

/// The other guest's migration, the other way.
fn crossing(field: &Field<'_>, plan: &Plan) -> Result<()> {
    let migrate = migrate_command(plan, OTHER, field.source());
    let command = ["sh", "-c", &migrate];
    let child = field.rig.spawn(field.destination(), &command)?;
    wait(&field.reversed(), OTHER, child).map(drop)
}

fn migrate_command(plan: &Plan, name: &str, to: &str) -> String {
    let program = plan.begin.program();
    let p2p = if plan.is_p2p { " --p2p" } else { "" };
    format!("{program} migrate --live{p2p} {name} qemu+tcp://{to}/system")
}

/// Waits for a command's end, and aborts its migration if it does not come.
fn wait(field: &Field<'_>, name: &str, mut child: Child) -> Result<(Ended, bool)> {
    let began = clock::now();
    let mut was_aborted = false;
    while child.try_wait()?.is_none() {
        if began.elapsed() > HORIZON && !was_aborted {
            was_aborted = true;
            let abort = format!("virsh -q domjobabort {name}");
            field.rig.try_script(field.source(), &abort)?;
        }
        if began.elapsed() > 2 * HORIZON {
            let end = format!("pkill -KILL -f 'migrate --live.* [{name}] '");
            field.rig.try_script(field.source(), &end)?;
        }
        sleep(POLL);
    }
    let output = child.wait_with_output()?;
    let ended = Ended {
        status: output.status.code(),
        said: String::from_utf8_lossy(&output.stderr).trim().to_owned(),
        took_ms: u64::try_from(began.elapsed().as_millis())?,
    };
    Ok((ended, was_aborted))
}
