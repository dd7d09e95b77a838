//! `hpc-estimate`: what a migration will meet and cost. The domain is asked, and its dirty rate measured; nothing is
//! changed.
//!
//! | where | the question it answers |
//! |---|---|
//! | `facts` | what do libvirt and the hosts say? |
//! | `data` | how much of its memory has to be sent? |
//! | `traces` | what did earlier migrations show? |
//! | here | which of it counts, and what is not known? |

mod data;
mod facts;
mod traces;

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result};
use libvirt_hpc_control::estimate::{CACHE_DEFAULT, Prior, XBZRLE_LINK_BYTES_PER_S};
use libvirt_hpc_control::policy::Policy;
use libvirt_hpc_control::sample::Settings;
use libvirt_hpc_libvirt::{Connection, Domain};
use libvirt_hpc_xml_schemas as xml;

use crate::estimate::Pattern;
use crate::estimate::assessment::{self, Assessment, Bandwidth, Known, Origin, Phases, Written};
use crate::estimate::curve::Reading;
use crate::estimate::earlier::joined;
use crate::estimate::forecast::{Forecast, Input, Link};
use crate::estimate::preflight::{self, Destination, Facts, RunState};
use crate::estimate::text;
use crate::flags::Globals;
use crate::flags::hpc_commands::EstimateArgs;
use crate::harmless::printable;
use crate::migration::bounds::Bounds;
use crate::migration::{owner, site};
use crate::session::connect;
use crate::session::measure::{self, Measured};
use data::Data;
use facts::Domains;
use traces::Traces;

/// A link that the user tells may be off by so much, per cent; one from a trace by more.
const TOLD_PERCENT: u64 = 5;
const TRACE_PERCENT: u64 = 15;

/// QEMU's limit where libvirt does not say, ms.
const LIMIT_MS: u64 = 300;

const PPM_OF_A_PERCENT: u64 = 10_000;

/// Runs the command; prints to `out`, and what is wrong with policies or traces to `warnings`. The exit status is that of
/// [`assessment::Verdict`].
///
/// # Errors
/// libvirt's: the domain cannot be found or asked.
pub fn command(
    globals: &Globals,
    args: &EstimateArgs,
    out: &mut dyn Write,
    warnings: &mut dyn Write,
) -> Result<ExitCode> {
    let uri = connect::uri(globals)?;
    let options = connect::options(globals);
    let connection = Connection::open(uri.as_deref(), options)?;
    let domain = Domain::lookup(&connection, &args.domain)?;
    let mut said = Vec::new();
    let policy = policy(&domain, &mut said)?;
    let asked = facts::of(&domain, &policy, args, options)
        .with_context(|| format!("cannot ask about {}", args.domain))?;
    let traces = traces::read(&args.traces, domain.uuid(), args.dest_uri.as_deref());
    said.extend(traces.problem.clone());
    let measured = measure(&domain, &asked, args);
    let assessment = assess(args, &policy, asked, &traces, measured);
    for line in said {
        // Nowhere is left to say that a warning could not be written.
        let _ = writeln!(warnings, "virsh-hpc: warning: {}", printable(&line));
    }
    let answer = if args.json {
        assessment.json()?
    } else {
        text::render(&assessment)
    };
    out.write_all(answer.as_bytes())
        .and_then(|()| out.flush())
        .context("cannot print the estimate")?;
    Ok(assessment.exit_code())
}

/// The owner's policy, and the site's where that is silent.
fn policy(domain: &Domain, warnings: &mut Vec<String>) -> Result<xml::Policy> {
    let site = site::read(Path::new(site::FILE));
    warnings.extend(site.problems);
    let owned = if domain.is_active()? {
        owner::policy(domain)?.unwrap_or_default()
    } else {
        owner::Owned::default()
    };
    warnings.extend(owned.problems);
    Ok(owned.policy.over(&site.policy))
}

/// Measures a guest that runs and has no other job.
fn measure(domain: &Domain, asked: &Domains, args: &EstimateArgs) -> Measured {
    let source = &asked.facts.source;
    if source.state == RunState::Running && !source.busy {
        let zero_pages =
            measure::zero_pages(domain, source.memory_bytes, source.traits.arch.as_deref());
        Measured {
            zero_pages,
            ..measure::measure(domain, source.memory_bytes, args.seconds)
        }
    } else {
        Measured {
            problem: Some("the guest does not run, or another job has it".to_owned()),
            ..Measured::default()
        }
    }
}

/// Which of it counts, and what follows.
fn assess(
    args: &EstimateArgs,
    policy: &xml::Policy,
    asked: Domains,
    traces: &Traces,
    measured: Measured,
) -> Assessment {
    let settings = asked.facts.source.settings.unwrap_or(Settings {
        downtime_ms: LIMIT_MS,
        speed_mib_per_s: 0,
    });
    let bounds = Bounds::of_running(policy, settings, &asked.guest);
    let mut unknown = not_asked(&asked.facts);
    let total_bytes = asked.facts.source.memory_bytes;
    let data = Data::of(
        total_bytes,
        asked.resident_bytes,
        traces.data_bytes,
        measured.zero_pages,
    );
    unknown.extend(data.unknown.map(str::to_owned));
    let readings = joined(&measured.readings, &traces.readings);
    if let Some(problem) = &measured.problem {
        unknown.push(format!("what the guest writes now: {problem}"));
    }
    unknown.extend(unseen(&measured));
    let pattern = Pattern::of(&measured.vcpu, &measured.readings, total_bytes);
    let link = link(args, traces, &mut unknown);
    let cache_bytes = match link {
        Some((link, _)) if link.bytes_per_s <= XBZRLE_LINK_BYTES_PER_S => {
            bounds.policy.cache_most_bytes.map_or(0, |_| CACHE_DEFAULT)
        }
        _ => 0,
    };
    if cache_bytes > 0 {
        unknown.push(
            "how much of a page changes: XBZRLE may send less, and pause the guest for less, than is said here".to_owned(),
        );
    }
    let limits = Policy::from(&bounds.policy);
    let input = link.map(|(link, tolerance_percent)| Input {
        total_bytes,
        data_bytes: data.likely_bytes,
        data_tolerance_percent: data.tolerance_percent,
        readings: readings.clone(),
        pattern,
        counted: asked.counted,
        link: Link {
            bytes_per_s: link.bytes_per_s,
            tolerance_percent,
        },
        law: bounds.law,
        slowdown_ppm: bounds.slowdown_ppm,
        policy: limits,
        limit_ms: settings.downtime_ms,
        cache_bytes,
        pause_fixed_ms: asked.guest.pause_fixed_ms.unwrap_or(0).into(),
        prior: Prior::default(),
    });
    if input.as_ref().is_some_and(Input::takes_too_long) {
        unknown.push(
            "what the migration costs: its first iteration alone takes more than half a day"
                .to_owned(),
        );
    }
    let known = Known {
        memory_bytes: total_bytes,
        data: data.known,
        written: readings.iter().map(written).collect(),
        phases: pattern.map(phases),
        link: link.map(|(link, _)| link),
        slowdown_percent: bounds.slowdown_ppm / PPM_OF_A_PERCENT,
        downtime_max_ms: limits.longest_pause_ms().map(u64::from),
        deadline_ms: limits
            .deadline
            .map(|deadline| assessment::whole_ms(deadline.after)),
        measured_ms: assessment::whole_ms(measured.took),
    };
    Assessment {
        domain: asked.name,
        destination: args.dest_uri.clone(),
        findings: preflight::findings(&asked.facts),
        forecast: input.as_ref().and_then(Forecast::of),
        with_prior: input.and_then(|input| {
            let prior = known.prior();
            prior.written().next()?;
            Forecast::of(&Input { prior, ..input })
        }),
        known,
        unknown,
    }
}

fn written(reading: &Reading) -> Written {
    Written {
        span_ms: assessment::whole_ms(reading.span),
        written_bytes: reading.written_bytes,
        origin: if reading.sampled {
            Origin::Measured
        } else {
            Origin::Trace
        },
    }
}

const fn phases(pattern: Pattern) -> Phases {
    Phases {
        busy_ms: pattern.busy_ns / 1_000_000,
        quiet_ms: pattern.quiet_ns / 1_000_000,
        quiet_percent: pattern.quiet_percent,
        vcpus_idle: pattern.idles,
    }
}

/// The link, and by how much it may be off, per cent.
fn link(
    args: &EstimateArgs,
    traces: &Traces,
    unknown: &mut Vec<String>,
) -> Option<(Bandwidth, u64)> {
    if let Some(mib_per_s) = args.bandwidth {
        let told = Bandwidth {
            bytes_per_s: mib_per_s.saturating_mul(1 << 20),
            origin: Origin::Told,
        };
        return Some((told, TOLD_PERCENT));
    }
    let Some(bytes_per_s) = traces.bandwidth_bytes_per_s else {
        let folder = args.traces.display();
        unknown.push(format!(
            "the link, and so what the migration costs: no trace in {folder} tells it. Give it with --bandwidth MIB/S"
        ));
        return None;
    };
    let from_trace = Bandwidth {
        bytes_per_s,
        origin: Origin::Trace,
    };
    Some((from_trace, TRACE_PERCENT))
}

/// What a measurement cannot show.
fn unseen(measured: &Measured) -> Option<String> {
    let longest = measured.readings.iter().map(|reading| reading.span).max()?;
    Some(format!(
        "what the guest writes within more than {} s, phases longer than the measurement, and pages rewritten with the \
         same contents",
        longest.as_secs()
    ))
}

/// What was not asked, or not answered.
fn not_asked(facts: &Facts) -> Vec<String> {
    let mut unknown = Vec::new();
    if facts.copies_storage {
        unknown.push("how long the disks take, which are copied first".to_owned());
    }
    match &facts.destination {
        Destination::Unnamed => {
            unknown.push("whether a destination would take it: name one".to_owned())
        }
        Destination::Unreachable(_) => {}
        Destination::Reached(there) => {
            if there.cpu == preflight::Cpu::Unknown {
                unknown.push(
                    "whether the destination can run the processor: libvirt cannot compare it"
                        .to_owned(),
                );
            }
            unknown.push(
                "whether the hosts reach each other's migration ports (49152 to 49215), and how well they encrypt".to_owned(),
            );
        }
    }
    let elsewhere = facts
        .source
        .disks
        .iter()
        .any(|stored| stored.storage == preflight::Storage::Unknown);
    if elsewhere && !facts.copies_storage {
        unknown.push("whether the destination sees all disks".to_owned());
    }
    unknown
}

#[cfg(test)]
mod tests;
