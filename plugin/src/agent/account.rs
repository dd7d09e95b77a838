//! What is said of a migration: at its beginning and at its end.

use std::time::Duration;

use libvirt_hpc_control::law::Fetch;
use libvirt_hpc_control::policy::{Policy, Then};
use libvirt_hpc_libvirt::event::DomainId;
use libvirt_hpc_libvirt::stats::JobStats;

use super::control::MarkedBy;
use super::reporter::LogVoice;
use crate::in_words;
use crate::migration::lease::Holding;
use crate::migration::pause;
use crate::migration::recorder::Recorder;
use crate::migration::settings::Restored;
use crate::trace::{Begin, ControllerName, End, FORMAT, Record, Versions};

/// Says who has a migration in hand from now on, and why.
pub(super) fn announce(id: &DomainId, holding: &Holding, marked_by: MarkedBy, observe: bool) {
    let name = &id.name;
    let why = match marked_by {
        MarkedBy::Domain => "marked in its XML",
        MarkedBy::Site => "named by agent.toml",
        MarkedBy::Adoption => "adopted by hpc-adopt",
    };
    let before = holding.settings_before;
    let speed = in_words::speed(before.speed_mib_per_s);
    let order = holding.bounds.policy.limit_max_ms;
    let kept = order.map_or("", |_| ", an order that is kept");
    let limits = format!(
        "limits before: downtime {} ms{kept}, speed {speed}",
        before.downtime_ms
    );
    match &holding.released {
        Some(reason) => log::warn!("{name}: its migration is left alone: {reason}"),
        None if observe => log::info!("{name}: watching its migration ({why}; {limits})"),
        None => log::info!("{name}: steering its migration ({why}; {limits})"),
    }
    let policy = Policy::from(&holding.bounds.policy);
    let goes_over = policy.deadline.is_some_and(|d| d.then == Then::Postcopy);
    if let Some(why) = pause::out_of_reach(&policy).filter(|_| holding.released.is_none()) {
        log::warn!("{name}: {why}");
    }
    if goes_over && holding.released.is_none() && Fetch::of(&policy).has_huge_pages() {
        log::warn!("{name}: {}", in_words::POSTCOPY_WITH_HUGE_PAGES);
    }
}

/// The first record of its trace.
pub(super) fn begin(id: &DomainId, holding: &Holding, observe: bool, versions: Versions) -> Record {
    let bounds = holding.bounds;
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
        settings_before: Some(holding.settings_before),
    }))
}

/// How a migration ended, in the log and at the end of its trace.
pub(super) fn tell(
    name: &str,
    recorder: &mut Recorder<LogVoice>,
    completed: Option<&JobStats>,
    settings: Option<&Restored>,
) {
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
    recorder.record(&Record::End(End {
        moved: completed.is_some(),
        error: None,
        totals,
    }));
}
