//! libvirtd's log of its clients' calls, parsed.

use anyhow::Result;
use libvirt_hpc_tests::rig::Rig;

/// Milliseconds of a day.
const DAY_MS: u64 = 86_400_000;

/// Calls that change nothing.
const READS: [&str; 18] = [
    "virConnectDomainEventDeregisterAny",
    "virConnectDomainEventRegisterAny",
    "virConnectListAllDomains",
    "virDomainFree",
    "virDomainGetControlInfo",
    "virDomainGetInfo",
    "virDomainGetJobInfo",
    "virDomainGetJobStats",
    "virDomainGetMaxMemory",
    "virDomainGetMetadata",
    "virDomainGetState",
    "virDomainGetVcpus",
    "virDomainGetXMLDesc",
    "virDomainListGetStats",
    "virDomainLookupByName",
    "virDomainLookupByUUID",
    "virDomainMigrateGetMaxDowntime",
    "virDomainMigrateGetMaxSpeed",
];

/// Calls that only the migrating command makes, on the source and on the destination.
const MIGRATES: [&str; 5] = [
    "virDomainMigrateBegin3Params",
    "virDomainMigrateConfirm3Params",
    "virDomainMigrateFinish3Params",
    "virDomainMigratePerform3Params",
    "virDomainMigratePrepare3Params",
];

/// One call.
#[derive(Debug)]
pub(super) struct Call {
    /// When, milliseconds of the day, UTC.
    pub(super) at_ms: u64,
    /// libvirt's name of the function.
    pub(super) function: String,
    arguments: String,
}

impl Call {
    /// The call in a line such as `2026-11-22 16:58:38.271+0000: 27: debug : virDomainSuspend:560 : dom=...`.
    fn read(line: &str) -> Option<Self> {
        let (head, rest) = line.split_once(": debug : ")?;
        let (function, arguments) = rest.split_once(" : ")?;
        let (function, number) = function.split_once(':')?;
        number.parse::<u32>().ok()?;
        Some(Self {
            at_ms: time_of_day_ms(head.split_whitespace().nth(1)?)?,
            function: function.to_owned(),
            arguments: arguments.to_owned(),
        })
    }

    /// Whether it is about the domain of this name.
    pub(super) fn is_about(&self, domain: &str) -> bool {
        self.arguments.contains(&format!("(VM: name={domain},"))
    }

    /// Whether it may change anything, other than by the migration that a command makes: whatever is not
    /// known not to.
    pub(super) fn changes(&self) -> bool {
        let reads = READS.contains(&self.function.as_str()) && !self.takes_statistics();
        !reads && !self.migrates()
    }

    /// Whether it belongs to a migration that a command makes.
    pub(super) fn migrates(&self) -> bool {
        MIGRATES.contains(&self.function.as_str())
    }

    /// Statistics of a completed job are gone for others once they are read, unless the flag says to keep
    /// them (`VIR_DOMAIN_JOB_STATS_COMPLETED` is 1, `VIR_DOMAIN_JOB_STATS_KEEP_COMPLETED` is 2).
    fn takes_statistics(&self) -> bool {
        self.function == "virDomainGetJobStats" && self.number("flags=0x") & 0b11 == 0b01
    }

    /// The downtime limit that it sets, if it sets one.
    pub(super) fn downtime_ms(&self) -> Option<u64> {
        let sets = self.function == "virDomainMigrateSetMaxDowntime";
        sets.then(|| self.number("downtime="))
    }

    /// Whether it sets the XBZRLE cache, which is no limit.
    pub(super) fn sets_cache(&self) -> bool {
        self.function == "virDomainMigrateSetCompressionCache"
    }

    fn number(&self, key: &str) -> u64 {
        let text = self.arguments.split(key).nth(1).unwrap_or_default();
        let digits = text.split(|c: char| !c.is_ascii_digit()).next();
        digits.and_then(|digits| digits.parse().ok()).unwrap_or(0)
    }
}

/// The calls on a host so far.
pub(super) fn on(rig: &Rig, host: &str) -> Result<Vec<Call>> {
    Ok(rig.call_log(host)?.lines().filter_map(Call::read).collect())
}

/// The calls on a host that change a domain, oldest first.
pub(super) fn changing(rig: &Rig, host: &str, domain: &str) -> Result<Vec<Call>> {
    let mut calls = on(rig, host)?;
    calls.retain(|call| call.is_about(domain) && call.changes());
    Ok(calls)
}

/// Milliseconds from one time of day to the next such time, which may be after midnight.
pub(super) fn span_ms(from_ms: u64, to_ms: u64) -> u64 {
    (to_ms + DAY_MS - from_ms % DAY_MS) % DAY_MS
}

fn time_of_day_ms(text: &str) -> Option<u64> {
    let (time, _) = text.split_once('+')?;
    let (time, milliseconds) = time.split_once('.')?;
    let mut seconds = 0;
    for part in time.split(':') {
        seconds = seconds * 60 + part.parse::<u64>().ok()?;
    }
    Some(seconds * 1000 + milliseconds.parse::<u64>().ok()?)
}
