//! Guest memory as the migration sees it (migration/ram.c): the dirty log, the migration bitmap, and the
//! sender that walks it in address order from where it was.
//!
//! KVM's log is not cleared by a sync but region by region (`x-clear-bitmap-shift`), just before the
//! first page of the region is sent. Until then a write to a page that is going to be sent anyway
//! costs nothing: `log` keeps its bit, `synced` remembers it, and the clearing takes it away.

use super::bitmap::Bitmap;
use super::guest::Guest;
use super::qemu::Qemu;
use super::writers::Writers;
use super::{NANOS_PER_S, scale};

/// How much may be sent in one go.
#[derive(Clone, Copy, Debug)]
pub(super) struct Allowance {
    /// Rate of the link, bytes/s, not 0.
    pub(super) bytes_per_s: u64,
    /// For how long, ns.
    pub(super) span_ns: u64,
    /// How much on the wire, bytes.
    pub(super) budget_bytes: u64,
}

/// Why the sender stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// No bit is set.
    Empty,
    /// The time is over.
    Time,
    /// The budget is used.
    Budget,
}

/// The result of one call.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sent {
    pub(super) span_ns: u64,
    pub(super) wire_bytes: u64,
    pub(super) stop: Stop,
}

/// The writers between two reads of the log, for a reader of the fault count: their writes here are repeated when the
/// log is read.
#[derive(Clone, Debug)]
struct Shadow {
    writers: Writers,
    log: Bitmap,
    data: Bitmap,
}

/// Guest memory and its writers.
#[derive(Clone, Debug)]
pub(super) struct Ram {
    writers: Writers,
    /// None while nobody reads the fault count.
    shadow: Option<Shadow>,
    /// The most that count has shown, chunks.
    counted_chunks: u64,
    chunk_bytes: u64,
    chunks: usize,
    region_chunks: usize,
    /// The chunks that hold data: all others are zero pages.
    data: Bitmap,
    log: Bitmap,
    synced: Bitmap,
    pending: Bitmap,
    pending_chunks: u64,
    cleared: Bitmap,
    cursor: usize,
    /// Bytes of the chunk at the cursor already sent.
    part_bytes: u64,
}

impl Ram {
    /// All of memory is pending.
    pub(super) fn new(guest: &Guest, qemu: &Qemu, seed: u64) -> Self {
        let count = |bytes: u64| usize::try_from(bytes / guest.chunk_bytes).unwrap_or(usize::MAX);
        let chunks = count(guest.total_bytes);
        let data_bytes = guest.data_bytes().saturating_add(guest.chunk_bytes - 1);
        let region_chunks = count(qemu.log_clear_bytes).max(1);
        let mut data = Bitmap::clear(chunks);
        data.set_range(0, count(data_bytes));
        Self {
            writers: Writers::new(guest, chunks, seed),
            shadow: None,
            counted_chunks: 0,
            chunk_bytes: guest.chunk_bytes,
            chunks,
            data,
            region_chunks,
            log: Bitmap::full(chunks),
            synced: Bitmap::full(chunks),
            pending: Bitmap::full(chunks),
            pending_chunks: chunks as u64,
            cleared: Bitmap::clear(chunks.div_ceil(region_chunks)),
            cursor: 0,
            part_bytes: 0,
        }
    }

    /// Memory of the guest, whole chunks, bytes.
    pub(super) fn total_bytes(&self) -> u64 {
        self.chunks as u64 * self.chunk_bytes
    }

    /// Bytes whose bit is set in the migration bitmap (`ram_bytes_remaining`).
    pub(super) fn pending_bytes(&self) -> u64 {
        (self.pending_chunks * self.chunk_bytes).saturating_sub(self.part_bytes)
    }

    /// Those of them that hold data.
    pub(super) fn pending_data_bytes(&self) -> u64 {
        let chunks = self.pending.count_common(&self.data) as u64;
        (chunks * self.chunk_bytes).saturating_sub(self.part_bytes)
    }

    /// From now on, a writer that writes flat out does so at this rate.
    pub(super) fn pace_flat(&mut self, bytes_per_s: u64) {
        self.writers.pace_flat(bytes_per_s);
    }

    /// Bytes written for the first time since they were protected, the guest having worked until `work_ns`. Reading
    /// changes nothing.
    pub(super) fn first_writes_bytes(&mut self, work_ns: u64) -> u64 {
        let shadow = self.shadow.get_or_insert_with(|| Shadow {
            writers: self.writers.clone(),
            log: self.log.clone(),
            data: self.data.clone(),
        });
        shadow
            .writers
            .run(work_ns, &mut shadow.log, &mut shadow.data);
        let chunks = shadow.writers.first_writes();
        self.counted_chunks = self.counted_chunks.max(chunks);
        self.counted_chunks * self.chunk_bytes
    }

    fn run_writers(&mut self, work_ns: u64) {
        self.writers.run(work_ns, &mut self.log, &mut self.data);
        self.shadow = None;
    }

    /// `migration_bitmap_sync`, the guest having worked until `work_ns`: bytes newly dirty.
    pub(super) fn sync(&mut self, work_ns: u64) -> u64 {
        self.run_writers(work_ns);
        let before = self.pending_bytes();
        if self.log.contains(self.cursor) {
            // The part already sent is to be sent again.
            self.part_bytes = 0;
        }
        self.pending_chunks += self.pending.merge(&self.log) as u64;
        self.synced.copy_from(&self.log);
        self.cleared.clear_range(0, self.chunks);
        self.pending_bytes() - before
    }

    /// Sends what the allowance allows, the guest having worked until `work_ns`.
    pub(super) fn send(&mut self, qemu: &Qemu, work_ns: u64, allowed: Allowance) -> Sent {
        let (mut span_ns, mut wire_bytes) = (0, 0);
        while let Some(run) = self.next_run() {
            self.clear_log(run.start, work_ns);
            let left = Allowance {
                span_ns: allowed.span_ns - span_ns,
                budget_bytes: allowed.budget_bytes - wire_bytes,
                ..allowed
            };
            let (part, stop) = self.fit(qemu, &run, left);
            self.advance(run.start, part.raw_bytes);
            span_ns = (span_ns + part.span_ns).min(allowed.span_ns);
            wire_bytes = (wire_bytes + part.wire_bytes).min(allowed.budget_bytes);
            match stop {
                None => {}
                Some(Stop::Time) => {
                    return Sent {
                        span_ns: allowed.span_ns,
                        wire_bytes,
                        stop: Stop::Time,
                    };
                }
                Some(stop) => {
                    return Sent {
                        span_ns,
                        wire_bytes,
                        stop,
                    };
                }
            }
        }
        Sent {
            span_ns,
            wire_bytes,
            stop: Stop::Empty,
        }
    }

    /// The next chunks to send that are alike and share a region of the log.
    fn next_run(&self) -> Option<Run> {
        let start = self
            .pending
            .next_set(self.cursor)
            .or_else(|| self.pending.next_set(0))?;
        let zero = !self.data.contains(start);
        let alike = if zero {
            self.data.next_set(start).unwrap_or(self.chunks)
        } else {
            self.data.next_clear(start, self.chunks)
        };
        let region = (start / self.region_chunks + 1).saturating_mul(self.region_chunks);
        let end = self.pending.next_clear(start, alike.min(region));
        let sent_bytes = if start == self.cursor {
            self.part_bytes
        } else {
            0
        };
        let left_bytes = (end - start) as u64 * self.chunk_bytes - sent_bytes;
        Some(Run {
            start,
            zero,
            left_bytes,
        })
    }

    /// How much of `run` fits, and the limit that stops it if not all does.
    fn fit(&self, qemu: &Qemu, run: &Run, left: Allowance) -> (Part, Option<Stop>) {
        let chunk_ns = qemu.send_ns(self.chunk_bytes, run.zero, left.bytes_per_s);
        let chunk_wire = qemu.wire_bytes(self.chunk_bytes, run.zero);
        let in_time = scale(left.span_ns, self.chunk_bytes, chunk_ns);
        let in_budget = if chunk_wire == 0
            || left.budget_bytes / 2 > qemu.wire_bytes(run.left_bytes, run.zero)
        {
            // The run fits whole.
            u64::MAX
        } else {
            scale(left.budget_bytes, self.chunk_bytes, chunk_wire)
        };
        let raw_bytes = run.left_bytes.min(in_time).min(in_budget);
        let stop = match raw_bytes {
            raw if raw == run.left_bytes => None,
            raw if raw == in_time => Some(Stop::Time),
            _ => Some(Stop::Budget),
        };
        let span_ns = scale(raw_bytes, chunk_ns, self.chunk_bytes);
        let wire_bytes = qemu.wire_bytes(raw_bytes, run.zero);
        (
            Part {
                raw_bytes,
                span_ns,
                wire_bytes,
            },
            stop,
        )
    }

    /// `raw_bytes` from chunk `start` on are sent.
    fn advance(&mut self, start: usize, raw_bytes: u64) {
        let sent_bytes = raw_bytes
            + if start == self.cursor {
                self.part_bytes
            } else {
                0
            };
        let whole = sent_bytes / self.chunk_bytes;
        let end = start + usize::try_from(whole).unwrap_or(0);
        self.pending.clear_range(start, end);
        self.pending_chunks -= whole;
        self.cursor = if end == self.chunks { 0 } else { end };
        self.part_bytes = sent_bytes % self.chunk_bytes;
    }

    /// Clears the log of the region of `chunk`, once after each sync.
    fn clear_log(&mut self, chunk: usize, work_ns: u64) {
        let region = chunk / self.region_chunks;
        if self.cleared.contains(region) {
            return;
        }
        self.run_writers(work_ns);
        let start = region * self.region_chunks;
        self.log.subtract_range(
            &self.synced,
            start,
            start.saturating_add(self.region_chunks),
        );
        self.cleared.set(region);
    }

    /// How long all of `guest` takes once, at `bytes_per_s`, ns.
    pub(super) fn first_round_ns(guest: &Guest, qemu: &Qemu, bytes_per_s: u64) -> u64 {
        let data = guest.data_bytes();
        let zero = guest.total_bytes.saturating_sub(data);
        let rate = bytes_per_s.clamp(1, NANOS_PER_S * 1000);
        qemu.send_ns(data, false, rate)
            .saturating_add(qemu.send_ns(zero, true, rate))
    }
}

/// Chunks that follow one another.
struct Run {
    start: usize,
    zero: bool,
    left_bytes: u64,
}

/// The bytes sent for them.
struct Part {
    raw_bytes: u64,
    span_ns: u64,
    wire_bytes: u64,
}
