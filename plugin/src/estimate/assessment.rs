//! All that is told before a migration: findings, what is known, the costs, and what is not known.

use std::process::ExitCode;
use std::time::Duration;

use libvirt_hpc_control::estimate::{PhaseSpans, Prior};
use serde::{Deserialize, Serialize};

use super::curve::{self, Reading};
use super::forecast::{Ending, Forecast};
use super::preflight::{Finding, Severity};
use crate::harmless;

/// Where a figure is from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// The user gave it.
    Told,
    /// Measured now.
    Measured,
    /// From the trace of an earlier migration.
    Trace,
    /// The most that it can be.
    Bound,
}

/// What was written within a span.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Written {
    /// The span, ms.
    pub span_ms: u64,
    /// Distinct bytes written in it.
    pub written_bytes: u64,
    /// Where that is from.
    pub origin: Origin,
}

/// A figure and its origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bytes {
    /// Bytes.
    pub bytes: u64,
    /// Where that is from.
    pub origin: Origin,
}

/// A bandwidth and its origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bandwidth {
    /// Bytes per second.
    pub bytes_per_s: u64,
    /// Where that is from.
    pub origin: Origin,
}

/// The phases that the guest showed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Phases {
    /// The length of a busy phase, ms.
    pub busy_ms: u64,
    /// The length of a quiet phase, ms.
    pub quiet_ms: u64,
    /// What a quiet guest writes of what a busy one does, per cent.
    pub quiet_percent: u64,
    /// Whether its vCPUs idle in quiet phases.
    pub vcpus_idle: bool,
}

/// What the costs were calculated from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Known {
    /// The guest's memory, bytes.
    pub memory_bytes: u64,
    /// The part of it that is no zero pages, bytes.
    pub data: Option<Bytes>,
    /// What the guest writes.
    pub written: Vec<Written>,
    /// Its phases.
    pub phases: Option<Phases>,
    /// The link.
    pub link: Option<Bandwidth>,
    /// The slowdown of the application that is assumed, per cent.
    pub slowdown_percent: u64,
    /// The policy's longest pause, ms.
    pub downtime_max_ms: Option<u64>,
    /// The policy's deadline, ms.
    pub deadline_ms: Option<u64>,
    /// How long the measurement took, ms.
    pub measured_ms: u64,
}

impl Known {
    /// What an estimate was calculated from, and of which domain, from its JSON.
    ///
    /// # Errors
    /// When `text` is no estimate.
    pub fn from_json(text: &str) -> serde_json::Result<(String, Self)> {
        #[derive(Deserialize)]
        struct Saved {
            domain: String,
            known: Known,
        }
        serde_json::from_str(text).map(|Saved { domain, known }| (domain, known))
    }

    /// What the law may know of the guest.
    #[must_use]
    pub fn prior(&self) -> Prior {
        let readings: Vec<Reading> = self.written.iter().map(Written::reading).collect();
        let spans = self.phases.map(|phases| PhaseSpans {
            busy: Duration::from_millis(phases.busy_ms),
            quiet: Duration::from_millis(phases.quiet_ms),
        });
        let points = curve::points(&readings, self.memory_bytes);
        Prior::new(points, spans, Duration::from_millis(self.measured_ms))
    }
}

impl Written {
    /// As it was read.
    fn reading(&self) -> Reading {
        Reading {
            span: Duration::from_millis(self.span_ms),
            written_bytes: self.written_bytes,
            sampled: self.origin == Origin::Measured,
        }
    }
}

/// All of it.
#[derive(Clone, Debug)]
pub struct Assessment {
    /// The domain's name.
    pub domain: String,
    /// The destination's URI, if one was named.
    pub destination: Option<String>,
    /// What will refuse or hurt the migration.
    pub findings: Vec<Finding>,
    /// What the costs were calculated from.
    pub known: Known,
    /// The costs; none if too little is known.
    pub forecast: Option<Forecast>,
    /// The costs if the law is told beforehand what was measured (`migrate --hpc-prior`); none if nothing was.
    pub with_prior: Option<Forecast>,
    /// What is not known, a sentence each.
    pub unknown: Vec<String>,
}

/// The answer in one word, for scripts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Nothing refuses it, and it is likely to end within the policy.
    Moves,
    /// libvirt or QEMU will refuse it.
    Refused,
    /// It is not likely to end, or not within the policy.
    OutsidePolicy,
    /// Nothing refuses it, and its costs are not known.
    Unknown,
}

impl Verdict {
    /// The exit status: 1 is an error of the command.
    #[must_use]
    pub const fn exit_status(self) -> u8 {
        match self {
            Self::Moves => 0,
            Self::Refused => 2,
            Self::OutsidePolicy => 3,
            Self::Unknown => 4,
        }
    }
}

impl Assessment {
    /// The answer.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        let refuses = |finding: &Finding| finding.severity() == Severity::Refuse;
        if self.findings.iter().any(refuses) {
            return Verdict::Refused;
        }
        let Some(forecast) = &self.forecast else {
            return Verdict::Unknown;
        };
        let ends = matches!(forecast.ending, Ending::Switchover | Ending::Postcopy);
        let within = [forecast.within_downtime, forecast.within_deadline];
        if ends && !within.contains(&Some(false)) {
            Verdict::Moves
        } else {
            Verdict::OutsidePolicy
        }
    }

    /// The exit status of the command.
    #[must_use]
    pub fn exit_code(&self) -> ExitCode {
        ExitCode::from(self.verdict().exit_status())
    }

    /// For programs; [`super::text`] is for people.
    ///
    /// # Errors
    /// None in practice: all of it is numbers and text.
    pub fn json(&self) -> serde_json::Result<String> {
        let findings = self.findings.iter().map(|finding| FindingRecord {
            code: finding.code(),
            severity: finding.severity(),
            what: finding.what(),
            remedy: finding.remedy(),
        });
        let document = Document {
            domain: &self.domain,
            destination: self.destination.as_deref(),
            verdict: self.verdict(),
            exit_status: self.verdict().exit_status(),
            findings: findings.collect(),
            known: &self.known,
            estimate: self.forecast.as_ref(),
            estimate_with_prior: self.with_prior.as_ref(),
            unknown: &self.unknown,
        };
        serde_json::to_string_pretty(&document).map(|text| harmless::json(&text) + "\n")
    }
}

#[derive(Serialize)]
struct FindingRecord {
    code: &'static str,
    severity: Severity,
    what: String,
    remedy: &'static str,
}

#[derive(Serialize)]
struct Document<'a> {
    domain: &'a str,
    destination: Option<&'a str>,
    verdict: Verdict,
    exit_status: u8,
    findings: Vec<FindingRecord>,
    known: &'a Known,
    estimate: Option<&'a Forecast>,
    estimate_with_prior: Option<&'a Forecast>,
    unknown: &'a [String],
}

/// A span in whole ms.
#[must_use]
pub fn whole_ms(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
pub(super) mod tests {
    use serde_json::Value;

    use super::super::forecast::{Interval, Stock};
    use super::*;

    const MIB: u64 = 1 << 20;

    fn interval(likely: u64, least: u64, most: u64) -> Interval {
        Interval {
            likely,
            least,
            most,
        }
    }

    /// What its migration costs.
    fn forecast() -> Forecast {
        Forecast {
            ending: Ending::Switchover,
            total_ms: interval(5600, 5000, 6700),
            pause_ms: interval(1210, 900, 1400),
            iterations: interval(3, 2, 4),
            sent_bytes: interval(640 * MIB, 600 * MIB, 700 * MIB),
            delay_ms: interval(1700, 1400, 2000),
            stock: Stock {
                limit_ms: 1234,
                ends: false,
                sure: true,
                total_ms: None,
            },
            within_downtime: Some(false),
            within_deadline: Some(true),
        }
    }

    /// A guest that virsh does not move, with everything that can be known.
    pub(in super::super) fn full() -> Assessment {
        let bytes = |bytes, origin| Some(Bytes { bytes, origin });
        let written = |span_ms, mib: u64, origin| Written {
            span_ms,
            written_bytes: mib * MIB,
            origin,
        };
        Assessment {
            domain: "solver".to_owned(),
            destination: Some("qemu+ssh://other/system".to_owned()),
            findings: vec![
                Finding::Snapshots(2),
                Finding::StaleLimit(1234),
                Finding::Pml,
            ],
            known: Known {
                memory_bytes: 512 * MIB,
                data: bytes(400 * MIB, Origin::Bound),
                written: vec![
                    written(1000, 128, Origin::Measured),
                    written(64_000, 130, Origin::Trace),
                ],
                phases: Some(Phases {
                    busy_ms: 3000,
                    quiet_ms: 2500,
                    quiet_percent: 4,
                    vcpus_idle: true,
                }),
                link: Some(Bandwidth {
                    bytes_per_s: 112 * MIB,
                    origin: Origin::Told,
                }),
                slowdown_percent: 10,
                downtime_max_ms: Some(500),
                deadline_ms: Some(600_000),
                measured_ms: 8300,
            },
            forecast: Some(forecast()),
            with_prior: Some(Forecast {
                total_ms: interval(5400, 5000, 6500),
                pause_ms: interval(50, 45, 900),
                ..forecast()
            }),
            unknown: vec![
                "whether XBZRLE will help: the contents of pages are not read".to_owned(),
            ],
        }
    }

    /// The same, of which nothing is known.
    pub(in super::super) fn bare() -> Assessment {
        Assessment {
            destination: None,
            findings: Vec::new(),
            known: Known {
                memory_bytes: 512 * MIB,
                slowdown_percent: 10,
                ..Known::default()
            },
            forecast: None,
            with_prior: None,
            ..full()
        }
    }

    #[test]
    fn the_verdict_is_the_worst_that_is_known() {
        let full = full();
        assert_eq!(full.verdict(), Verdict::Refused);
        let hurt = Assessment {
            findings: vec![Finding::Vfio],
            ..full.clone()
        };
        assert_eq!(hurt.verdict(), Verdict::OutsidePolicy);
        let with = |ending, within_deadline| {
            let mut assessment = hurt.clone();
            let forecast = assessment.forecast.as_mut().expect("a forecast");
            (forecast.ending, forecast.within_downtime) = (ending, Some(true));
            forecast.within_deadline = within_deadline;
            assessment.verdict()
        };
        assert_eq!(with(Ending::Switchover, None), Verdict::Moves);
        assert_eq!(with(Ending::Postcopy, Some(true)), Verdict::Moves);
        assert_eq!(
            with(Ending::Switchover, Some(false)),
            Verdict::OutsidePolicy
        );
        assert_eq!(with(Ending::Abort, None), Verdict::OutsidePolicy);
        assert_eq!(with(Ending::Never, None), Verdict::OutsidePolicy);
        assert_eq!(bare().verdict(), Verdict::Unknown);
        let statuses = [
            Verdict::Moves,
            Verdict::Refused,
            Verdict::OutsidePolicy,
            Verdict::Unknown,
        ]
        .map(Verdict::exit_status);
        assert_eq!(statuses, [0, 2, 3, 4]);
    }

    /// Every path of the document with its type, in order.
    fn schema(value: &Value, path: &str, paths: &mut Vec<String>) {
        match value {
            Value::Object(fields) => {
                for (name, value) in fields {
                    schema(value, &format!("{path}.{name}"), paths);
                }
            }
            Value::Array(values) => {
                for value in values {
                    schema(value, &format!("{path}[]"), paths);
                }
            }
            Value::Null => paths.push(format!("{path}: null")),
            Value::Bool(_) => paths.push(format!("{path}: boolean")),
            Value::Number(_) => paths.push(format!("{path}: number")),
            Value::String(_) => paths.push(format!("{path}: string")),
        }
    }

    #[test]
    fn the_json_is_as_the_schema_says() {
        let golden = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/tests/golden/estimate/schema.txt"
        );
        let mut paths = Vec::new();
        for assessment in [full(), bare()] {
            let text = assessment.json().expect("JSON");
            schema(&serde_json::from_str(&text).expect("JSON"), "", &mut paths);
        }
        paths.sort();
        paths.dedup();
        let written = paths.join("\n") + "\n";
        if std::env::var_os("BLESS").is_some() {
            std::fs::write(golden, &written).expect("written");
        }
        assert_eq!(
            written,
            std::fs::read_to_string(golden).expect("the schema")
        );
    }
}
