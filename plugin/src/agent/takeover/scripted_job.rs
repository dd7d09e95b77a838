//! A migration that is a script, for the tests of what is done before it is steered.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use libvirt_hpc_control::port::Job;
use libvirt_hpc_control::sample::{JobState, Sample, Settings};
use libvirt_hpc_control::target::{Action, Target};
use libvirt_hpc_control::time::Timestamp;
use libvirt_hpc_libvirt::event::DomainId;

use super::assignment::Assignment;
use crate::agent::metrics::{Counters, Publisher};
use crate::agent::process::config::Config;
use crate::notify::Followers;
use crate::trace::Versions;

/// Of the domain.
pub(crate) const UUID: &str = "6d0f4b5e-7c1a-4f7e-9a51-0123456789ab";

/// Samples half a second apart; the last one repeats.
pub(crate) struct Script {
    now_ms: u64,
    pub(crate) samples: VecDeque<Sample>,
    /// Done before the poll of that number.
    pub(crate) then: Option<(usize, Box<dyn FnOnce()>)>,
    pub(crate) polls: usize,
    /// Whether an abort may be asked for, and how often it was.
    pub(crate) aborts: Option<usize>,
}

impl Script {
    pub(crate) fn new(samples: impl IntoIterator<Item = Sample>) -> Self {
        Self {
            now_ms: 100_000,
            samples: samples.into_iter().collect(),
            then: None,
            polls: 0,
            aborts: None,
        }
    }
}

impl Job for Script {
    type Error = Infallible;

    fn now(&self) -> Timestamp {
        Timestamp::from_nanos(self.now_ms * 1_000_000)
    }

    fn sample(&mut self, _: bool) -> Result<Sample, Infallible> {
        self.polls += 1;
        if let Some((_, act)) = self.then.take_if(|(at, _)| *at == self.polls) {
            act();
        }
        let next = self.samples.pop_front().expect("a sample");
        if self.samples.is_empty() {
            self.samples.push_back(next);
        }
        Ok(next)
    }

    fn apply(&mut self, target: &Target) -> Result<(), Infallible> {
        match &mut self.aborts {
            Some(aborts) if target.action == Some(Action::Abort) => *aborts += 1,
            _ => panic!("nothing is set before it is known who steers"),
        }
        Ok(())
    }

    fn wait(&mut self, at_most: Duration) {
        self.now_ms += u64::try_from(at_most.as_millis()).expect("short");
    }
}

/// A sample, a minute after the start.
pub(crate) fn sample(state: JobState, downtime_ms: u64) -> Sample {
    Sample {
        at: Timestamp::from_nanos(100_000_000_000),
        state,
        elapsed_ms: 60_000,
        iteration: 9,
        settings: (state == JobState::Precopy).then_some(Settings {
            downtime_ms,
            speed_mib_per_s: 20,
        }),
        ..Sample::default()
    }
}

/// Counters that nobody reads.
pub(crate) fn counters() -> Counters {
    let publisher = Publisher::start().expect("a thread");
    publisher.counters().clone()
}

/// Of the domain.
pub(crate) fn assignment(config: Config, adopted: bool) -> Assignment {
    Assignment {
        id: DomainId {
            name: "vm".to_owned(),
            uuid: UUID.to_owned(),
        },
        config: Arc::new(config),
        adopted,
        early: false,
        idle_at: None,
        versions: Versions::default(),
        counters: counters(),
        followers: Followers::default(),
    }
}
