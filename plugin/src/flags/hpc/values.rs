//! The values that options `--hpc-*` and commands `hpc-*` take.

use std::str::FromStr;

use libvirt_hpc_baseline::ParseError;

use crate::laws::LawName;

/// The largest downtime QEMU accepts, in milliseconds (`MAX_MIGRATE_DOWNTIME` in QEMU's
/// `migration/options.h`).
const MAX_DOWNTIME_MS: u32 = 2_000_000;

/// The largest speed libvirt accepts, in MiB/s (`QEMU_DOMAIN_MIG_BANDWIDTH_MAX` in libvirt's
/// `src/qemu/qemu_domain.h`).
const MAX_BANDWIDTH_MIB_S: u64 = 8_796_093_022_207;

/// What a law's name must be, for a message.
pub(crate) const LAW_EXPECTED: &str = "a law that virsh-hpc hpc-help lists, such as adaptive";

/// Which law replays a trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplayLaw {
    /// This one.
    One(LawName),
    /// Each of them, to be compared.
    All,
}

impl ReplayLaw {
    /// The word for each of them.
    pub(crate) const ALL: &str = "all";
}

impl FromStr for ReplayLaw {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        match text {
            Self::ALL => Ok(Self::All),
            law => law.parse().map(Self::One),
        }
    }
}

/// How a migration ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// The guest runs on the destination.
    Moved,
    /// The guest has stayed.
    Failed,
    /// Its trace does not say: it was cut off, or the migration still runs.
    Unknown,
}

impl Ended {
    /// What [`Ended::from_str`] accepts.
    pub(crate) const NAMES: &[&str] = &["moved", "failed", "unknown"];

    /// As reports name it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Moved => "moved",
            Self::Failed => "failed",
            Self::Unknown => "unknown",
        }
    }
}

impl FromStr for Ended {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let all = [Self::Moved, Self::Failed, Self::Unknown];
        let named = all.into_iter().find(|ended| ended.as_str() == text);
        named.ok_or("moved, failed or unknown")
    }
}

/// What happens when the deadline passes before the switchover.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeadlineAction {
    /// Switch over, whatever the pause: the policy's longest pause does not bind any more.
    Switchover,
    /// Abort the migration; the guest stays.
    Abort,
    /// Switch to post-copy.
    Postcopy,
}

impl DeadlineAction {
    /// What [`Deadline::from_str`] accepts after the comma.
    pub(crate) const NAMES: &[&str] = &["switchover", "abort", "postcopy"];
}

/// How long a migration may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadline {
    /// Seconds from the start of the migration.
    pub seconds: u32,
    /// What then; `None` leaves it to the domain's policy.
    pub then: Option<DeadlineAction>,
}

impl Deadline {
    /// What [`Deadline::from_str`] accepts.
    pub(crate) const EXPECTED: &str =
        "a number of seconds from 1 on, which ,switchover or ,abort or ,postcopy may follow";
}

impl FromStr for Deadline {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (seconds, then) = match text.split_once(',') {
            None => (text, None),
            Some((seconds, "switchover")) => (seconds, Some(DeadlineAction::Switchover)),
            Some((seconds, "abort")) => (seconds, Some(DeadlineAction::Abort)),
            Some((seconds, "postcopy")) => (seconds, Some(DeadlineAction::Postcopy)),
            Some(_) => return Err(Self::EXPECTED.to_owned()),
        };
        let seconds = within(seconds, 1, u32::MAX).ok_or(Self::EXPECTED)?;
        Ok(Self { seconds, then })
    }
}

/// The job a domain belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// The scheduler's name of the job.
    pub id: String,
    /// How many domains the job runs on.
    pub members: u32,
}

impl FromStr for Job {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (id, members) = text.rsplit_once(',').unwrap_or((text, ""));
        match within(members, 1, u32::MAX) {
            Some(members) if !id.is_empty() => Ok(Self {
                id: id.to_owned(),
                members,
            }),
            _ => Err("the job's name, a comma and the number of its domains".to_owned()),
        }
    }
}

/// What [`slowdown_percent`] accepts.
pub(crate) const SLOWDOWN_EXPECTED: &str = "a percentage from 1 to 100";

/// A slowdown, in percent.
pub(crate) fn slowdown_percent(text: &str) -> Result<u8, String> {
    within(text, 1, 100)
        .and_then(|percent: u32| u8::try_from(percent).ok())
        .ok_or_else(|| SLOWDOWN_EXPECTED.to_owned())
}

/// What [`downtime_ms`] accepts.
pub(crate) const DOWNTIME_EXPECTED: &str = "a number of milliseconds from 1 to 2000000";

/// A downtime, in milliseconds.
pub(crate) fn downtime_ms(text: &str) -> Result<u32, String> {
    within(text, 1, MAX_DOWNTIME_MS).ok_or_else(|| DOWNTIME_EXPECTED.to_owned())
}

/// A bandwidth, in MiB/s.
pub(crate) fn bandwidth_mib_s(text: &str) -> Result<u64, String> {
    within(text, 1, MAX_BANDWIDTH_MIB_S)
        .ok_or_else(|| format!("a number of MiB/s from 1 to {MAX_BANDWIDTH_MIB_S}"))
}

/// What [`yes_or_no`] accepts, for a message.
pub(crate) const YES_OR_NO_EXPECTED: &str = "yes or no";

/// What [`yes_or_no`] accepts.
pub(crate) const YES_OR_NO: &[&str] = &["yes", "no"];

/// A word for yes or no.
pub(crate) fn yes_or_no(text: &str) -> Result<bool, String> {
    match text {
        "yes" => Ok(true),
        "no" => Ok(false),
        _ => Err(YES_OR_NO_EXPECTED.to_owned()),
    }
}

/// A number of plain digits within bounds.
fn within<N: FromStr + PartialOrd>(text: &str, least: N, most: N) -> Option<N> {
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    text.parse()
        .ok()
        .filter(|number| (least..=most).contains(number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_has_seconds_and_perhaps_an_action() {
        let then = |then| Ok(Deadline { seconds: 600, then });
        assert_eq!("600".parse(), then(None));
        assert_eq!("600,abort".parse(), then(Some(DeadlineAction::Abort)));
        assert_eq!("600,postcopy".parse(), then(Some(DeadlineAction::Postcopy)));
        assert_eq!(
            "600,switchover".parse(),
            then(Some(DeadlineAction::Switchover))
        );
        for bad in [
            "",
            "0",
            "-1",
            "+1",
            "1.5",
            "600,",
            "600,stop",
            "4294967296",
            "600, abort",
        ] {
            assert!(bad.parse::<Deadline>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_job_has_a_name_and_members() {
        let job = "slurm,42,8".parse::<Job>();
        assert_eq!(
            job,
            Ok(Job {
                id: "slurm,42".to_owned(),
                members: 8
            })
        );
        for bad in ["", "slurm", "slurm,", ",8", "slurm,0", "slurm,x"] {
            assert!(bad.parse::<Job>().is_err(), "{bad}");
        }
    }

    #[test]
    fn an_end_has_a_name() {
        for name in Ended::NAMES {
            assert_eq!(name.parse::<Ended>().map(Ended::as_str), Ok(*name));
        }
        assert_eq!("Moved".parse::<Ended>(), Err("moved, failed or unknown"));
    }

    #[test]
    fn numbers_stay_within_their_bounds() {
        assert_eq!(slowdown_percent("100"), Ok(100));
        assert!(slowdown_percent("101").is_err());
        assert!(slowdown_percent("0").is_err());
        assert_eq!(downtime_ms("2000000"), Ok(2_000_000));
        assert!(downtime_ms("2000001").is_err());
        assert_eq!(bandwidth_mib_s("8796093022207"), Ok(8_796_093_022_207));
        assert!(bandwidth_mib_s("8796093022208").is_err());
        assert_eq!(yes_or_no("no"), Ok(false));
        assert!(yes_or_no("No").is_err());
    }
}
