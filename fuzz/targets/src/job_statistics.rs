//! The statistics of a job as libvirt gives them, through the adapter's tracker into samples, and those through every law.
//!
//! * Once a migration has ended it stays so, and nothing is done to it.
//! * A downtime limit is one that QEMU takes and within the policy, unless it is one that was found or the guest is
//!   suspended; a speed is below the policy's ceiling or none; a cache is within what the policy allows.

use arbitrary::{Arbitrary, Result, Unstructured};
use libvirt_hpc_control::controller::Controller;
use libvirt_hpc_control::event::Silent;
use libvirt_hpc_control::guard::{DOWNTIME_LIMIT_MAX_MS, SPEED_UNLIMITED_MIB_PER_S};
use libvirt_hpc_control::policy::Policy;
use libvirt_hpc_control::sample::{Faults, JobState, Sample, Settings};
use libvirt_hpc_control::target::{Action, Target};
use libvirt_hpc_control::time::Timestamp;
use libvirt_hpc_libvirt::domain::DomainState;
use libvirt_hpc_libvirt::stats::{Field, FieldValue, JobStats, JobType, MIGRATION_OUT};
use libvirt_hpc_libvirt::tracker::{Reading, Tracker, sample};
use libvirt_hpc_plugin::laws::{LawName, names};

/// The most samples of one migration.
const MOST: usize = 64;

/// The fields that are read, and one that is not.
const NAMES: [&str; 17] = [
    "operation",
    "time_elapsed",
    "memory_total",
    "memory_processed",
    "memory_remaining",
    "memory_bps",
    "memory_dirty_rate",
    "memory_page_size",
    "memory_iteration",
    "memory_normal",
    "disk_remaining",
    "disk_total",
    "compression_cache",
    "compression_bytes",
    "auto_converge_throttle",
    "downtime",
    "of_libvirt_99",
];

/// Numbers of a job of 512 MiB, in the order of [`NAMES`]: changes begin from there.
const BEGINNING: [u64; 9] = [
    MIGRATION_OUT,
    100,
    512 << 20,
    1 << 20,
    511 << 20,
    100 << 20,
    1000,
    4096,
    1,
];

/// Drives a migration of each law with the samples that `data` makes.
pub fn run(data: &[u8]) {
    let mut input = Unstructured::new(data);
    let Ok((policy, slowdown_ppm)) = bounds(&mut input) else {
        return;
    };
    let samples = samples(&mut input).unwrap_or_default();
    for name in names() {
        let law: LawName = name.parse().expect("it is one of the names");
        drive(law, policy, slowdown_ppm, &samples);
    }
}

fn bounds(input: &mut Unstructured<'_>) -> Result<(Policy, u64)> {
    let owners = Option::<u16>::arbitrary(input)?.map(|speed| u64::from(speed.max(1)));
    let policy = Policy {
        downtime_max_ms: Option::<u16>::arbitrary(input)?.map(|ms| u32::from(ms.max(1))),
        owners_speed_mib_per_s: owners,
        cache_most_bytes: Some(1 << 30),
        insists: bool::arbitrary(input)?,
        ..Policy::default()
    };
    let policy = policy.under_speed(SPEED_UNLIMITED_MIB_PER_S);
    Ok((policy, u64::arbitrary(input)?))
}

fn samples(input: &mut Unstructured<'_>) -> Result<Vec<Sample>> {
    let mut fields: Vec<Field> = NAMES
        .iter()
        .zip(BEGINNING)
        .map(|(name, value)| ((*name).to_owned(), FieldValue::UnsignedLong(value)))
        .collect();
    let (mut tracker, mut samples, mut at) = (Tracker::default(), Vec::new(), Timestamp::default());
    let mut ended = false;
    while !input.is_empty() && samples.len() < MOST {
        for _ in 0..input.int_in_range(0..=4)? {
            change(input, &mut fields)?;
        }
        at = at.after(std::time::Duration::from_nanos(number(input)?));
        let stats = JobStats::new(job_type(input)?, fields.clone());
        let state = match input.ratio(1, 64)? {
            true => tracker.observe(Reading::Gone),
            false => tracker.observe(Reading::Present(&stats, domain(input)?)),
        };
        assert!(!ended || state == JobState::Ended, "an end is final");
        ended = state == JobState::Ended;
        let elapsed = tracker.elapsed(at, &stats);
        let mut sample = sample(at, state, &stats);
        sample.elapsed_ms = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
        sample.vcpu_time_ns = Option::<u64>::arbitrary(input)?;
        sample.settings = settings(input)?;
        sample.faults = faults(input, at)?;
        samples.push(sample);
    }
    Ok(samples)
}

/// One field becomes another, or is there anew.
fn change(input: &mut Unstructured<'_>, fields: &mut Vec<Field>) -> Result<()> {
    let name = *input.choose(&NAMES)?;
    let value = match input.int_in_range(0..=9)? {
        0 => FieldValue::Int(i32::arbitrary(input)?),
        1 => FieldValue::UnsignedInt(u32::arbitrary(input)?),
        2 => FieldValue::Long(i64::arbitrary(input)?),
        3 => FieldValue::Double(f64::arbitrary(input)?),
        4 => FieldValue::Boolean(bool::arbitrary(input)?),
        5 => FieldValue::Text(String::arbitrary(input)?),
        _ => FieldValue::UnsignedLong(number(input)?),
    };
    fields.retain(|(known, _)| known != name);
    fields.push((name.to_owned(), value));
    Ok(())
}

/// A number of any size: each size is as likely as another, or nearly all would be too large to mean anything.
fn number(input: &mut Unstructured<'_>) -> Result<u64> {
    let bits = input.int_in_range(0..=63)?;
    Ok(u64::arbitrary(input)? >> bits)
}

fn job_type(input: &mut Unstructured<'_>) -> Result<JobType> {
    Ok(match input.ratio(1, 64)? {
        true => JobType::from_raw(i32::arbitrary(input)?),
        false => JobType::Unbounded,
    })
}

fn domain(input: &mut Unstructured<'_>) -> Result<DomainState> {
    Ok(match input.ratio(1, 16)? {
        true => DomainState {
            state: input.int_in_range(0..=8)?,
            reason: input.int_in_range(0..=16)?,
        },
        false => DomainState::default(),
    })
}

fn settings(input: &mut Unstructured<'_>) -> Result<Option<Settings>> {
    Ok(match input.ratio(1, 16)? {
        true => Some(Settings {
            downtime_ms: number(input)?,
            speed_mib_per_s: number(input)?,
        }),
        false => None,
    })
}

fn faults(input: &mut Unstructured<'_>, at: Timestamp) -> Result<Option<Faults>> {
    Ok(match bool::arbitrary(input)? {
        true => Some(Faults {
            at: at.before(std::time::Duration::from_nanos(number(input)?)),
            pages: number(input)?,
        }),
        false => None,
    })
}

fn drive(law: LawName, policy: Policy, slowdown_ppm: u64, samples: &[Sample]) {
    let mut controller = Controller::new(law.build(slowdown_ppm), policy);
    let (mut found, mut suspended) = (Vec::new(), false);
    for sample in samples {
        found.extend(sample.settings);
        let target = controller.poll(sample, &mut Silent);
        if target == Target::NONE {
            continue;
        }
        assert_ne!(sample.state, JobState::Ended, "{law}: {target:?}");
        // The pause of a guest that is suspended has begun: it lasts until all is sent.
        let longest_ms = policy.downtime_max_ms.filter(|_| !suspended);
        check(law, &policy, longest_ms, &found, &target);
        let done = sample.elapsed_ms % 3 != 0;
        suspended |= done && target.action == Some(Action::Suspend);
        controller.outcome(sample.at, &target, done, &mut Silent);
    }
}

fn check(
    law: LawName,
    policy: &Policy,
    longest_ms: Option<u32>,
    found: &[Settings],
    target: &Target,
) {
    if let Some(ms) = target.downtime_ms {
        let most = longest_ms.unwrap_or(DOWNTIME_LIMIT_MAX_MS);
        let restored = found.iter().any(|found| found.downtime_ms == u64::from(ms));
        assert!(restored || (1..=most).contains(&ms), "{law}: {ms} ms");
    }
    if let Some(speed) = target.speed_mib_per_s {
        let most = policy
            .speed_max_mib_per_s
            .unwrap_or(SPEED_UNLIMITED_MIB_PER_S);
        let restored = found.iter().any(|found| found.speed_mib_per_s == speed);
        let lifted = speed == SPEED_UNLIMITED_MIB_PER_S;
        assert!(
            restored || lifted || (1..=most).contains(&speed),
            "{law}: {speed} MiB/s"
        );
    }
    if let Some(bytes) = target.compression_cache_bytes {
        let most = policy.cache_most_bytes.unwrap_or(0);
        assert!(bytes.is_power_of_two() && bytes <= most, "{law}: {bytes}");
    }
}
