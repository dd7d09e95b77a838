//! A fault at its moment, and its repair.

use std::thread::sleep;
use std::time::Duration;

use anyhow::{Result, bail};

use super::field::{Field, GUEST, MARKS, TRACES};
use super::found::Hit;
use super::plan::{Fault, Phase, Plan, Strike};
use crate::rig::AgentVerb;

/// How soon systemd starts an agent that was killed.
const RESTART: Duration = Duration::from_millis(500);

/// A step of the wall clock, seconds.
const STEP_S: i64 = 3600;

/// The limits that somebody sets, and the downtime limit that lets the migration end after that, ms.
pub(super) const CHANGED_DOWNTIME_MS: &str = "150";
pub(super) const CHANGED_SPEED_MIB_PER_S: &str = "20";
pub(super) const LAST_DOWNTIME_MS: &str = "20000";

/// Waits for the moment, strikes, waits, repairs.
///
/// # Errors
/// When the test bed fails.
pub(super) fn strike(field: &Field<'_>, plan: &Plan, strike: &Strike) -> Result<Hit> {
    let action = action(field, strike);
    let script = format!("{}\n{}", moment(strike), action.script);
    let output = field.rig.try_script(action.host, &script)?;
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    let mut lines = printed.lines();
    let Some(phase) = lines.next().and_then(phase_named) else {
        return Ok(Hit::default());
    };
    let said = lines.collect::<Vec<_>>().join("\n") + &String::from_utf8_lossy(&output.stderr);
    let status = output.status.code();
    if !output.status.success() && strike.fault != Fault::SecondMigration {
        // What it should strike was not there.
        return Ok(Hit::default());
    }
    from_outside(field, plan, strike)?;
    repair(field, plan, strike)?;
    Ok(Hit {
        phase: Some(phase),
        status,
        said,
    })
}

/// What strikes, and where.
struct Action {
    host: &'static str,
    script: String,
}

/// Waits until the moment has come, and names the phase that the migration is in; ends if it is over.
fn moment(strike: &Strike) -> String {
    let phase = strike.phase.name();
    let seconds = f64::from(strike.delay_ms) / 1000.0;
    let newest_first = Phase::ALL.iter().rev().map(|phase| phase.name());
    let newest_first = newest_first.collect::<Vec<_>>().join(" ");
    format!(
        "cd {MARKS}
        until [ -e {phase} ] || [ -e done ]; do sleep 0.01; done
        [ -e done ] || sleep {seconds}
        [ ! -e done ] || exit 0
        for phase in {newest_first}; do [ ! -e $phase ] || break; done
        echo $phase"
    )
}

fn phase_named(name: &str) -> Option<Phase> {
    Phase::ALL.into_iter().find(|phase| phase.name() == name)
}

/// The part of it that is a script in a host.
fn action(field: &Field<'_>, strike: &Strike) -> Action {
    let (source, destination) = (field.source(), field.destination());
    let daemon = field.rig.daemon_name();
    let signal = |name: &str, process: &str| format!("pkill -{name} -x {process}");
    let kill = |process: &str| {
        format!(
            "pkill -KILL -x {process} && while pgrep -x {process} >/dev/null; do sleep 0.02; done"
        )
    };
    let (host, script) = match strike.fault {
        Fault::KillCommand => (source, "kill -KILL $(cat pid)".to_owned()),
        Fault::StopCommand => (source, "kill -STOP $(cat pid)".to_owned()),
        Fault::KillAgent => (source, kill("libvirt-hpcd")),
        Fault::StopAgent => (source, signal("STOP", "libvirt-hpcd")),
        Fault::KillSourceDaemon => (source, kill(daemon)),
        Fault::StopSourceDaemon => (source, signal("STOP", daemon)),
        Fault::KillDestinationDaemon => (destination, kill(daemon)),
        Fault::StopDestinationDaemon => (destination, signal("STOP", daemon)),
        // The brackets keep it from finding this script.
        Fault::KillDestinationQemu => (destination, format!("pkill -KILL -f 'guest=[{GUEST}],'")),
        Fault::CutLink | Fault::SlowLink | Fault::StepClock => (source, String::new()),
        Fault::FullTraces => (
            source,
            format!("dd if=/dev/zero of={TRACES}/filler bs=16k 2>/dev/null; true"),
        ),
        // ext4 as after an error: files that are open for writing do not keep it from that.
        Fault::ReadOnlyTraces => (source, format!("mount -o remount,abort {TRACES}")),
        Fault::HungTraces => (source, format!("fsfreeze -f {TRACES}")),
        Fault::SecondMigration => (source, second(field, strike)),
        Fault::ExternalChange => (source, change(strike)),
    };
    Action { host, script }
}

fn second(field: &Field<'_>, strike: &Strike) -> String {
    let program = if strike.variant { "virsh" } else { "virsh-hpc" };
    let to = field.destination();
    format!("{program} migrate --live {GUEST} qemu+tcp://{to}/system")
}

fn change(strike: &Strike) -> String {
    if strike.variant {
        format!("virsh -q migrate-setmaxdowntime {GUEST} {CHANGED_DOWNTIME_MS}")
    } else {
        format!("virsh -q migrate-setspeed {GUEST} {CHANGED_SPEED_MIB_PER_S}")
    }
}

/// The part of it that the machine does to the hosts.
fn from_outside(field: &Field<'_>, plan: &Plan, strike: &Strike) -> Result<()> {
    match strike.fault {
        Fault::CutLink => field.rig.link("cut"),
        Fault::SlowLink => field.rig.link(&hundredth(&plan.rate)?),
        Fault::StepClock => {
            let seconds = if strike.variant { STEP_S } else { -STEP_S };
            field.rig.clock(field.source(), seconds)
        }
        _ => Ok(()),
    }
}

/// A hundredth of a rate, as tc writes it.
fn hundredth(rate: &str) -> Result<String> {
    let kilobits: u64 = match (rate.strip_suffix("gbit"), rate.strip_suffix("mbit")) {
        (Some(gigabits), _) => gigabits.parse::<u64>()? * 1_000_000,
        (_, Some(megabits)) => megabits.parse::<u64>()? * 1000,
        (None, None) => bail!("'{rate}' is no rate"),
    };
    Ok(format!("{}kbit", kilobits / 100))
}

/// After a while it is as before, as far as it can be.
fn repair(field: &Field<'_>, plan: &Plan, strike: &Strike) -> Result<()> {
    let (source, destination) = (field.source(), field.destination());
    let daemon = field.rig.daemon_name();
    let hold = Duration::from_millis(u64::from(strike.hold_ms));
    sleep(if strike.fault == Fault::KillAgent {
        RESTART
    } else {
        hold
    });
    let script = |host, script: &str| field.rig.try_script(host, script).map(drop);
    match strike.fault {
        Fault::StopCommand => script(source, &format!("kill -CONT $(cat {MARKS}/pid)")),
        Fault::KillAgent => field.rig.agent(source, AgentVerb::Start, &[]),
        Fault::StopAgent => field.rig.agent(source, AgentVerb::Continue, &[]),
        Fault::KillSourceDaemon => field.rig.daemon(source, "start"),
        Fault::KillDestinationDaemon => field.rig.daemon(destination, "start"),
        Fault::StopSourceDaemon => script(source, &format!("pkill -CONT -x {daemon}")),
        Fault::StopDestinationDaemon => script(destination, &format!("pkill -CONT -x {daemon}")),
        Fault::CutLink | Fault::SlowLink => field.rig.link(&plan.rate),
        Fault::FullTraces => script(source, &format!("rm -f {TRACES}/filler")),
        Fault::HungTraces => script(source, &format!("fsfreeze -u {TRACES}")),
        Fault::ExternalChange => script(
            source,
            &format!("virsh -q migrate-setmaxdowntime {GUEST} {LAST_DOWNTIME_MS}"),
        ),
        Fault::KillCommand
        | Fault::KillDestinationQemu
        | Fault::ReadOnlyTraces
        | Fault::StepClock
        | Fault::SecondMigration => Ok(()),
    }
}
