//! The guest's dirty rate, as QEMU samples it before a migration, what memory the host has given it, and which is zero.

use core::time::Duration;

use virt_sys as sys;

use crate::domain::Domain;
use crate::error::{Error, Named};
use crate::ffi;
use crate::stats::{Field, FieldValue, vcpu_delay_ns};

/// Fields of `virDomainListGetStats` (`include/libvirt/libvirt-domain.h`, `VIR_DOMAIN_STATS_DIRTYRATE_*`).
const STATUS: &str = "dirtyrate.calc_status";
const PERIOD: &str = "dirtyrate.calc_period";
const RATE: &str = "dirtyrate.megabytes_per_second";

/// `VIR_DOMAIN_STATS_BALLOON_RSS`, KiB.
const RESIDENT: &str = "balloon.rss";

/// A page as QEMU sends it.
const PAGE_BYTES: usize = 4096;

/// How far QEMU is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DirtyRate {
    /// Nothing was asked for, or the statistics were left out because another call has the domain.
    Unknown,
    /// The period is not over.
    Measuring,
    /// Measured.
    Measured {
        /// The period.
        period: Duration,
        /// Distinct memory written in it, bytes.
        written_bytes: u64,
    },
}

impl DirtyRate {
    /// QEMU's rate is in MiB per second (`do_calculate_dirtyrate`, `migration/dirtyrate.c`), and a period in seconds.
    fn read(fields: &[Field]) -> Self {
        let count = |name: &str| {
            let mut values = fields.iter().filter(|(field, _)| field == name);
            values.next().map(|(_, value)| value)
        };
        let number = |name: &str| count(name).and_then(FieldValue::as_count);
        match number(STATUS).and_then(|status| u32::try_from(status).ok()) {
            Some(sys::VIR_DOMAIN_DIRTYRATE_MEASURED) => {
                let (Some(seconds), Some(rate)) = (number(PERIOD), number(RATE)) else {
                    return Self::Unknown;
                };
                Self::Measured {
                    period: Duration::from_secs(seconds),
                    written_bytes: rate.saturating_mul(seconds).saturating_mul(1 << 20),
                }
            }
            Some(sys::VIR_DOMAIN_DIRTYRATE_MEASURING) => Self::Measuring,
            _ => Self::Unknown,
        }
    }
}

impl Domain {
    /// Has QEMU begin to measure the dirty rate over `seconds` (1 to 60) by sampling pages
    /// (`virDomainStartDirtyRateCalc`, mode page-sampling): 512 pages of each GiB are compared before and after, in a
    /// thread of QEMU's own, which the guest does not wait for. Returns at once.
    ///
    /// # Errors
    /// When libvirt refuses: the domain does not run, another job has it, or a measurement is under way.
    pub fn start_dirty_rate(&self, seconds: u32) -> Result<(), Error> {
        let seconds = i32::try_from(seconds).unwrap_or(i32::MAX);
        let mode = sys::VIR_DOMAIN_DIRTYRATE_MODE_PAGE_SAMPLING;
        ffi::start_dirty_rate(self.handle(), seconds, mode)
            .named("virDomainStartDirtyRateCalc", Some(self.name()))
    }

    /// How far the measurement is (`virDomainListGetStats`).
    ///
    /// # Errors
    /// When libvirt cannot tell.
    pub fn dirty_rate(&self) -> Result<DirtyRate, Error> {
        let fields = ffi::domain_stats(self.handle(), sys::VIR_DOMAIN_STATS_DIRTYRATE)
            .named("virDomainListGetStats", Some(self.name()))?;
        Ok(DirtyRate::read(&fields))
    }

    /// How long its virtual processors have worked, or waited for a processor of the host's, nanoseconds: a guest that the
    /// host keeps waiting does not idle. None if libvirt cannot tell.
    #[must_use]
    pub fn vcpu_busy_ns(&self) -> Option<u64> {
        let fields =
            ffi::domain_stats(self.handle(), sys::VIR_DOMAIN_STATS_VCPU).unwrap_or_default();
        Some(self.vcpu_time_ns()?.saturating_add(vcpu_delay_ns(&fields)))
    }

    /// The host's memory that the domain's QEMU has, bytes: pages that the guest has never touched are not in it, nor
    /// are huge pages. None if libvirt does not say.
    #[must_use]
    pub fn resident_bytes(&self) -> Option<u64> {
        let fields = ffi::domain_stats(self.handle(), sys::VIR_DOMAIN_STATS_BALLOON).ok()?;
        let (_, value) = fields.iter().find(|(field, _)| field == RESIDENT)?;
        Some(value.as_count()?.saturating_mul(1024))
    }

    /// Whether the page at a physical address is zero (`virDomainMemoryPeek`); nothing else of it is kept.
    ///
    /// # Errors
    /// When libvirt refuses: the domain does not run, or another job has it.
    pub fn is_zero_page(&self, address: u64) -> Result<bool, Error> {
        let mut page = [0; PAGE_BYTES];
        ffi::memory_peek(self.handle(), address, &mut page)
            .named("virDomainMemoryPeek", Some(self.name()))?;
        Ok(page.iter().all(|byte| *byte == 0))
    }

    /// How many snapshots libvirt knows of it.
    ///
    /// # Errors
    /// When libvirt cannot tell, or the driver has none.
    pub fn snapshots(&self) -> Result<u32, Error> {
        ffi::snapshots(self.handle()).named("virDomainSnapshotNum", Some(self.name()))
    }

    /// How many checkpoints libvirt knows of it, each a bitmap of its disks.
    ///
    /// # Errors
    /// When libvirt cannot tell, or the driver has none.
    pub fn checkpoints(&self) -> Result<u32, Error> {
        ffi::checkpoints(self.handle()).named("virDomainListAllCheckpoints", Some(self.name()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(status: i32, seconds: i32, rate: i64) -> Vec<Field> {
        vec![
            (STATUS.to_owned(), FieldValue::Int(status)),
            (PERIOD.to_owned(), FieldValue::Int(seconds)),
            (RATE.to_owned(), FieldValue::Long(rate)),
        ]
    }

    #[test]
    fn a_rate_times_its_period_is_what_was_written() {
        let measured = DirtyRate::Measured {
            period: Duration::from_secs(4),
            written_bytes: 400 << 20,
        };
        assert_eq!(DirtyRate::read(&fields(2, 4, 100)), measured);
        assert_eq!(DirtyRate::read(&fields(1, 4, 0)), DirtyRate::Measuring);
    }

    #[test]
    fn waiting_for_a_processor_is_counted_over_all_of_them() {
        let field = |name: &str, ns| (name.to_owned(), FieldValue::UnsignedLong(ns));
        let fields = [
            field("vcpu.0.delay", 3),
            field("vcpu.0.time", 100),
            field("vcpu.11.delay", 4),
            field("vcpu.x.delay", 100),
            field("vcpu.0.delay.sum", 100),
        ];
        assert_eq!(vcpu_delay_ns(&fields), 7);
        assert_eq!(vcpu_delay_ns(&[]), 0);
    }

    #[test]
    fn what_is_left_out_or_makes_no_sense_is_unknown() {
        for fields in [
            vec![],
            fields(0, 4, 100),
            fields(2, 4, -1),
            fields(-1, 4, 7),
            fields(2, 4, 7).split_off(1),
        ] {
            assert_eq!(DirtyRate::read(&fields), DirtyRate::Unknown);
        }
    }
}
