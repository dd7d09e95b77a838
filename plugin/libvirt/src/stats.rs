//! The statistics of a job, as `virDomainGetJobStats` gives them.

/// A typed value of libvirt: `virTypedParameter`.
#[derive(Clone, Debug, PartialEq)]
pub enum FieldValue {
    /// `VIR_TYPED_PARAM_INT`
    Int(i32),
    /// `VIR_TYPED_PARAM_UINT`
    UnsignedInt(u32),
    /// `VIR_TYPED_PARAM_LLONG`
    Long(i64),
    /// `VIR_TYPED_PARAM_ULLONG`
    UnsignedLong(u64),
    /// `VIR_TYPED_PARAM_DOUBLE`
    Double(f64),
    /// `VIR_TYPED_PARAM_BOOLEAN`
    Boolean(bool),
    /// `VIR_TYPED_PARAM_STRING`
    Text(String),
}

impl FieldValue {
    /// The value as a count; none if it is negative or no integer.
    #[must_use]
    pub fn as_count(&self) -> Option<u64> {
        match self {
            Self::Int(value) => u64::try_from(*value).ok(),
            Self::UnsignedInt(value) => Some(u64::from(*value)),
            Self::Long(value) => u64::try_from(*value).ok(),
            Self::UnsignedLong(value) => Some(*value),
            Self::Double(_) | Self::Boolean(_) | Self::Text(_) => None,
        }
    }
}

/// A field by libvirt's name.
pub type Field = (String, FieldValue);

/// The page faults in the statistics of virtual processors, all of them together; none if there are no such counters.
///
/// `pf_taken` exists from Linux 5.19 on; before, `pf_fixed` and `pf_fast` together count the same faults.
///
/// Source: `qemuDomainGetStatsVcpu`, `src/qemu/qemu_driver.c`: `vcpu.N.STAT.sum` for each cumulative number of QEMU's
/// `query-stats`.
pub(crate) fn page_faults(fields: &[Field]) -> Option<u64> {
    let fixed =
        || Some(sum(fields, "pf_fixed")?.saturating_add(sum(fields, "pf_fast").unwrap_or(0)));
    sum(fields, "pf_taken").or_else(fixed)
}

/// How long the virtual processors have waited for one of the host's, all of them together, nanoseconds (`vcpu.N.delay`);
/// zero where libvirt does not report it.
pub(crate) fn vcpu_delay_ns(fields: &[Field]) -> u64 {
    let delays = fields.iter().filter(|(name, _)| {
        let middle = name
            .strip_prefix("vcpu.")
            .and_then(|rest| rest.strip_suffix(".delay"));
        middle.is_some_and(|number| number.parse::<u32>().is_ok())
    });
    delays
        .filter_map(|(_, value)| value.as_count())
        .fold(0, u64::saturating_add)
}

/// The sum of `vcpu.N.STAT.sum` over all N; none without any.
fn sum(fields: &[Field], stat: &str) -> Option<u64> {
    let of_a_vcpu = |name: &str| {
        let (number, rest) = name.strip_prefix("vcpu.")?.split_once('.')?;
        number.parse::<u32>().ok()?;
        (rest.strip_suffix(".sum")? == stat).then_some(())
    };
    fields
        .iter()
        .filter(|(name, _)| of_a_vcpu(name).is_some())
        .filter_map(|(_, value)| value.as_count())
        .reduce(u64::saturating_add)
}

/// `virDomainJobType`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum JobType {
    /// No job.
    #[default]
    None,
    /// A job whose end can be estimated.
    Bounded,
    /// A job whose end cannot be estimated: every migration.
    Unbounded,
    /// Done.
    Completed,
    /// Broken.
    Failed,
    /// Aborted.
    Cancelled,
    /// A type this code does not know.
    Other(i32),
}

impl JobType {
    /// From libvirt's number.
    #[must_use]
    pub fn from_raw(number: i32) -> Self {
        match u32::try_from(number) {
            Ok(virt_sys::VIR_DOMAIN_JOB_NONE) => Self::None,
            Ok(virt_sys::VIR_DOMAIN_JOB_BOUNDED) => Self::Bounded,
            Ok(virt_sys::VIR_DOMAIN_JOB_UNBOUNDED) => Self::Unbounded,
            Ok(virt_sys::VIR_DOMAIN_JOB_COMPLETED) => Self::Completed,
            Ok(virt_sys::VIR_DOMAIN_JOB_FAILED) => Self::Failed,
            Ok(virt_sys::VIR_DOMAIN_JOB_CANCELLED) => Self::Cancelled,
            _ => Self::Other(number),
        }
    }

    /// Whether the job still runs.
    #[must_use]
    pub fn is_running(self) -> bool {
        matches!(self, Self::Bounded | Self::Unbounded)
    }
}

/// `operation` of an outgoing migration: `VIR_DOMAIN_JOB_OPERATION_MIGRATION_OUT`.
pub const MIGRATION_OUT: u64 = 5;

macro_rules! job_stats {
    ($($(#[$doc:meta])* $field:ident = $name:literal,)*) => {
        /// One answer of `virDomainGetJobStats`, as far as it is used. Every number may be absent.
        ///
        /// Source: `VIR_DOMAIN_JOB_*` in libvirt's `include/libvirt/libvirt-domain.h`.
        #[derive(Clone, Debug, Default, PartialEq)]
        pub struct JobStats {
            /// The kind of job.
            pub job_type: JobType,
            $($(#[$doc])* pub $field: Option<u64>,)*
        }

        impl JobStats {
            /// Sorts libvirt's fields.
            #[must_use]
            pub fn new(job_type: JobType, fields: impl IntoIterator<Item = Field>) -> Self {
                let mut stats = Self { job_type, ..Self::default() };
                for (name, value) in fields {
                    match name.as_str() {
                        $($name => stats.$field = value.as_count(),)*
                        _ => {}
                    }
                }
                stats
            }
        }
    };
}

job_stats! {
    /// `virDomainJobOperation`
    operation = "operation",
    /// ms since the job began
    time_elapsed_ms = "time_elapsed",
    /// ms; QEMU's estimate while the job runs, the measured value when it is done
    downtime_ms = "downtime",
    /// bytes
    memory_total = "memory_total",
    /// bytes on the wire
    memory_processed = "memory_processed",
    /// bytes remaining at the last sync, less those sent since
    memory_remaining = "memory_remaining",
    /// bytes per second in the last 100 ms window
    memory_bps = "memory_bps",
    /// pages per second, zero in the first iteration
    memory_dirty_rate = "memory_dirty_rate",
    /// bytes
    memory_page_size = "memory_page_size",
    /// bitmap syncs so far
    memory_iteration = "memory_iteration",
    /// bytes
    disk_remaining = "disk_remaining",
    /// bytes of the XBZRLE cache
    compression_cache = "compression_cache",
    /// bytes
    compression_bytes = "compression_bytes",
    /// pages
    compression_pages = "compression_pages",
    /// percent of the guest's CPU time taken away
    auto_converge_throttle_percent = "auto_converge_throttle",
}

impl JobStats {
    /// Whether this is an outgoing migration that still runs.
    #[must_use]
    pub fn is_outgoing_migration(&self) -> bool {
        self.job_type.is_running() && self.operation == Some(MIGRATION_OUT)
    }
}

#[cfg(test)]
mod tests {
    use super::{Field, FieldValue, JobStats, JobType, page_faults};

    #[test]
    fn known_fields_are_sorted_and_unknown_ones_passed_over() {
        let fields = [
            ("operation".to_owned(), FieldValue::Int(5)),
            (
                "memory_total".to_owned(),
                FieldValue::UnsignedLong(u64::MAX),
            ),
            ("auto_converge_throttle".to_owned(), FieldValue::Int(-1)),
            (
                "memory_iteration".to_owned(),
                FieldValue::Text("2".to_owned()),
            ),
            ("of_libvirt_99".to_owned(), FieldValue::Double(0.5)),
        ];
        let stats = JobStats::new(JobType::Unbounded, fields);
        assert!(stats.is_outgoing_migration());
        assert_eq!(stats.memory_total, Some(u64::MAX));
        assert_eq!(stats.auto_converge_throttle_percent, None, "negative");
        assert_eq!(stats.memory_iteration, None, "not a number");
        assert_eq!(stats.memory_remaining, None, "absent");
    }

    #[test]
    fn only_a_running_job_is_a_migration() {
        let fields = || [("operation".to_owned(), FieldValue::Int(5))];
        for (number, running) in [
            (0, false),
            (1, true),
            (2, true),
            (3, false),
            (5, false),
            (-1, false),
        ] {
            let stats = JobStats::new(JobType::from_raw(number), fields());
            assert_eq!(stats.is_outgoing_migration(), running, "type {number}");
        }
        assert!(!JobStats::new(JobType::Unbounded, []).is_outgoing_migration());
    }

    fn counters(counters: &[(&str, u64)]) -> Vec<Field> {
        let field =
            |&(name, value): &(&str, u64)| (name.to_owned(), FieldValue::UnsignedLong(value));
        counters.iter().map(field).collect()
    }

    #[test]
    fn faults_are_those_of_all_virtual_processors() {
        let told = counters(&[
            ("vcpu.current", 2),
            ("vcpu.maximum", 2),
            ("vcpu.0.time", 7),
            ("vcpu.0.pf_taken.sum", 100),
            ("vcpu.0.pf_fixed.sum", 90),
            ("vcpu.0.pf_fast.sum", 9),
            ("vcpu.10.pf_taken.sum", 1),
        ]);
        assert_eq!(page_faults(&told), Some(101));
    }

    #[test]
    fn before_linux_5_19_faults_are_what_was_fixed() {
        let told = counters(&[
            ("vcpu.0.pf_fixed.sum", 90),
            ("vcpu.0.pf_fast.sum", 9),
            ("vcpu.1.pf_fixed.sum", 1),
        ]);
        assert_eq!(page_faults(&told), Some(100));
        assert_eq!(
            page_faults(&counters(&[("vcpu.0.pf_fixed.sum", 90)])),
            Some(90)
        );
    }

    #[test]
    fn without_counters_there_are_no_faults() {
        assert_eq!(page_faults(&[]), None);
        let others = counters(&[
            ("vcpu.0.exits.sum", 1),
            ("vcpu.0.pf_taken.max", 2),
            ("vcpu.x.pf_taken.sum", 3),
            ("vcpu..pf_taken.sum", 4),
            ("pf_taken.sum", 5),
            ("vcpu.0.pf_fast.sum", 6),
        ]);
        assert_eq!(page_faults(&others), None);
        let text = FieldValue::Text("7".to_owned());
        assert_eq!(
            page_faults(&[("vcpu.0.pf_taken.sum".to_owned(), text)]),
            None
        );
    }

    #[test]
    fn counters_at_their_end_are_no_panic() {
        let told = counters(&[
            ("vcpu.0.pf_taken.sum", u64::MAX),
            ("vcpu.1.pf_taken.sum", 1),
        ]);
        assert_eq!(page_faults(&told), Some(u64::MAX));
    }
}
