//! One migration heard: written to its trace and its lease, counted, and what is odd about it said.

use std::error::Error;
use std::io;
use std::time::Duration;

use libvirt_hpc_control::estimate::{Rounds, Trust, Writes};
use libvirt_hpc_control::event::{Cause, Event, Publisher, Release};
use libvirt_hpc_control::sample::{JobState, Sample};
use libvirt_hpc_control::target::{Action, Target};
use libvirt_hpc_control::time::Timestamp;

use super::lease::HeldLease;
use super::notice;
use super::settings::Set;
use super::tally::{self, Tally};
use crate::drive::Observer;
use crate::in_words;
use crate::notify::{Happened, Herald};
use crate::trace::{Record, Trace};

/// How long nothing may be sent before it is said. The keepalive takes half a minute to give a dead peer
/// up; a sync of a large guest takes seconds.
const STALL: Duration = Duration::from_secs(10);

/// Polls in a row that may fail before it is said: 100 ms each, or a call's deadline.
const SILENT_POLLS: u32 = 3;

/// Of more failed polls in a row, one in so many is recorded.
const FAILED_POLLS: u32 = 100;

/// Where the recorder's messages go: to a user, or to a log.
pub trait Messages {
    /// A warning.
    fn warn(&mut self, text: &str);

    /// How the reader can abort the migration.
    fn how_to_abort(&self) -> &'static str;

    /// How the reader can end a migration sooner whose pause the policy forbids.
    fn how_to_end_sooner(&self) -> &'static str;
}

/// What the guest writes, by counters that a sync has confirmed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Writing {
    /// How fast, bytes per second: the highest rate of the present round and the one before.
    pub bytes_per_s: u64,
    /// What it works on, bytes.
    pub hot_bytes: u64,
}

impl Writing {
    fn of(writes: &Writes) -> Option<Self> {
        Some(Self {
            bytes_per_s: writes.peak_bytes_per_s()?,
            hot_bytes: writes.working_set_bytes()?,
        })
        .filter(|_| writes.trust() == Trust::Confirmed)
    }
}

/// What the last sync and the last decision say of a migration.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outlook {
    /// R: remaining at the last sync, bytes; none before the second.
    pub remaining_bytes: Option<u64>,
    /// The link, as that round measured it, bytes per second; zero while unknown.
    pub bytes_per_s: u64,
    /// The pause if the guest stopped now, milliseconds, if it is known.
    pub pause_ms: Option<u64>,
    /// What the guest writes; none while that is not known.
    pub writing: Option<Writing>,
    /// Why what is done is done.
    pub cause: Option<Cause>,
}

/// Listens to the loop.
pub struct Recorder<V> {
    messages: V,
    trace: Option<Trace>,
    tally: Tally,
    lease: Option<HeldLease>,
    herald: Option<Herald>,
    set: Set,
    outlook: Outlook,
    rounds: Rounds,
    writes: Writes,
    steers: bool,
    last: Sample,
    /// When the amount sent last was first sampled, until it has been said that it is the last.
    moved_at: Option<Timestamp>,
    failed_polls: u32,
    warned_refusal: bool,
    warned_unreachable: bool,
    warned_beside: bool,
    warned_abort: bool,
    warned_lease: bool,
    warned_pause: bool,
    warned_lost: bool,
}

impl<V: Messages> Recorder<V> {
    /// Warns through `messages`, and writes to `trace` if there is one.
    pub fn new(messages: V, trace: Option<Trace>, tally: Tally) -> Self {
        Self {
            messages,
            trace,
            tally,
            lease: None,
            herald: None,
            set: Set::default(),
            outlook: Outlook::default(),
            rounds: Rounds::default(),
            writes: Writes::default(),
            steers: false,
            last: Sample::default(),
            moved_at: None,
            failed_polls: 0,
            warned_refusal: false,
            warned_unreachable: false,
            warned_beside: false,
            warned_abort: false,
            warned_lease: false,
            warned_pause: false,
            warned_lost: false,
        }
    }

    /// Where its messages go.
    pub fn messages(&mut self) -> &mut V {
        &mut self.messages
    }

    /// What was counted.
    pub fn tally(&mut self) -> &mut Tally {
        &mut self.tally
    }

    /// Steers under a lease: an external change is written there, so that no successor undoes it.
    pub fn hold(&mut self, lease: HeldLease) {
        self.set = lease.set();
        self.lease = Some(lease);
    }

    /// Others are told of this migration.
    pub fn tell_others(&mut self, herald: Herald) {
        self.herald = Some(herald);
    }

    /// Others are told that it is over.
    pub fn tell_end(&mut self, happened: Happened) {
        if let Some(herald) = &mut self.herald {
            herald.tell(happened, self.last.elapsed_ms);
        }
    }

    /// Waits until others have been told, no longer than `at_most`.
    pub fn settle_others(&mut self, at_most: Duration) {
        if let Some(herald) = &mut self.herald {
            herald.end(at_most);
        }
    }

    /// What was set last, by a predecessor or since.
    #[must_use]
    pub const fn set(&self) -> Set {
        self.set
    }

    /// Whether control has begun and has not ended.
    #[must_use]
    pub const fn steers(&self) -> bool {
        self.steers
    }

    /// A target is about to be carried out.
    pub fn intends(&mut self, target: &Target) {
        self.set.intend(target);
        let written = self.lease.as_mut().map(|lease| lease.intend(target));
        self.complain(written);
    }

    /// A target was carried out.
    pub fn applied(&mut self, target: &Target) {
        self.set.apply(target);
        let written = self.lease.as_mut().map(|lease| lease.apply(target));
        self.complain(written);
    }

    fn complain(&mut self, written: Option<io::Result<()>>) {
        if let Some(Err(error)) = written
            && !std::mem::replace(&mut self.warned_lease, true)
        {
            self.messages.warn(&format!(
                "its lease cannot be written, and a successor would not know the limits from before: {error}"
            ));
        }
    }

    /// Nobody is to steer any more: written into the lease, if there is one.
    pub fn release(&mut self, why: &str) {
        let written = self.lease.as_mut().map(|lease| lease.release(why));
        self.complain(written);
    }

    /// The job is over, and with it the lease.
    pub fn end_lease(&mut self) {
        if let Some(lease) = self.lease.take() {
            lease.end();
        }
    }

    /// How it stands now.
    #[must_use]
    pub const fn outlook(&self) -> Outlook {
        self.outlook
    }

    /// The last sample.
    #[must_use]
    pub const fn last(&self) -> &Sample {
        &self.last
    }

    /// Writes to the trace, if there is one. A trace that cannot be written is given up, once and aloud.
    pub fn record(&mut self, record: &Record) {
        let Some(trace) = &mut self.trace else { return };
        let written = trace.write(record).and_then(|()| match record {
            Record::End(_) => trace.end(),
            _ => Ok(()),
        });
        let loses = trace.has_lost();
        if let Err(error) = written {
            self.trace = None;
            self.messages.warn(&format!(
                "the trace ends here, the migration goes on: {error}"
            ));
        } else if loses && !std::mem::replace(&mut self.warned_lost, true) {
            self.messages.warn(
                "the trace cannot be written in time: it lacks records, the migration goes on",
            );
        }
    }

    fn hear(&mut self, event: &Event) {
        match event {
            Event::Begun => self.steers = true,
            Event::Released(_) => self.steers = false,
            _ => {}
        }
        match event {
            Event::Round(round) => {
                let bytes_per_s = match round.bytes_per_s() {
                    0 => self.last.window_bytes_per_s,
                    measured => measured,
                };
                self.outlook.remaining_bytes = Some(round.remaining_bytes);
                self.outlook.bytes_per_s = bytes_per_s;
                self.outlook.pause_ms = tally::pause_ms(round.remaining_bytes, bytes_per_s);
                self.tally.synced(round, self.last.elapsed_ms, bytes_per_s);
            }
            Event::DeviceState { bytes } => self.beside(*bytes),
            Event::Decided { cause, .. } | Event::Targeted { cause, .. } => {
                if let Event::Targeted { target, .. } = event {
                    self.intends(target);
                }
                self.outlook.cause = Some(*cause);
                self.announce(*cause);
            }
            Event::Unreachable { pause, ceiling } => self.unreachable(*pause, *ceiling),
            Event::Released(Release::ExternalChange {
                downtime_ms,
                speed_mib_per_s,
            }) => {
                let speed = in_words::speed(*speed_mib_per_s);
                self.messages.warn(&format!(
                    "an external change set the downtime limit to {downtime_ms} ms and the speed limit to {speed}: they hold, \
                     and control of this migration ends"
                ));
                self.release("an external change of its limits");
            }
            Event::Released(Release::Acted(Action::StartPostcopy)) => {
                self.tally.switched_to_postcopy(self.last.elapsed_ms);
            }
            Event::Insisted {
                downtime_ms,
                speed_mib_per_s,
            } => {
                let speed = in_words::speed(*speed_mib_per_s);
                self.messages.warn(&format!(
                    "an external change set the downtime limit to {downtime_ms} ms and the speed limit to {speed}: insist is on, \
                     and the downtime limit is set again"
                ));
            }
            Event::SpeedOrdered { speed_mib_per_s } => {
                let speed = in_words::speed(*speed_mib_per_s);
                self.messages.warn(&format!(
                    "an external change set the speed limit to {speed}: it holds from now on"
                ));
                let written = self
                    .lease
                    .as_mut()
                    .map(|lease| lease.order_speed(*speed_mib_per_s));
                self.complain(written);
            }
            Event::Begun
            | Event::Counter(_)
            | Event::Prior(_)
            | Event::Refused(_)
            | Event::Released(_) => {}
        }
    }

    fn announce(&mut self, cause: Cause) {
        let pause_ms = self.outlook.pause_ms.filter(|_| !self.warned_pause);
        if let Some(notice) = notice::of_pause(cause, pause_ms) {
            self.warned_pause = true;
            self.messages.warn(&notice);
        }
    }

    fn follow_writes(&mut self, sample: &Sample) {
        if sample.state == JobState::Setup && self.last.state != JobState::Setup {
            // Another migration, after one that failed.
            (self.rounds, self.writes) = (Rounds::default(), Writes::default());
        }
        let round = self.rounds.update(sample);
        self.writes.update(sample, round.as_ref());
        self.outlook.writing = Writing::of(&self.writes);
    }

    fn watch_stall(&mut self, sample: &Sample) {
        if sample.state != JobState::Precopy || sample.processed_bytes != self.last.processed_bytes
        {
            self.moved_at = Some(sample.at);
        } else if self.moved_at.is_some_and(|at| sample.at.since(at) >= STALL) {
            self.moved_at = None;
            let (span, abort) = (in_words::span(STALL), self.messages.how_to_abort());
            self.messages.warn(&format!(
                "nothing has been sent for {span}: is the destination still there? The guest is still \
                 here; {abort}"
            ));
        }
    }

    fn beside(&mut self, bytes: u64) {
        if std::mem::replace(&mut self.warned_beside, true) {
            return;
        }
        self.messages.warn(&format!(
            "up to {} that is not memory, a device's state or the dirty bitmap of a disk, keeps QEMU from switching over: \
             the limit now allows for it, and the pause will be longer",
            in_words::mib(bytes)
        ));
    }

    fn unreachable(&mut self, pause: Duration, ceiling: Duration) {
        if std::mem::replace(&mut self.warned_unreachable, true) {
            return;
        }
        let (pause, ceiling) = (in_words::span(pause), in_words::span(ceiling));
        let sooner = self.messages.how_to_end_sooner();
        self.messages.warn(&format!(
            "the remaining memory needs a pause of {pause}, the policy allows {ceiling}: the copy goes \
             on until the guest writes less. {sooner}"
        ));
    }
}

impl<V: Messages> Publisher for Recorder<V> {
    fn publish(&mut self, at: Timestamp, event: Event) {
        self.hear(&event);
        if let Some(herald) = &mut self.herald {
            herald.hear(&event);
        }
        self.record(&Record::Event {
            at_ns: at.as_nanos(),
            event: event.into(),
        });
    }
}

impl<V: Messages> Observer for Recorder<V> {
    fn sampled(&mut self, sample: &Sample) {
        self.failed_polls = 0;
        self.watch_stall(sample);
        self.follow_writes(sample);
        self.last = *sample;
        self.tally.sampled(sample);
        if sample.state == JobState::Postcopy {
            self.tally.switched_to_postcopy(sample.elapsed_ms);
        }
        self.record(&Record::Sample(sample.into()));
    }

    fn sample_failed(&mut self, at: Timestamp, error: &dyn Error) {
        self.failed_polls += 1;
        if self.failed_polls == SILENT_POLLS {
            self.messages.warn(&format!(
                "cannot read the state of the migration, trying again: {error}"
            ));
        }
        // A daemon that is gone for a day must not fill the disk.
        if self.failed_polls <= SILENT_POLLS || self.failed_polls.is_multiple_of(FAILED_POLLS) {
            self.record(&Record::SampleFailed {
                at_ns: at.as_nanos(),
                error: error.to_string(),
            });
        }
    }

    fn outcome(&mut self, at: Timestamp, target: &Target, result: Result<(), &dyn Error>) {
        if result.is_ok() {
            self.applied(target);
            let (elapsed_ms, pause_ms) = (self.last.elapsed_ms, self.outlook.pause_ms);
            if let Some(herald) = &mut self.herald {
                herald.applied(target, elapsed_ms, pause_ms);
            }
        }
        if result.is_ok() && target.action == Some(Action::Suspend) {
            self.tally.suspended();
        }
        if let Err(error) = result
            && !std::mem::replace(&mut self.warned_refusal, true)
        {
            let abort = self.messages.how_to_abort();
            self.messages.warn(&format!(
                "libvirt refused a change of this migration's limits, trying again: {error}. If the migration does not end, \
                 {abort}"
            ));
        }
        let error = result.err().map(ToString::to_string);
        self.record(&Record::Outcome {
            at_ns: at.as_nanos(),
            target: target.into(),
            error,
        });
    }

    fn aborting(&mut self, at: Timestamp, result: Result<(), &dyn Error>) {
        let too_late = matches!(self.last.state, JobState::Switchover | JobState::Postcopy);
        if let Err(error) = result
            && too_late
            && !std::mem::replace(&mut self.warned_abort, true)
        {
            self.messages.warn(&format!(
                "the guest is already switching over: too late to abort ({error}), waiting for the end"
            ));
        }
        let error = result.err().map(ToString::to_string);
        self.record(&Record::Abort {
            at_ns: at.as_nanos(),
            error,
        });
    }
}

#[cfg(test)]
mod tests;
