//! The order of steps in the migration thread; the diagram is in the module above.

use std::time::Duration;

use super::super::outcome::{End, Sync};
use super::super::qemu::MAX_WAIT_NS;
use super::super::ram::{Allowance, Stop};
use super::super::window::Window;
use super::super::{NANOS_PER_S, nanos, scale};
use super::{Engine, Phase, Rate, Step};

impl Engine {
    /// Ends the step and begins the next.
    pub(in super::super) fn turn(&mut self) {
        let now_ns = self.step.to_ns;
        match self.phase {
            Phase::Setup => self.begin(now_ns),
            Phase::Send { tick_end_ns, stop } => self.sent(now_ns, tick_end_ns, stop),
            Phase::Throttled => self.throttled(now_ns),
            Phase::Sync => {
                self.sync(now_ns);
                self.decide(now_ns);
            }
            Phase::FinalSync => {
                self.sync(now_ns);
                self.flush(now_ns, Phase::Flush);
            }
            Phase::Flush => self.flush(now_ns, Phase::Flush),
            Phase::Device => self.end(now_ns, End::Completed),
            Phase::Turn => {
                self.notices += 1;
                self.flush(now_ns, Phase::Fetch);
            }
            Phase::Fetch => self.flush(now_ns, Phase::Fetch),
            Phase::Ended(_) => {}
        }
    }

    /// Memory begins to flow.
    fn begin(&mut self, now_ns: u64) {
        self.sync(now_ns);
        self.window = Window::begin(now_ns, self.settings, self.ram.pending_bytes());
        self.check(now_ns);
    }

    /// The loop's head: the cheap estimate.
    fn check(&mut self, now_ns: u64) {
        let pending = self.pending_bytes(now_ns);
        let timer = self.throttle.sync_due(now_ns, self.syncs.len());
        if timer || pending < self.threshold_bytes() {
            let cost_ns = self.qemu.sync_ns(self.total_bytes());
            self.rest(now_ns, Phase::Sync, cost_ns);
        } else {
            self.decide(now_ns);
        }
    }

    /// Completes, switches to post-copy, or sends.
    fn decide(&mut self, now_ns: u64) {
        let pending = self.pending_bytes(now_ns);
        if pending == 0 || pending < self.threshold_bytes() {
            self.complete(now_ns);
        } else if self.orders.postcopy {
            self.turn_to_postcopy(now_ns);
        } else {
            self.send(now_ns, now_ns.saturating_add(MAX_WAIT_NS));
        }
    }

    /// What QEMU compares with its threshold: pending memory and other data.
    fn pending_bytes(&self, now_ns: u64) -> u64 {
        let device_bytes = self.qemu.device_bytes(now_ns);
        self.ram.pending_bytes().saturating_add(device_bytes)
    }

    fn threshold_bytes(&self) -> u64 {
        if self.orders.force {
            u64::MAX
        } else {
            self.window.threshold_bytes
        }
    }

    /// `ram_save_iterate` up to the tick's end, as far as the link's rate is known.
    fn send(&mut self, now_ns: u64, tick_end_ns: u64) {
        let (rate, until_ns) = self.rate(now_ns);
        let budget_bytes = self.window.budget_bytes();
        if rate == 0 {
            // The write blocks, whatever the tick.
            let blocked_ns = until_ns.saturating_sub(now_ns);
            return self.rest(
                now_ns,
                Phase::Send {
                    tick_end_ns,
                    stop: Stop::Time,
                },
                blocked_ns,
            );
        }
        let span_ns = tick_end_ns.min(until_ns).saturating_sub(now_ns).max(1);
        if self.ram.pending_bytes() == 0 {
            return self.spin(now_ns, tick_end_ns, span_ns);
        }
        let allowed = Allowance {
            bytes_per_s: rate,
            span_ns,
            budget_bytes,
        };
        let (stop, wire_bytes) = self.move_memory(now_ns, allowed);
        self.window.sent(wire_bytes);
        self.phase = Phase::Send { tick_end_ns, stop };
    }

    /// No memory remains, but too much other data is pending: the sender loops, and sends next to nothing.
    fn spin(&mut self, now_ns: u64, tick_end_ns: u64, span_ns: u64) {
        let wire_bytes = scale(self.qemu.spin_bytes_per_s, span_ns, NANOS_PER_S);
        let stop = Stop::Time;
        self.rest(now_ns, Phase::Send { tick_end_ns, stop }, span_ns);
        self.step.sent_after = self.step.sent_after.saturating_add(wire_bytes);
        self.window.sent(wire_bytes);
    }

    /// The link's rate, bytes/s, and until when it holds, ns.
    fn rate(&mut self, now_ns: u64) -> (u64, u64) {
        if !(self.rate.from_ns..self.rate.to_ns).contains(&now_ns) {
            let (bytes_per_s, to_ns) = self.link.rate(self.seed, now_ns);
            self.rate = Rate {
                from_ns: now_ns,
                to_ns,
                bytes_per_s,
            };
        }
        (self.rate.bytes_per_s, self.rate.to_ns)
    }

    /// The end of a span of sending.
    fn sent(&mut self, now_ns: u64, tick_end_ns: u64, stop: Stop) {
        if stop == Stop::Time && now_ns < tick_end_ns {
            return self.send(now_ns, tick_end_ns);
        }
        let fresh = self.window.update(now_ns, self.settings, &self.qemu);
        if stop == Stop::Budget && !fresh {
            let wait_ns = self.window.end_ns().saturating_sub(now_ns);
            return self.rest(now_ns, Phase::Throttled, wait_ns);
        }
        self.check(now_ns);
    }

    /// The end of a window that was used up.
    fn throttled(&mut self, now_ns: u64) {
        self.window.update(now_ns, self.settings, &self.qemu);
        self.check(now_ns);
    }

    fn sync(&mut self, now_ns: u64) {
        let new_bytes = self.ram.sync(self.work_ns(now_ns));
        let remaining_bytes = self.ram.pending_bytes();
        self.window.synced(now_ns, new_bytes, remaining_bytes);
        let sent_bytes = self.sent_bytes(now_ns);
        let guest_ns = self.guest_ns(now_ns);
        self.throttle
            .synced(now_ns, guest_ns, new_bytes, sent_bytes);
        if let Some(bytes_per_s) = self.throttle.flat_bytes_per_s() {
            self.ram.pace_flat(bytes_per_s);
        }
        self.syncs.push(Sync {
            at: Duration::from_nanos(now_ns),
            remaining_bytes,
        });
        self.notices += 1;
    }

    /// `migration_completion`: the guest stops, the speed limit is gone.
    fn complete(&mut self, now_ns: u64) {
        self.orders.stopped_ns.get_or_insert(now_ns);
        self.notices += 1;
        let cost_ns = self.qemu.sync_ns(self.total_bytes());
        self.rest(now_ns, Phase::FinalSync, cost_ns);
    }

    /// `postcopy_start`: a last sync for the discard bitmap, and the guest moves.
    fn turn_to_postcopy(&mut self, now_ns: u64) {
        self.orders.stopped_ns.get_or_insert(now_ns);
        self.sync(now_ns);
        let stopped_ns = self.guest_ns(now_ns);
        let pause_ns = self.qemu.postcopy_pause_ns(self.ram.pending_bytes());
        self.pause_ns = (now_ns - stopped_ns).saturating_add(pause_ns);
        self.rest(now_ns, Phase::Turn, pause_ns);
    }

    /// The rate of the rest over a link of `link_bytes_per_s`: a switchover has no limit, post-copy one of its own.
    fn flush_rate(&self, phase: Phase, link_bytes_per_s: u64) -> u64 {
        if phase != Phase::Fetch {
            return link_bytes_per_s;
        }
        let limit = match self.postcopy_speed_mib_per_s {
            0 => u64::MAX,
            mib => mib.saturating_mul(1 << 20),
        };
        link_bytes_per_s.min(limit).min(self.qemu.fetch_bytes_per_s)
    }

    /// Sends the rest; then what follows `phase`.
    fn flush(&mut self, now_ns: u64, phase: Phase) {
        if self.ram.pending_bytes() == 0 {
            return match phase {
                Phase::Fetch => self.end(now_ns, End::Postcopy),
                _ => {
                    let device_bytes = self.qemu.device_bytes(now_ns);
                    let rate = self.rate(now_ns).0;
                    let span_ns = scale(device_bytes, NANOS_PER_S, rate.max(1));
                    let fixed_ns = nanos(self.qemu.fixed_pause);
                    self.rest(now_ns, Phase::Device, fixed_ns.saturating_add(span_ns));
                }
            };
        }
        let (rate, until_ns) = self.rate(now_ns);
        let span_ns = until_ns.saturating_sub(now_ns);
        if rate == 0 {
            return self.rest(now_ns, phase, span_ns);
        }
        self.move_memory(
            now_ns,
            Allowance {
                bytes_per_s: self.flush_rate(phase, rate),
                span_ns,
                budget_bytes: u64::MAX,
            },
        );
        self.phase = phase;
    }

    /// A step that sends: why it stops, and the bytes on the wire.
    fn move_memory(&mut self, now_ns: u64, allowed: Allowance) -> (Stop, u64) {
        let pending_before = self.ram.pending_bytes();
        let work_ns = self.work_ns(now_ns);
        let sent = self.ram.send(&self.qemu, work_ns, allowed);
        self.step = Step {
            from_ns: now_ns,
            to_ns: now_ns.saturating_add(sent.span_ns.max(1)),
            sent_before: self.step.sent_after,
            sent_after: self.step.sent_after.saturating_add(sent.wire_bytes),
            pending_before,
            pending_after: self.ram.pending_bytes(),
        };
        (sent.stop, sent.wire_bytes)
    }

    /// A step that sends nothing.
    fn rest(&mut self, now_ns: u64, phase: Phase, span_ns: u64) {
        let pending = self.ram.pending_bytes();
        self.step = Step {
            from_ns: now_ns,
            to_ns: now_ns.saturating_add(span_ns),
            sent_before: self.step.sent_after,
            sent_after: self.step.sent_after,
            pending_before: pending,
            pending_after: pending,
        };
        self.phase = phase;
    }
}
