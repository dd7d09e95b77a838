//! What is said of a migration: at its beginning and at its end.

use std::time::Duration;

use libvirt_hpc_control::law::Fetch;
use libvirt_hpc_control::policy::{Policy, Then};
use libvirt_hpc_libvirt::event::DomainId;
use libvirt_hpc_libvirt::stats::JobStats;

use super::reporter::LogMessages;
use crate::agent::api::MarkedBy;
use crate::in_words;
use crate::migration::lease::LeaseRecord;
use crate::migration::pause;
use crate::migration::recorder::Recorder;
use crate::migration::settings::Restored;
use crate::notify::{About, Followers, Happened, Herald, Programs, Tellers};
use crate::trace::{Begin, ControllerName, End, FORMAT, Record, Versions};

/// Says who controls a migration from now on, and why.
pub(crate) fn announce(id: &DomainId, record: &LeaseRecord, marked_by: MarkedBy, observe: bool) {
    let name = &id.name;
    let why = match marked_by {
        MarkedBy::Domain => "marked in its XML",
        MarkedBy::Site => "named by agent.toml",
        MarkedBy::Adoption => "adopted by hpc-adopt",
    };
    let before = record.settings_before;
    let speed = in_words::speed(before.speed_mib_per_s);
    let order = record.bounds.policy.limit_max_ms;
    let kept = order.map_or("", |_| ", which is not exceeded");
    let limits = format!(
        "limits before: downtime {} ms{kept}, speed {speed}",
        before.downtime_ms
    );
    match &record.released {
        Some(reason) => log::warn!("{name}: its migration is left alone: {reason}"),
        None if observe => log::info!("{name}: observing its migration ({why}; {limits})"),
        None => log::info!("{name}: controlling its migration ({why}; {limits})"),
    }
    let policy = Policy::from(&record.bounds.policy);
    let to_postcopy = policy.deadline.is_some_and(|d| d.then == Then::Postcopy);
    if let Some(why) = pause::out_of_reach(&policy).filter(|_| record.released.is_none()) {
        log::warn!("{name}: {why}");
    }
    if to_postcopy && record.released.is_none() && Fetch::of(&policy).has_huge_pages() {
        log::warn!("{name}: {}", in_words::POSTCOPY_WITH_HUGE_PAGES);
    }
}

/// The first record of its trace.
pub(crate) fn begin(
    id: &DomainId,
    record: &LeaseRecord,
    observe: bool,
    versions: Versions,
) -> Record {
    let bounds = record.bounds;
    Record::Begin(Box::new(Begin {
        format: FORMAT,
        versions,
        domain: id.name.clone(),
        uuid: id.uuid.clone(),
        controller: ControllerName::LibvirtHpcd,
        destination: None,
        flags: None,
        policy: bounds.policy,
        slowdown_ppm: bounds.slowdown_ppm,
        law: bounds.law,
        observe,
        settings_before: Some(record.settings_before),
        prior: None,
    }))
}

/// Who tells others of it: programs, whose mistakes go to the log, and those who follow.
pub(crate) fn herald(id: &DomainId, observe: bool, followers: Followers) -> Herald {
    let about = About {
        domain: id.name.clone(),
        uuid: id.uuid.clone(),
        destination: None,
        controller: ControllerName::LibvirtHpcd,
        observe,
    };
    let name = id.name.clone();
    let say = move |problem: String| log::warn!("{name}: {problem}");
    let tellers = Tellers::start(Programs::default(), say, |_| {});
    if let Err(error) = &tellers {
        log::warn!(
            "{}: no program is notified, because no thread can be started: {error}",
            id.name
        );
    }
    Herald::new(about, tellers.ok(), followers)
}

/// Says how a migration ended, in the log and at the end of its trace.
pub(crate) fn tell(
    name: &str,
    recorder: &mut Recorder<LogMessages>,
    completed: Option<&JobStats>,
    settings: Option<&Restored>,
) -> End {
    let mut total = Duration::from_millis(recorder.last().elapsed_ms);
    if let Some(stats) = completed {
        total = stats.time_elapsed_ms.map_or(total, Duration::from_millis);
        recorder.tally().completed(stats);
        log::info!("{}", recorder.tally().report(name, total));
    } else if settings.is_some() {
        log::info!("{name}: its migration failed or was aborted, it is still here");
    } else {
        log::info!("{name}: its migration is over");
    }
    match settings {
        Some(Restored::ByUs) => log::debug!("{name}: its limits were put back"),
        Some(Restored::Failed(found, error)) => log::warn!(
            "{name}: its limits are not as before (downtime {} ms, speed {}){}",
            found.downtime_ms,
            in_words::speed(found.speed_mib_per_s),
            error
                .as_ref()
                .map_or_else(String::new, |e| format!(": {e}"))
        ),
        Some(Restored::AsBefore) | None => {}
    }
    let totals = recorder.tally().totals(total);
    recorder.tell_end(match (completed, settings) {
        (Some(_), _) => Happened::Arrived {
            pause_ms: totals.pause_ms,
            sent_bytes: totals.sent_bytes,
        },
        (None, Some(_)) => Happened::failed(None),
        (None, None) => Happened::Ended,
    });
    let end = End {
        moved: completed.is_some(),
        error: None,
        totals,
    };
    recorder.record(&Record::End(end.clone()));
    end
}
