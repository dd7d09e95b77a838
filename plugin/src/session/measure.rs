//! The guest's dirty rate over several periods, and its vCPU time meanwhile.

use std::thread;
use std::time::{Duration, Instant};

use libvirt_hpc_control::estimate::Prior;
use libvirt_hpc_control::time::Timestamp;
use libvirt_hpc_libvirt::Domain;
use libvirt_hpc_libvirt::dirty_rate::DirtyRate;
use libvirt_hpc_libvirt::pace::Pace;

use crate::clock;
use crate::estimate::curve::Reading;
use crate::estimate::periods::Periods;
use crate::estimate::zero_pages::ZeroPages;
use crate::estimate::{Pattern, VcpuTime, prior};

/// How often the vCPU time is read at most, and QEMU is asked whether it has measured.
const EVERY: Duration = Duration::from_millis(100);

/// How much later than its period a measurement may come: QEMU compares pages at its beginning and end.
const LATE: Duration = Duration::from_secs(2);

/// libvirt's names of the architectures whose RAM begins at zero.
const X86: [&str; 2] = ["x86_64", "i686"];

/// For so long pages are read at most.
const READING_MOST: Duration = Duration::from_millis(500);

/// What was measured.
#[derive(Clone, Debug, Default)]
pub(crate) struct Measured {
    /// What the guest wrote.
    pub(crate) readings: Vec<Reading>,
    /// Its vCPU time.
    pub(crate) vcpu: Vec<VcpuTime>,
    /// How long all of it took.
    pub(crate) took: Duration,
    /// Which of its pages are zero.
    pub(crate) zero_pages: Option<ZeroPages>,
    /// Why it is less than was asked for.
    pub(crate) problem: Option<String>,
}

/// Reads a domain's vCPU time, no more often than 2 % of a core allow: with 128 vCPUs that is once in some seconds.
struct VcpuReader<'a> {
    domain: &'a Domain,
    begun: Instant,
    pace: Pace,
}

impl VcpuReader<'_> {
    fn now(&self) -> Timestamp {
        let nanos = (clock::now() - self.begun).as_nanos();
        Timestamp::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }

    /// The vCPU time, if it is time and libvirt tells.
    fn read(&mut self) -> Option<VcpuTime> {
        let began = self.now();
        if !self.pace.is_due(began) {
            return None;
        }
        let used_ns = self.domain.vcpu_busy_ns();
        let ended = self.now();
        self.pace.finished(began, ended, used_ns.is_some());
        Some(VcpuTime {
            at_ns: ended.as_nanos(),
            used_ns: used_ns?,
        })
    }
}

/// Measures a domain of `total_bytes` for `seconds` at most, and [`LATE`].
pub(crate) fn measure(domain: &Domain, total_bytes: u64, seconds: u32) -> Measured {
    let begun = clock::now();
    let mut measured = Measured::default();
    let mut periods = Periods::within(seconds);
    let end = begun + Duration::from_secs(seconds.into());
    let mut vcpu = VcpuReader {
        domain,
        begun,
        pace: Pace::default(),
    };
    while let Some(period) = periods.next(|| measured.pattern(total_bytes).is_none()) {
        // QEMU may have taken longer than a tenth.
        if clock::now() + Duration::from_secs(period.into()) > end {
            break;
        }
        match one(period, &mut vcpu, &mut measured.vcpu) {
            Ok(reading) => measured.readings.push(reading),
            Err(problem) => {
                measured.problem = Some(problem);
                break;
            }
        }
    }
    if measured.readings.is_empty() && measured.problem.is_none() {
        measured.problem = Some("no time was given to measure it".to_owned());
    }
    measured.took = clock::now() - begun;
    measured
}

/// Which of a domain's pages are zero, by some of them; none where its RAM's addresses are not known, or it cannot be read.
pub(crate) fn zero_pages(
    domain: &Domain,
    total_bytes: u64,
    arch: Option<&str>,
) -> Option<ZeroPages> {
    if !arch.is_some_and(|arch| X86.contains(&arch)) {
        return None;
    }
    let end = clock::now() + READING_MOST;
    ZeroPages::sample(total_bytes, |address| {
        let is_zero = domain.is_zero_page(address).ok()?;
        (clock::now() < end).then_some(is_zero)
    })
}

impl Measured {
    /// The guest's phases, if it shows any.
    fn pattern(&self, total_bytes: u64) -> Option<Pattern> {
        Pattern::of(&self.vcpu, &self.readings, total_bytes)
    }

    /// What the law may know of the guest, which has `total_bytes`.
    pub(crate) fn prior(&self, total_bytes: u64) -> Prior {
        let pattern = self.pattern(total_bytes);
        prior(&self.readings, pattern.as_ref(), total_bytes, self.took)
    }
}

/// One period.
fn one(
    seconds: u32,
    reader: &mut VcpuReader<'_>,
    vcpu: &mut Vec<VcpuTime>,
) -> Result<Reading, String> {
    let domain = reader.domain;
    domain
        .start_dirty_rate(seconds)
        .map_err(|error| format!("its dirty rate cannot be measured: {error}"))?;
    let start = clock::now();
    let period = Duration::from_secs(seconds.into());
    loop {
        thread::sleep(EVERY);
        vcpu.extend(reader.read());
        let waited = clock::now() - start;
        // Before that, the answer is that of an earlier measurement.
        if waited < period {
            continue;
        }
        match domain.dirty_rate() {
            Ok(DirtyRate::Measured {
                written_bytes,
                period: span,
            }) => {
                return Ok(Reading {
                    span,
                    written_bytes,
                    sampled: true,
                });
            }
            Ok(DirtyRate::Measuring | DirtyRate::Unknown) if waited < period + LATE => {}
            Ok(_) => return Err("QEMU has not measured its dirty rate in time".to_owned()),
            Err(error) => return Err(format!("its dirty rate cannot be read: {error}")),
        }
    }
}
