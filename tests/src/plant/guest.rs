//! The guest's memory, and its writers.

use std::time::Duration;

use super::nanos;

/// Bytes of a page of guest memory (x86, `memory_page_size`).
pub(super) const PAGE_BYTES: u64 = 4096;

/// Chunks a guest is cut into unless told otherwise: 128 KiB for 512 MiB.
const DEFAULT_CHUNKS: u64 = 4096;

/// Most chunks a guest is cut into.
const MAX_CHUNKS: u64 = 1 << 24;

/// In which order a writer touches its set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Uniformly at random: what is written in x seconds saturates, `W (1 - e^(-rate x / W))`.
    Random,
    /// From start to end and again: grows in a straight line up to the whole set.
    Cyclic,
}

/// A writer's activity for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Nothing.
    Idle,
    /// Rewrites `bytes` so fast that all of it is dirty at any sync.
    Flat {
        /// Size of the set, bytes.
        bytes: u64,
    },
    /// Fills `bytes` with zeros, as a kernel does with freed memory: dirty, and sent in no time.
    Zero {
        /// Size of the set, bytes.
        bytes: u64,
    },
    /// Writes at a rate within a set.
    Rate {
        /// Size of the set, bytes.
        bytes: u64,
        /// Bytes written a second, repeats included.
        bytes_per_s: u64,
        /// In which order.
        order: Order,
    },
}

impl Access {
    /// Size of the set, bytes.
    #[must_use]
    pub const fn bytes(self) -> u64 {
        match self {
            Self::Idle => 0,
            Self::Flat { bytes } | Self::Zero { bytes } | Self::Rate { bytes, .. } => bytes,
        }
    }
}

/// One program in the guest: accesses that follow one another for ever, all starting at one address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Writer {
    pub(super) phases: Vec<(Duration, Access)>,
    pub(super) into: Duration,
    pub(super) address: Option<u64>,
    pub(super) spins: bool,
}

impl Writer {
    /// Always `access`.
    #[must_use]
    pub fn steady(access: Access) -> Self {
        Self::phases([(Duration::MAX, access)])
    }

    /// Rewrites `bytes` flat out.
    #[must_use]
    pub fn flat(bytes: u64) -> Self {
        Self::steady(Access::Flat { bytes })
    }

    /// Writes at random within `bytes`.
    #[must_use]
    pub fn random(bytes: u64, bytes_per_s: u64) -> Self {
        Self::steady(Access::Rate {
            bytes,
            bytes_per_s,
            order: Order::Random,
        })
    }

    /// Sweeps `bytes` from start to end.
    #[must_use]
    pub fn sweep(bytes: u64, bytes_per_s: u64) -> Self {
        Self::steady(Access::Rate {
            bytes,
            bytes_per_s,
            order: Order::Cyclic,
        })
    }

    /// Each access for its time, then from the first again. Phases of no length are passed over.
    #[must_use]
    pub fn phases(phases: impl IntoIterator<Item = (Duration, Access)>) -> Self {
        Self {
            phases: phases.into_iter().collect(),
            into: Duration::ZERO,
            address: None,
            spins: false,
        }
    }

    /// The migration begins when this much of the cycle has passed.
    #[must_use]
    pub fn starting_into(self, into: Duration) -> Self {
        Self { into, ..self }
    }

    /// The set begins at this guest address, not after the writer before it.
    #[must_use]
    pub fn at_address(self, address: u64) -> Self {
        Self {
            address: Some(address),
            ..self
        }
    }

    /// The same, busy all the time: it spins while it waits.
    #[must_use]
    pub fn spinning(self) -> Self {
        Self {
            spins: true,
            ..self
        }
    }

    /// How long this program has kept a processor busy after running for `span`: all of a phase that rewrites flat out,
    /// none of any other, because those mostly wait.
    #[must_use]
    pub fn busy(&self, span: Duration) -> Duration {
        if self.spins {
            return span;
        }
        let period_ns = self
            .phases
            .iter()
            .map(|(span, _)| nanos(*span))
            .fold(0, u64::saturating_add);
        if period_ns == 0 {
            return Duration::ZERO;
        }
        let cycle_ns = self.busy_within(period_ns);
        let until = |end_ns: u64| {
            let rest_ns = self.busy_within(end_ns % period_ns);
            (end_ns / period_ns)
                .saturating_mul(cycle_ns)
                .saturating_add(rest_ns)
        };
        let into_ns = nanos(self.into);
        Duration::from_nanos(until(into_ns.saturating_add(nanos(span))) - until(into_ns))
    }

    /// The same from the beginning of a cycle, for no longer than one.
    fn busy_within(&self, span_ns: u64) -> u64 {
        let (mut left_ns, mut busy_ns) = (span_ns, 0);
        for (length, access) in &self.phases {
            let part_ns = left_ns.min(nanos(*length));
            if matches!(access, Access::Flat { .. }) {
                busy_ns += part_ns;
            }
            left_ns -= part_ns;
        }
        busy_ns
    }

    /// The most memory any phase writes, bytes.
    #[must_use]
    pub fn extent(&self) -> u64 {
        self.phases
            .iter()
            .map(|(_, access)| access.bytes())
            .max()
            .unwrap_or(0)
    }
}

/// A guest. Its low addresses hold data, the rest is zero pages; a writer's set holds data unless it was filled with
/// zeros.
#[derive(Clone, Debug)]
pub struct Guest {
    pub(super) total_bytes: u64,
    pub(super) non_zero_bytes: u64,
    pub(super) chunk_bytes: u64,
    pub(super) writers: Vec<Writer>,
    /// The rate of a writer that writes flat out; none: all at once.
    pub(super) flat_bytes_per_s: Option<u64>,
}

impl Guest {
    /// `total_bytes` of memory, none of it zero, without writers.
    #[must_use]
    pub fn new(total_bytes: u64) -> Self {
        let guest = Self {
            total_bytes,
            non_zero_bytes: total_bytes,
            chunk_bytes: 0,
            writers: Vec::new(),
            flat_bytes_per_s: None,
        };
        guest.chunks(DEFAULT_CHUNKS)
    }

    /// Only the first `bytes` hold data (more, if the writers' sets reach further).
    #[must_use]
    pub fn non_zero(self, bytes: u64) -> Self {
        Self {
            non_zero_bytes: bytes,
            ..self
        }
    }

    /// A writer that writes flat out does so at this rate.
    #[must_use]
    pub fn flat_out_at(self, bytes_per_s: u64) -> Self {
        Self {
            flat_bytes_per_s: Some(bytes_per_s),
            ..self
        }
    }

    /// One more writer.
    #[must_use]
    pub fn with(mut self, writer: Writer) -> Self {
        self.writers.push(writer);
        self
    }

    /// The same, its programs idle where they span.
    #[must_use]
    pub fn without_spinning(mut self) -> Self {
        self.writers
            .iter_mut()
            .for_each(|writer| writer.spins = false);
        self
    }

    /// Cut into about `chunks` chunks of whole pages: memory is rounded down to whole chunks, the
    /// sets are rounded up. More chunks are finer and slower.
    #[must_use]
    pub fn chunks(self, chunks: u64) -> Self {
        let wanted = self.total_bytes / chunks.clamp(1, MAX_CHUNKS);
        Self {
            chunk_bytes: (wanted / PAGE_BYTES).max(1) * PAGE_BYTES,
            ..self
        }
    }

    /// Memory, bytes.
    #[must_use]
    pub const fn total_bytes(&self) -> u64 {
        self.total_bytes
    }

    /// Bytes that hold data: what the first round puts on the wire.
    #[must_use]
    pub fn data_bytes(&self) -> u64 {
        let written = self
            .places()
            .map(|(address, writer)| address.saturating_add(writer.extent()));
        written
            .max()
            .unwrap_or(0)
            .max(self.non_zero_bytes)
            .min(self.total_bytes)
    }

    /// Each writer with the address where its set begins.
    pub(super) fn places(&self) -> impl Iterator<Item = (u64, &Writer)> {
        self.writers.iter().scan(0_u64, |next, writer| {
            let address = writer.address.unwrap_or(*next);
            *next = address.saturating_add(writer.extent());
            Some((address, writer))
        })
    }
}
