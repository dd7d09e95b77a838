//! One migration, from its call to its end.

use std::thread::{self, JoinHandle};

use libvirt_hpc_control::port::Job;
use libvirt_hpc_control::sample::{JobState, Sample};
use libvirt_hpc_control::target::Target;
use libvirt_hpc_libvirt::event::{Event, EventKind};
use libvirt_hpc_libvirt::migrate::{Destination, migrate};
use libvirt_hpc_libvirt::parameter::{Parameter, Value};
use libvirt_hpc_libvirt::{Error, Watcher};

use crate::{POLL, guest, open};

/// A migration on its own thread and connection, and its watcher on another.
pub(crate) struct Run {
    pub(crate) watcher: Watcher,
    call: JoinHandle<Result<(), Error>>,
    pub(crate) samples: Vec<Sample>,
    pub(crate) events: Vec<Event>,
}

impl Run {
    pub(crate) fn start(from: &str, to: String, flags: u32, bandwidth_mib_per_s: u64) -> Self {
        let watcher = Watcher::new(&guest(from)).expect("QEMU's driver has events");
        let waker = watcher.waker();
        let domain = guest(from);
        let call = thread::spawn(move || {
            let bandwidth = Value::UnsignedLong(bandwidth_mib_per_s);
            let parameters = [Parameter {
                name: "bandwidth",
                value: bandwidth,
            }];
            let result = if flags & virt_sys::VIR_MIGRATE_PEER2PEER == 0 {
                let other = open(&to);
                migrate(&domain, Destination::Managed(&other), flags, &parameters)
            } else {
                migrate(&domain, Destination::Uri(&to), flags, &parameters)
            };
            waker.wake();
            result.map(drop)
        });
        Self {
            watcher,
            call,
            samples: Vec::new(),
            events: Vec::new(),
        }
    }

    pub(crate) fn sample(&mut self) -> Sample {
        let sample = self.watcher.sample(true).expect("the source answers");
        self.samples.push(sample);
        self.events.extend(self.watcher.take_events());
        println!("{sample:?}");
        sample
    }

    pub(crate) fn until(&mut self, what: &str, reached: impl Fn(&Sample) -> bool) -> Sample {
        loop {
            let sample = self.sample();
            if reached(&sample) {
                return sample;
            }
            if self.call.is_finished() && sample.state == JobState::Setup {
                panic!("the migrate call returned before {what}");
            }
            assert_ne!(
                sample.state,
                JobState::Ended,
                "the migration ended before {what}"
            );
            self.watcher.wait(POLL);
        }
    }

    pub(crate) fn set(&mut self, target: Target) {
        self.watcher.apply(&target).expect("the source obeys");
    }

    /// Samples until the end, and gives the migrate call's answer.
    pub(crate) fn end(&mut self) -> Result<(), Error> {
        while self.sample().state != JobState::Ended {
            self.watcher.wait(POLL);
        }
        let call = std::mem::replace(&mut self.call, thread::spawn(|| Ok(())));
        let result = call.join().expect("no panic");
        self.events.extend(self.watcher.take_events());
        for event in &self.events {
            println!("{:?} {:?}", event.at, event.kind);
        }
        result
    }

    pub(crate) fn iterations(&self) -> Vec<u64> {
        let iteration = |event: &Event| match event.kind {
            EventKind::Iteration(iteration) => Some(iteration),
            _ => None,
        };
        self.events.iter().filter_map(iteration).collect()
    }
}
