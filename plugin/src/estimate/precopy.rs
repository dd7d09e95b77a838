//! Pre-copy as a calculation: QEMU's rounds over a guest that is known by W(x) alone, behind the port that the control
//! loop drives. So the law decides here as it will in earnest.
//!
//! ```text
//!   every 50 ms: send  -- nothing pending, or less than limit x bandwidth --> sync
//!   sync: unsent pages, and W(time since the last sync), each page once   --> less than the threshold? stop : send on
//! ```
//! Which pages are written is not known, so what is both unsent and written is taken to be its share of either. Data
//! is sent before zero pages. Source: QEMU's `migration/migration.c` and `migration/ram.c`.

use std::convert::Infallible;
use std::time::Duration;

use libvirt_hpc_control::guard::SPEED_UNLIMITED_MIB_PER_S;
use libvirt_hpc_control::port::Job;
use libvirt_hpc_control::sample::{Faults, JobState, Sample, Settings};
use libvirt_hpc_control::target::{Action, Target};
use libvirt_hpc_control::time::Timestamp;

use super::curve::Curve;
use super::number::{NANOS_PER_S, scale, span_ns};

/// The sender looks at its threshold so often, ns (`MAX_WAIT`, `migration/ram.c`).
const TICK_NS: u64 = 50_000_000;
/// The bandwidth is measured over so long, ns (`BUFFER_DELAY`, `migration/migration.c`).
const WINDOW_NS: u64 = 100_000_000;
/// QEMU's windows vary by a tenth (dead band, docs/control-law.md, section 4): per cent of the bandwidth, in turn. One
/// window that is higher than the others is enough for a switchover.
const WINDOWS_PERCENT: [u64; 5] = [100, 110, 95, 105, 90];
/// From the job's beginning until memory flows, ns: medians on the test bed are 0.38 s under KVM and 0.49 s under TCG
/// (135 and 36 runs of the benchmarks).
const SETUP_NS: u64 = 400_000_000;
/// What one sync takes, and what each GiB of memory adds, ns (docs/plant.md).
const SYNC_NS: u64 = 1_000_000;
const SYNC_PER_GIB_NS: u64 = 400_000;
/// How long libvirt takes to answer, ns (docs/plant.md).
const ANSWER_NS: u64 = 2_000_000;
/// How fast zero pages are told from others, bytes per second (docs/plant.md).
const ZERO_BYTES_PER_S: u64 = 6_000_000_000;
/// A zero page on the wire, bytes.
const ZERO_PAGE_BYTES: u64 = 9;

/// A phase of a guest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Phase {
    /// Its length, ns.
    pub span_ns: u64,
    /// W(x) while it lasts.
    pub curve: Curve,
    /// Whether the vCPUs work; otherwise they idle.
    pub works: bool,
}

/// A guest, as far as its migration sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Guest {
    /// Memory, bytes.
    pub total_bytes: u64,
    /// The part of it that is no zero pages, bytes.
    pub data_bytes: u64,
    /// Its phases, which follow one another for ever. A quiet one writes to memory that a busy one writes to as well.
    pub phases: Vec<Phase>,
    /// How far into the first of them it is when the migration begins, ns.
    pub into_ns: u64,
    /// Whether the host counts its writes.
    pub counted: bool,
}

impl Guest {
    fn cycle_ns(&self) -> u64 {
        let spans = self.phases.iter().map(|phase| phase.span_ns);
        spans.fold(0, u64::saturating_add).max(1)
    }

    /// How long the guest has been in the phase that begins at `start_ns` of the cycle by `at_ns`, ns.
    fn time_in(&self, start_ns: u64, phase: &Phase, at_ns: u64) -> u64 {
        let cycle_ns = self.cycle_ns();
        let at_ns = at_ns.saturating_add(self.into_ns);
        let whole = (at_ns / cycle_ns).saturating_mul(phase.span_ns);
        let part = (at_ns % cycle_ns).saturating_sub(start_ns);
        whole.saturating_add(part.min(phase.span_ns))
    }

    fn in_phases(&self, from_ns: u64, to_ns: u64) -> impl Iterator<Item = (&Phase, u64)> {
        let starts = self.phases.iter().scan(0_u64, |next, phase| {
            let start = *next;
            *next = start.saturating_add(phase.span_ns);
            Some((start, phase))
        });
        starts.map(move |(start, phase)| {
            let before = self.time_in(start, phase, from_ns);
            (
                phase,
                self.time_in(start, phase, to_ns).saturating_sub(before),
            )
        })
    }

    /// Distinct bytes written between two moments.
    fn written_bytes(&self, from_ns: u64, to_ns: u64) -> u64 {
        let written = self.in_phases(from_ns, to_ns);
        let most = written
            .map(|(phase, span)| phase.curve.written_bytes(span))
            .max();
        most.unwrap_or(0).min(self.total_bytes)
    }

    fn worked_ns(&self, at_ns: u64) -> u64 {
        let spans = self.in_phases(0, at_ns);
        spans
            .filter(|(phase, _)| phase.works)
            .map(|(_, span)| span)
            .sum()
    }
}

/// How the calculation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// It has not.
    Running,
    /// The guest was stopped and the rest sent.
    SwitchedOver,
    /// It has switched to post-copy.
    Postcopy,
    /// It was aborted.
    Aborted,
}

/// One migration, calculated.
#[derive(Clone, Debug)]
pub struct Precopy<'a> {
    guest: &'a Guest,
    link_bytes_per_s: u64,
    /// With XBZRLE: the cache, bytes. What is sent again is taken to have changed throughout.
    cache_bytes: u64,
    settings: Settings,
    now_ns: u64,
    iteration: u64,
    synced_ns: u64,
    found_bytes: u64,
    pending_bytes: u64,
    zero_bytes: u64,
    counted_bytes: u64,
    sent_bytes: u64,
    window: Window,
    /// How it ended.
    pub end: End,
    /// When pre-copy ended, ns.
    pub stopped_ns: u64,
    /// What the last sync found, bytes.
    pub left_bytes: u64,
}

/// QEMU's measurement of the bandwidth.
#[derive(Clone, Copy, Debug)]
struct Window {
    /// How much of the bandwidth the next window shows.
    percents: [u64; 5],
    from_ns: u64,
    from_bytes: u64,
    bytes_per_s: u64,
    threshold_bytes: u64,
}

impl<'a> Precopy<'a> {
    /// A migration of `guest` over a link that is about to begin under a downtime limit; `cache_bytes` is XBZRLE's
    /// cache, zero without.
    #[must_use]
    pub fn new(
        guest: &'a Guest,
        link_bytes_per_s: u64,
        downtime_ms: u64,
        cache_bytes: u64,
    ) -> Self {
        Self {
            guest,
            link_bytes_per_s: link_bytes_per_s.max(1),
            cache_bytes,
            settings: Settings {
                downtime_ms,
                speed_mib_per_s: SPEED_UNLIMITED_MIB_PER_S,
            },
            now_ns: 0,
            iteration: 0,
            synced_ns: 0,
            found_bytes: guest.total_bytes,
            pending_bytes: guest.data_bytes.min(guest.total_bytes),
            zero_bytes: guest.total_bytes.saturating_sub(guest.data_bytes),
            counted_bytes: 0,
            sent_bytes: 0,
            window: Window {
                percents: WINDOWS_PERCENT,
                from_ns: 0,
                from_bytes: 0,
                bytes_per_s: 0,
                threshold_bytes: 0,
            },
            end: End::Running,
            stopped_ns: 0,
            left_bytes: 0,
        }
    }

    /// The syncs so far: the rounds that were begun.
    #[must_use]
    pub const fn iterations(&self) -> u64 {
        self.iteration
    }

    /// Bytes on the wire until pre-copy ended, and what the stop sends.
    #[must_use]
    pub const fn sent_bytes(&self) -> u64 {
        self.sent_bytes.saturating_add(self.left_bytes)
    }

    /// How long the rest takes when the guest has stopped, ns.
    #[must_use]
    pub fn flush_ns(&self) -> u64 {
        span_ns(self.left_bytes, self.link_bytes_per_s)
    }

    /// Lets time pass; with `alert`, no further than to the next sync.
    fn advance(&mut self, until_ns: u64, alert: bool) {
        let syncs = self.iteration;
        while self.now_ns < until_ns && self.end == End::Running {
            if self.iteration == 0 {
                self.now_ns = until_ns.min(SETUP_NS);
                if self.now_ns == SETUP_NS {
                    self.begin();
                }
            } else {
                self.send(until_ns);
            }
            if alert && self.iteration != syncs {
                return;
            }
        }
        self.now_ns = self.now_ns.max(until_ns);
    }

    fn begin(&mut self) {
        self.iteration = 1;
        self.synced_ns = self.now_ns;
        self.window.from_ns = self.now_ns;
    }

    /// One turn of the sender, and what follows it.
    fn send(&mut self, until_ns: u64) {
        let ceiling = self.settings.speed_mib_per_s.saturating_mul(1 << 20);
        let rate = match ceiling {
            0 => self.link_bytes_per_s,
            ceiling => self.link_bytes_per_s.min(ceiling),
        };
        let most_ns = TICK_NS.min(until_ns - self.now_ns);
        let data_ns = span_ns(self.pending_bytes, rate);
        // Untouched memory mostly lies behind the rest. What a sync leaves of it is next in turn, for QEMU goes on there.
        let data_first = self.iteration == 1 || self.zero_bytes == 0;
        if data_ns > 0 && data_first {
            let span = most_ns.min(data_ns);
            let sent = if span == data_ns {
                self.pending_bytes
            } else {
                scale(rate, span, NANOS_PER_S).min(self.pending_bytes)
            };
            self.pending_bytes -= sent;
            self.sent_bytes = self.sent_bytes.saturating_add(sent);
            self.now_ns += span;
        } else {
            if data_ns == 0 {
                let rest = std::mem::take(&mut self.pending_bytes);
                self.sent_bytes = self.sent_bytes.saturating_add(rest);
            }
            let zero_ns = span_ns(self.zero_bytes, ZERO_BYTES_PER_S);
            let span = most_ns.min(zero_ns.max(1));
            let told = if span >= zero_ns {
                self.zero_bytes
            } else {
                scale(ZERO_BYTES_PER_S, span, NANOS_PER_S).min(self.zero_bytes)
            };
            self.zero_bytes -= told;
            let sent = told / Faults::PAGE_BYTES * ZERO_PAGE_BYTES;
            self.sent_bytes = self.sent_bytes.saturating_add(sent);
            self.now_ns += span;
        }
        self.measure();
        self.check();
    }

    fn measure(&mut self) {
        let span = self.now_ns - self.window.from_ns;
        if span < WINDOW_NS {
            return;
        }
        let sent = self.sent_bytes.saturating_sub(self.window.from_bytes);
        let [percent, ..] = self.window.percents;
        let bytes_per_s = scale(scale(sent, NANOS_PER_S, span), percent, 100);
        let mut percents = self.window.percents;
        percents.rotate_left(1);
        self.window = Window {
            percents,
            from_ns: self.now_ns,
            from_bytes: self.sent_bytes,
            bytes_per_s,
            threshold_bytes: scale(bytes_per_s, self.settings.downtime_ms, 1000),
        };
    }

    fn is_below(&self) -> bool {
        let pending = self.pending_bytes.saturating_add(self.zero_bytes);
        pending == 0 || pending < self.window.threshold_bytes
    }

    fn check(&mut self) {
        if !self.is_below() {
            return;
        }
        self.sync();
        if self.is_below() {
            self.stop(End::SwitchedOver);
        }
    }

    fn sync(&mut self) {
        self.now_ns += SYNC_NS + scale(self.guest.total_bytes, SYNC_PER_GIB_NS, 1 << 30);
        let written = self.guest.written_bytes(self.synced_ns, self.now_ns);
        let unsent = self.pending_bytes;
        let common = scale(written, unsent, self.found_bytes)
            .min(written)
            .min(unsent);
        self.counted_bytes = self.counted_bytes.saturating_add(written);
        self.pending_bytes = (written + unsent - common).min(self.guest.total_bytes);
        self.found_bytes = self.pending_bytes;
        self.synced_ns = self.now_ns;
        self.iteration += 1;
    }

    fn stop(&mut self, end: End) {
        self.end = end;
        self.stopped_ns = self.now_ns;
        self.left_bytes = self.pending_bytes;
    }

    /// What is pending, and what was written since the last sync: what a stop finds that does not wait for QEMU.
    fn stop_now(&mut self, end: End) {
        if self.end == End::Running {
            if self.iteration > 0 {
                self.sync();
            }
            self.stop(end);
        }
    }

    fn faults(&self) -> Option<Faults> {
        let since = self.guest.written_bytes(self.synced_ns, self.now_ns);
        let bytes = self.counted_bytes.saturating_add(since);
        (self.guest.counted && self.iteration > 0).then(|| Faults {
            at: self.now(),
            pages: bytes / Faults::PAGE_BYTES,
        })
    }

    fn state(&self) -> JobState {
        match self.end {
            End::Running if self.iteration == 0 => JobState::Setup,
            End::Running => JobState::Precopy,
            End::Postcopy => JobState::Postcopy,
            End::SwitchedOver | End::Aborted => JobState::Ended,
        }
    }
}

impl Job for Precopy<'_> {
    type Error = Infallible;

    fn now(&self) -> Timestamp {
        Timestamp::from_nanos(self.now_ns)
    }

    fn sample(&mut self, settings: bool) -> Result<Sample, Infallible> {
        self.advance(self.now_ns.saturating_add(ANSWER_NS), false);
        Ok(Sample {
            at: self.now(),
            state: self.state(),
            iteration: self.iteration,
            sync_at: (self.iteration > 0).then(|| Timestamp::from_nanos(self.synced_ns)),
            elapsed_ms: self.now_ns / 1_000_000,
            total_bytes: self.guest.total_bytes,
            processed_bytes: self.sent_bytes,
            remaining_bytes: self.pending_bytes.saturating_add(self.zero_bytes),
            window_bytes_per_s: self.window.bytes_per_s,
            compression_cache_bytes: self.cache_bytes,
            vcpu_time_ns: Some(self.guest.worked_ns(self.now_ns)),
            faults: self.faults(),
            settings: settings.then_some(self.settings),
            ..Sample::default()
        })
    }

    fn apply(&mut self, target: &Target) -> Result<(), Infallible> {
        if let Some(mib_per_s) = target.speed_mib_per_s {
            self.settings.speed_mib_per_s = mib_per_s;
        }
        if let Some(downtime_ms) = target.downtime_ms {
            self.settings.downtime_ms = downtime_ms.into();
        }
        if let Some(bytes) = target.compression_cache_bytes {
            self.cache_bytes = bytes;
        }
        match target.action {
            Some(Action::Abort) => self.stop_now(End::Aborted),
            Some(Action::StartPostcopy) => self.stop_now(End::Postcopy),
            Some(Action::Suspend) => self.stop_now(End::SwitchedOver),
            None => {}
        }
        Ok(())
    }

    fn wait(&mut self, at_most: Duration) {
        let span = u64::try_from(at_most.as_nanos()).unwrap_or(u64::MAX);
        self.advance(self.now_ns.saturating_add(span), true);
    }
}

#[cfg(test)]
mod tests;
