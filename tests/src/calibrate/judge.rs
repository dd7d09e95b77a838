//! The same law on the same guest, in the plant.

use std::time::Duration;

use anyhow::{Context, Result};
use libvirt_hpc_control::controller::Controller;
use libvirt_hpc_control::event::{Event, Publisher};
use libvirt_hpc_control::policy::Policy;
use libvirt_hpc_control::time::Timestamp;
use libvirt_hpc_plugin::drive::{Mode, Observer, drive};

use super::profile::{FINISH, Rate, rig_link, rig_qemu};
use super::run::Recording;
use crate::patience::Patience;
use crate::plant::{Guest, Plant, PlantConfig, RecordedGuest};

/// Polls after which a run counts as endless: an hour of them.
const LOOKS_MAX: u32 = 36_000;

/// The plant's prediction of a run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Prediction {
    /// The pause as the guest's users would see it, milliseconds.
    pub pause_ms: f64,
    /// From the migrate call to its return, milliseconds.
    pub total_ms: f64,
}

/// A recorded run and its predictions.
#[derive(Clone, Debug)]
pub struct Judged<'a> {
    /// The run.
    pub recording: &'a Recording,
    /// Whether today's law decides as the recorded one did: if not, nothing is predicted.
    pub same_law: bool,
    /// From the workload as it was configured; none if its name does not describe its writes.
    pub known: Option<Prediction>,
    /// From another recording of the same guest, and which; none if there is no other.
    pub recorded: Option<(Prediction, &'a str)>,
}

/// Every recording against the plant.
///
/// # Errors
/// When a link has no rate, or a trace cannot be made a guest of.
pub fn judge(recordings: &[Recording]) -> Result<Vec<Judged<'_>>> {
    recordings
        .iter()
        .map(|recording| judge_one(recording, recordings))
        .collect()
}

fn judge_one<'a>(recording: &'a Recording, all: &'a [Recording]) -> Result<Judged<'a>> {
    if !recording.law_is_the_same() {
        return Ok(Judged {
            recording,
            same_law: false,
            known: None,
            recorded: None,
        });
    }
    let into = Duration::from_millis(recording.run.into_ms.unwrap_or(0));
    let known = recording.run.guest.guest(into).ok();
    let known = known.map(|guest| predict(recording, guest)).transpose()?;
    let recorded = teacher(recording, all).map(|other| {
        let guest = recorded_guest(other, into)?;
        Ok::<_, anyhow::Error>((predict(recording, guest)?, other.name.as_str()))
    });
    Ok(Judged {
        recording,
        same_law: true,
        known,
        recorded: recorded.transpose()?,
    })
}

/// The other recording that shows most of this guest, by its rounds; over the same link if there is one.
fn teacher<'a>(recording: &Recording, all: &'a [Recording]) -> Option<&'a Recording> {
    all.iter()
        .filter(|other| other.name != recording.name && other.run.guest == recording.run.guest)
        .max_by_key(|other| {
            let same_link = other.run.link == recording.run.link;
            (same_link, RecordedGuest::rounds_of(&other.records))
        })
}

/// The guest of `other`, `into` its cycle when its migration begins.
fn recorded_guest(other: &Recording, into: Duration) -> Result<Guest> {
    let guest = RecordedGuest::from_trace(&other.records)
        .with_context(|| format!("{} shows too little of its guest", other.name))?;
    let then = Duration::from_millis(other.run.into_ms.unwrap_or(0));
    Ok(guest.guest(into.as_secs_f64() - then.as_secs_f64()))
}

/// Runs the law of `recording` on `guest`, over the link of `recording`.
///
/// # Errors
/// When that link has no rate.
pub fn predict(recording: &Recording, guest: Guest) -> Result<Prediction> {
    let rate = Rate::parse(&recording.run.link)
        .with_context(|| format!("{}: no rate: '{}'", recording.name, recording.run.link))?;
    let spec = &recording.run.guest;
    let config = PlantConfig::new(guest, rig_link(rate))
        .with_qemu(rig_qemu(rate, spec.kvm))
        .with_counter(spec.counter());
    let mut plant = Plant::new(&config);
    let begin = &recording.begin;
    let law = begin.law.build(begin.slowdown_ppm);
    let mut controller = Controller::new(law, Policy::from(&begin.policy)).knowing(begin.prior());
    let mode = if begin.observe {
        Mode::Observe
    } else {
        Mode::Steer
    };
    let patience = Patience::of(LOOKS_MAX);
    drive(&mut plant, &mut controller, &mut Silent, mode, &patience);
    let outcome = plant.outcome();
    Ok(Prediction {
        pause_ms: outcome.pause.as_secs_f64() * 1e3,
        total_ms: (outcome.total + FINISH).as_secs_f64() * 1e3,
    })
}

struct Silent;

impl Publisher for Silent {
    fn publish(&mut self, _: Timestamp, _: Event) {}
}

impl Observer for Silent {}
