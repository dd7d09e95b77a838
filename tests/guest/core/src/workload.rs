//! The guest's writes: the workload grammar of the kernel command line.
//!
//! `idle`, `flat:MiB`, `rate:MiB@MBps` (pages drawn at random), `sweep:MiB@MBps` (pages in turn),
//! `spin` (writes nothing and does not sleep, as an MPI rank that waits for others), or
//! `phases:3s=flat:200,3s=rate:16@50`, repeated for ever. Sizes are MiB (2^20 bytes), rates are
//! MB/s (10^6 bytes per second) over all workers together.

use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use core::str::FromStr;
use core::time::Duration;

/// Bytes of a guest page.
pub const PAGE_BYTES: u64 = 4096;

/// The order in which pages are rewritten.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// One after the other, round and round.
    InTurn,
    /// Drawn uniformly.
    Random,
}

/// The state of a worker with nothing to rewrite.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// Leaves its processor idle.
    Sleep,
    /// Keeps its processor busy.
    Spin,
}

/// The writes during one phase.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Work {
    /// Pages of the working set; 0 writes nothing.
    pub set_pages: u64,
    /// Bytes per second; `None` is as fast as the guest can.
    pub bytes_per_second: Option<u64>,
    /// Order of the rewrites.
    pub order: Order,
    /// How the workers wait.
    pub wait: Wait,
}

impl Work {
    const IDLE: Self = Self {
        set_pages: 0,
        bytes_per_second: None,
        order: Order::InTurn,
        wait: Wait::Sleep,
    };
    const SPIN: Self = Self {
        wait: Wait::Spin,
        ..Self::IDLE
    };
}

/// The phases, run one after the other and repeated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Workload {
    phases: Vec<(Duration, Work)>,
}

/// Longest phase accepted, in seconds.
const MAX_PHASE_SECONDS: f64 = 1e6;

impl Workload {
    /// Working set of the largest phase, pages.
    #[must_use]
    pub fn set_pages(&self) -> u64 {
        self.phases
            .iter()
            .map(|(_, work)| work.set_pages)
            .max()
            .unwrap_or(0)
    }

    /// The phase that runs `elapsed` after the start: its index and its work.
    #[must_use]
    pub fn at(&self, elapsed: Duration) -> (usize, Work) {
        let cycle: u128 = self
            .phases
            .iter()
            .map(|(length, _)| length.as_nanos())
            .sum();
        let mut left = elapsed.as_nanos() % cycle.max(1);
        for (index, (length, work)) in self.phases.iter().enumerate() {
            if left < length.as_nanos() {
                return (index, *work);
            }
            left -= length.as_nanos();
        }
        (0, self.phases.first().map_or(Work::IDLE, |(_, work)| *work))
    }
}

impl FromStr for Workload {
    type Err = String;

    fn from_str(spec: &str) -> Result<Self, String> {
        let phases = match spec.strip_prefix("phases:") {
            Some(list) => list.split(',').map(phase).collect::<Result<_, _>>()?,
            None => vec![(Duration::from_secs(1), work(spec)?)],
        };
        Ok(Self { phases })
    }
}

fn phase(spec: &str) -> Result<(Duration, Work), String> {
    let bad = || format!("phase `{spec}`: expected SECONDSs=WORK, as in 3s=flat:200");
    let (length, rest) = spec.split_once("s=").ok_or_else(bad)?;
    let seconds: f64 = length.parse().map_err(|_| bad())?;
    if !(seconds > 0.0 && seconds < MAX_PHASE_SECONDS) {
        return Err(bad());
    }
    Ok((Duration::from_secs_f64(seconds), work(rest)?))
}

fn work(spec: &str) -> Result<Work, String> {
    match spec {
        "idle" => return Ok(Work::IDLE),
        "spin" => return Ok(Work::SPIN),
        _ => {}
    }
    let bad = || {
        format!("workload `{spec}`: expected idle, spin, flat:MiB, rate:MiB@MBps or sweep:MiB@MBps")
    };
    let (kind, rest) = spec.split_once(':').ok_or_else(bad)?;
    let (size, rate) = match (kind, rest.split_once('@')) {
        ("flat", None) => (rest, None),
        ("rate" | "sweep", Some((size, rate))) => (size, Some(rate)),
        _ => return Err(bad()),
    };
    let number = |text: &str| text.parse::<u32>().ok().filter(|n| *n > 0).ok_or_else(bad);
    let bytes_per_second = rate
        .map(number)
        .transpose()?
        .map(|mb| u64::from(mb) * 1_000_000);
    Ok(Work {
        set_pages: u64::from(number(size)?) * (1 << 20) / PAGE_BYTES,
        bytes_per_second,
        order: if kind == "rate" {
            Order::Random
        } else {
            Order::InTurn
        },
        wait: Wait::Sleep,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(spec: &str) -> Workload {
        spec.parse().unwrap_or_else(|error| panic!("{error}"))
    }

    #[test]
    fn phases_follow_each_other_and_repeat() {
        let workload = parse("phases:3s=flat:200,1.5s=rate:16@50");
        assert_eq!(workload.set_pages(), 51_200);
        let index = |ms| workload.at(Duration::from_millis(ms)).0;
        assert_eq!(
            [0, 2999, 3000, 4499, 4500, 7600].map(index),
            [0, 0, 1, 1, 0, 1]
        );
        let quiet = workload.at(Duration::from_secs(4)).1;
        assert_eq!(quiet.bytes_per_second, Some(50_000_000));
        assert_eq!(quiet.order, Order::Random);
    }

    #[test]
    fn idle_and_spinning_write_no_pages() {
        for (spec, wait) in [("idle", Wait::Sleep), ("spin", Wait::Spin)] {
            let workload = parse(spec);
            assert_eq!(
                (workload.set_pages(), workload.at(Duration::ZERO).1.wait),
                (0, wait)
            );
        }
        let quiet = parse("phases:3s=flat:200,3s=spin").at(Duration::from_secs(4));
        assert_eq!((quiet.0, quiet.1.wait), (1, Wait::Spin));
        assert_eq!(
            parse("sweep:256@80").at(Duration::ZERO).1.order,
            Order::InTurn
        );
    }

    #[test]
    fn bad_specs_are_refused() {
        for spec in [
            "",
            "flat",
            "spin:1",
            "flat:0",
            "flat:x",
            "flat:1@2",
            "rate:1",
            "phases:",
            "phases:0s=idle",
        ] {
            assert!(spec.parse::<Workload>().is_err(), "{spec}");
        }
    }
}
