//! The first record: all that is known before the migration.

use std::time::Duration;

use libvirt_hpc_control::estimate::{PhaseSpans, Prior};
use libvirt_hpc_control::policy::{Deadline, Policy, Then, Timeout};
use libvirt_hpc_control::sample::Settings;
use libvirt_hpc_control::time::Timestamp;
use libvirt_hpc_libvirt::features::{Features, Version};
use serde::{Deserialize, Serialize};

use super::target::ActionRecord;
use crate::laws::LawName;
use crate::version;

/// What is known before the migration, and all that the controller is made of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Begin {
    /// [`crate::trace::FORMAT`].
    pub format: u32,
    /// Who takes part.
    pub versions: Versions,
    /// The domain's name.
    pub domain: String,
    /// The domain's UUID.
    pub uuid: String,
    /// Who writes this.
    #[serde(default)]
    pub controller: ControllerName,
    /// The destination's URI, as given; none if somebody else began the migration.
    pub destination: Option<String>,
    /// The migration's flags, `virDomainMigrateFlags`; none likewise.
    pub flags: Option<u32>,
    /// The bounds of the controller.
    pub policy: PolicyRecord,
    /// What pre-copy costs the application, parts per million.
    pub slowdown_ppm: u64,
    /// The law.
    pub law: LawName,
    /// Whether settings were left alone.
    pub observe: bool,
    /// What libvirt held before; none if it would not say.
    pub settings_before: Option<SettingsRecord>,
    /// What was known of the guest before; none if nothing was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prior: Option<PriorRecord>,
}

impl Begin {
    /// What was known of the guest before.
    #[must_use]
    pub fn prior(&self) -> Prior {
        self.prior.as_ref().map(Prior::from).unwrap_or_default()
    }
}

/// Who controls a migration.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ControllerName {
    /// The command that began it.
    #[default]
    VirshHpc,
    /// The agent on the source.
    LibvirtHpcd,
}

impl ControllerName {
    /// The program's name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::VirshHpc => "virsh-hpc",
            Self::LibvirtHpcd => "libvirt-hpcd",
        }
    }
}

/// Versions as `virGetVersion` gives them (major x 1,000,000 + minor x 1,000 + release), and this program's.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Versions {
    /// This program's.
    pub libvirt_hpc: String,
    /// The client library's.
    pub libvirt_client: u64,
    /// The source's daemon's, if it said.
    pub libvirt_daemon: Option<u64>,
    /// The source's QEMU's, if it said.
    pub qemu: Option<u64>,
}

impl Versions {
    /// What `features` says, and this program's.
    #[must_use]
    pub fn of(features: &Features) -> Self {
        Self {
            libvirt_hpc: version::OURS.to_owned(),
            libvirt_client: features.library.number(),
            libvirt_daemon: Some(features.daemon.number()),
            qemu: features.hypervisor.map(Version::number),
        }
    }
}

/// [`Settings`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SettingsRecord {
    /// The downtime limit, milliseconds.
    pub downtime_ms: u64,
    /// The speed limit, MiB/s.
    pub speed_mib_per_s: u64,
}

impl From<SettingsRecord> for Settings {
    fn from(record: SettingsRecord) -> Self {
        Self {
            downtime_ms: record.downtime_ms,
            speed_mib_per_s: record.speed_mib_per_s,
        }
    }
}

impl From<Settings> for SettingsRecord {
    fn from(settings: Settings) -> Self {
        Self {
            downtime_ms: settings.downtime_ms,
            speed_mib_per_s: settings.speed_mib_per_s,
        }
    }
}

/// [`Prior`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PriorRecord {
    /// W(x): spans in ms, and the bytes written within them.
    pub written_ms_bytes: Vec<(u64, u64)>,
    /// The length of a busy phase, ms.
    pub busy_ms: Option<u64>,
    /// The length of a quiet phase, ms.
    pub quiet_ms: Option<u64>,
    /// For how long the guest was watched, ms.
    pub watched_ms: u64,
}

impl PriorRecord {
    /// That of `prior`; none if that is empty.
    #[must_use]
    pub fn of(prior: &Prior) -> Option<Self> {
        let ms = |span: Duration| u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
        let written = prior.written().map(|(span, bytes)| (ms(span), bytes));
        (*prior != Prior::default()).then(|| Self {
            written_ms_bytes: written.collect(),
            busy_ms: prior.phases().map(|spans| ms(spans.busy)),
            quiet_ms: prior.phases().map(|spans| ms(spans.quiet)),
            watched_ms: ms(prior.watched()),
        })
    }
}

impl From<&PriorRecord> for Prior {
    fn from(record: &PriorRecord) -> Self {
        let written = record.written_ms_bytes.iter();
        let phases = record.busy_ms.zip(record.quiet_ms);
        Self::new(
            written.map(|(span_ms, bytes)| (Duration::from_millis(*span_ms), *bytes)),
            phases.map(|(busy_ms, quiet_ms)| PhaseSpans {
                busy: Duration::from_millis(busy_ms),
                quiet: Duration::from_millis(quiet_ms),
            }),
            Duration::from_millis(record.watched_ms),
        )
    }
}

/// [`Policy`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[expect(
    missing_docs,
    reason = "the fields are those of Policy, which says what they are"
)]
pub struct PolicyRecord {
    pub downtime_max_ms: Option<u32>,
    #[serde(default)]
    pub pause_fixed_ms: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit_max_ms: Option<u32>,
    pub deadline_after_ms: Option<u64>,
    pub deadline_then: Option<ThenRecord>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owners_speed_mib_per_s: Option<u64>,
    pub speed_max_mib_per_s: Option<u64>,
    pub speed_is_order: bool,
    pub switchover_bytes_per_s: Option<u64>,
    #[serde(default)]
    pub postcopy_speed_max_mib_per_s: Option<u64>,
    #[serde(default)]
    pub postcopy_speed_found_mib_per_s: Option<u64>,
    #[serde(default)]
    pub page_bytes: Option<u64>,
    #[serde(default)]
    pub cache_most_bytes: Option<u64>,
    pub timeout_after_ms: Option<u64>,
    pub timeout_from_ns: Option<u64>,
    pub timeout_action: Option<ActionRecord>,
    #[serde(default)]
    pub insists: bool,
    #[serde(default)]
    pub observes: bool,
    pub postcopy_after_first_round: bool,
}

/// [`Then`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ThenRecord {
    /// [`Then::Switchover`].
    Switchover,
    /// [`Then::Abort`].
    Abort,
    /// [`Then::Postcopy`].
    Postcopy,
}

impl From<&Policy> for PolicyRecord {
    fn from(policy: &Policy) -> Self {
        Self {
            downtime_max_ms: policy.downtime_max_ms,
            pause_fixed_ms: policy.pause_fixed_ms,
            limit_max_ms: policy.limit_max_ms,
            deadline_after_ms: policy.deadline.map(|d| millis(d.after)),
            deadline_then: policy.deadline.map(|d| match d.then {
                Then::Switchover => ThenRecord::Switchover,
                Then::Abort => ThenRecord::Abort,
                Then::Postcopy => ThenRecord::Postcopy,
            }),
            owners_speed_mib_per_s: policy.owners_speed_mib_per_s,
            speed_max_mib_per_s: policy.speed_max_mib_per_s,
            speed_is_order: policy.speed_is_order,
            switchover_bytes_per_s: policy.switchover_bytes_per_s,
            postcopy_speed_max_mib_per_s: policy.postcopy_speed_max_mib_per_s,
            postcopy_speed_found_mib_per_s: policy.postcopy_speed_found_mib_per_s,
            page_bytes: policy.page_bytes,
            cache_most_bytes: policy.cache_most_bytes,
            timeout_after_ms: policy.timeout.map(|t| millis(t.after)),
            timeout_from_ns: policy.timeout.and_then(|t| t.from).map(Timestamp::as_nanos),
            timeout_action: policy.timeout.map(|t| t.action.into()),
            insists: policy.insists,
            observes: policy.observes,
            postcopy_after_first_round: policy.postcopy_after_first_round,
        }
    }
}

impl From<&PolicyRecord> for Policy {
    fn from(record: &PolicyRecord) -> Self {
        let deadline = record.deadline_after_ms.zip(record.deadline_then);
        let timeout = record.timeout_after_ms.zip(record.timeout_action);
        Self {
            downtime_max_ms: record.downtime_max_ms,
            pause_fixed_ms: record.pause_fixed_ms,
            limit_max_ms: record.limit_max_ms,
            deadline: deadline.map(|(after_ms, then)| Deadline {
                after: Duration::from_millis(after_ms),
                then: match then {
                    ThenRecord::Switchover => Then::Switchover,
                    ThenRecord::Abort => Then::Abort,
                    ThenRecord::Postcopy => Then::Postcopy,
                },
            }),
            owners_speed_mib_per_s: record.owners_speed_mib_per_s,
            speed_max_mib_per_s: record.speed_max_mib_per_s,
            speed_is_order: record.speed_is_order,
            switchover_bytes_per_s: record.switchover_bytes_per_s,
            postcopy_speed_max_mib_per_s: record.postcopy_speed_max_mib_per_s,
            postcopy_speed_found_mib_per_s: record.postcopy_speed_found_mib_per_s,
            page_bytes: record.page_bytes,
            cache_most_bytes: record.cache_most_bytes,
            timeout: timeout.map(|(after_ms, action)| Timeout {
                after: Duration::from_millis(after_ms),
                from: record.timeout_from_ns.map(Timestamp::from_nanos),
                action: action.into(),
            }),
            insists: record.insists,
            observes: record.observes,
            postcopy_after_first_round: record.postcopy_after_first_round,
        }
    }
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}
