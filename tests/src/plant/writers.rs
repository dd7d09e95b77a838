//! The guest's writers at work: which chunks they dirty between two moments.

use super::bitmap::Bitmap;
use super::guest::{Access, Guest, Order};
use super::random::SplitMix64;
use super::{NANOS_PER_S, nanos};

/// Draws per chunk beyond which none is left untouched worth speaking of (e^-32).
const CERTAIN: u64 = 32;

/// All of them. They run when the log is read: until then nobody can tell.
#[derive(Clone, Debug)]
pub(super) struct Writers {
    cycles: Vec<Cycle>,
    random: SplitMix64,
    at_ns: u64,
    /// The rate of a writer that writes flat out; none: all at once.
    flat_bytes_per_s: Option<u64>,
    /// Chunks that were clean in the log when they were written.
    first_writes: u64,
}

impl Writers {
    /// The writers of `guest`, cut into `chunks` chunks.
    pub(super) fn new(guest: &Guest, chunks: usize, seed: u64) -> Self {
        let cycles = guest.places().map(|(address, writer)| Cycle {
            strokes: writer
                .phases
                .iter()
                .map(|(span, access)| {
                    (
                        nanos(*span),
                        Stroke::new(*access, address, guest.chunk_bytes, chunks),
                    )
                })
                .collect(),
            into_ns: nanos(writer.into),
        });
        Self {
            cycles: cycles.collect(),
            random: SplitMix64::new(seed),
            at_ns: 0,
            flat_bytes_per_s: guest.flat_bytes_per_s,
            first_writes: 0,
        }
    }

    /// Chunks that were clean in the log when they were written: each such page takes a fault.
    pub(super) const fn first_writes(&self) -> u64 {
        self.first_writes
    }

    /// From now on, a writer that writes flat out does so at this rate.
    pub(super) fn pace_flat(&mut self, bytes_per_s: u64) {
        self.flat_bytes_per_s = Some(bytes_per_s);
    }

    /// Runs them until `to_ns`, marking their writes in `log`, and in `data` whether those are more than zeros.
    pub(super) fn run(&mut self, to_ns: u64, log: &mut Bitmap, data: &mut Bitmap) {
        for cycle in &mut self.cycles {
            let mut pen = Pen {
                log,
                data,
                random: &mut self.random,
                flat_bytes_per_s: self.flat_bytes_per_s,
                first_writes: 0,
            };
            cycle.run(self.at_ns, to_ns, &mut pen);
            self.first_writes += pen.first_writes;
        }
        self.at_ns = self.at_ns.max(to_ns);
    }
}

/// The parameters of a stroke.
struct Pen<'a> {
    log: &'a mut Bitmap,
    data: &'a mut Bitmap,
    random: &'a mut SplitMix64,
    flat_bytes_per_s: Option<u64>,
    first_writes: u64,
}

impl Pen<'_> {
    fn write(&mut self, start: usize, end: usize) {
        self.first_writes += self.log.set_range(start, end);
        self.data.set_range(start, end);
    }

    fn fill_with_zeros(&mut self, start: usize, end: usize) {
        self.first_writes += self.log.set_range(start, end);
        self.data.clear_range(start, end);
    }
}

/// One writer: strokes and how long each lasts, ns.
#[derive(Clone, Debug)]
struct Cycle {
    strokes: Vec<(u64, Stroke)>,
    into_ns: u64,
}

impl Cycle {
    fn run(&mut self, from_ns: u64, to_ns: u64, pen: &mut Pen<'_>) {
        let mut at_ns = from_ns;
        while at_ns < to_ns {
            let Some((index, left_ns)) = self.phase(at_ns) else {
                return;
            };
            let until_ns = to_ns.min(at_ns.saturating_add(left_ns));
            self.strokes[index].1.write(until_ns - at_ns, pen);
            at_ns = until_ns;
        }
    }

    /// The stroke at `at_ns`, and its remaining time; none if none has any length.
    fn phase(&self, at_ns: u64) -> Option<(usize, u64)> {
        let period = self
            .strokes
            .iter()
            .map(|(span_ns, _)| u128::from(*span_ns))
            .sum::<u128>();
        let into = (u128::from(at_ns) + u128::from(self.into_ns)).checked_rem(period)?;
        let mut into = u64::try_from(into).unwrap_or(u64::MAX);
        for (index, (span_ns, _)) in self.strokes.iter().enumerate() {
            if into < *span_ns {
                return Some((index, span_ns - into));
            }
            into -= span_ns;
        }
        None
    }
}

/// An access at work on its chunks.
#[derive(Clone, Debug)]
struct Stroke {
    access: Access,
    start: usize,
    len: usize,
    chunk_bytes: u64,
    /// Written but not yet a whole chunk, byte x ns.
    carried: u128,
    /// Where the sweep is, chunks from the start.
    cursor: usize,
}

impl Stroke {
    fn new(access: Access, address: u64, chunk_bytes: u64, chunks: usize) -> Self {
        let chunk = |bytes: u64| usize::try_from(bytes).unwrap_or(usize::MAX).min(chunks);
        let start = chunk(address / chunk_bytes);
        let end = chunk(address.saturating_add(access.bytes()).div_ceil(chunk_bytes));
        Self {
            access,
            start,
            len: end - start,
            chunk_bytes,
            carried: 0,
            cursor: 0,
        }
    }

    fn write(&mut self, span_ns: u64, pen: &mut Pen<'_>) {
        match self.access {
            Access::Idle => {}
            Access::Flat { .. } => match pen.flat_bytes_per_s {
                None => pen.write(self.start, self.start + self.len),
                Some(bytes_per_s) => {
                    let chunks = self.written(span_ns, bytes_per_s);
                    self.sweep(chunks, pen);
                }
            },
            Access::Zero { .. } => pen.fill_with_zeros(self.start, self.start + self.len),
            Access::Rate {
                bytes_per_s, order, ..
            } => {
                let chunks = self.written(span_ns, bytes_per_s);
                match order {
                    Order::Cyclic => self.sweep(chunks, pen),
                    Order::Random => self.scatter(chunks, pen),
                }
            }
        }
    }

    /// Whole chunks written in `span_ns`.
    fn written(&mut self, span_ns: u64, bytes_per_s: u64) -> u64 {
        let unit = u128::from(self.chunk_bytes) * u128::from(NANOS_PER_S);
        self.carried += u128::from(span_ns) * u128::from(bytes_per_s);
        let chunks = self.carried / unit;
        self.carried %= unit;
        u64::try_from(chunks).unwrap_or(u64::MAX)
    }

    fn sweep(&mut self, chunks: u64, pen: &mut Pen<'_>) {
        let length = self.len as u64;
        let Some(turn) = chunks.checked_rem(length) else {
            return;
        };
        let end = self.cursor + usize::try_from(turn).unwrap_or(0);
        if chunks >= length {
            pen.write(self.start, self.start + self.len);
        } else {
            pen.write(self.start + self.cursor, self.start + end.min(self.len));
            pen.write(self.start, self.start + end.saturating_sub(self.len));
        }
        self.cursor = end % self.len;
    }

    /// One draw per chunk written while they are few; else one per chunk of the set, which is hit with
    /// the same probability.
    fn scatter(&self, chunks: u64, pen: &mut Pen<'_>) {
        let length = self.len as u64;
        if chunks <= length {
            (0..chunks).for_each(|_| {
                let chunk = self.start + pen.random.below(self.len);
                pen.write(chunk, chunk + 1);
            });
        } else if chunks >= length.saturating_mul(CERTAIN) {
            pen.write(self.start, self.start + self.len);
        } else {
            let hit = 1.0 - (-(chunks as f64) / length as f64).exp();
            for chunk in self.start..self.start + self.len {
                if pen.random.unit() < hit {
                    pen.write(chunk, chunk + 1);
                }
            }
        }
    }
}
