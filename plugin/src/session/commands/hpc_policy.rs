//! `hpc-policy`: shows, sets, marks and clears the policy of a domain.

use std::io::Write;
use std::process::ExitCode;

use anyhow::{Context, Result, anyhow, bail};
use libvirt_hpc_libvirt::domain::Impact;
use libvirt_hpc_libvirt::{Connection, Domain};
use libvirt_hpc_xml_schemas::{self as xml, NAMESPACE, PREFIX, Policy, read_metadata};

use crate::flags::hpc_commands::PolicyArgs;
use crate::flags::{DeadlineAction, Globals};
use crate::session::connect;
use crate::session::terminal::console::Console;

/// `VIR_DOMAIN_XML_INACTIVE`, libvirt's `include/libvirt/libvirt-domain.h`.
const XML_INACTIVE: u32 = 1 << 1;

/// One of a domain's definitions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Definition {
    Live,
    Config,
}

impl Definition {
    const fn name(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Config => "config",
        }
    }

    const fn impact(self) -> Impact {
        match self {
            Self::Live => Impact::Live,
            Self::Config => Impact::Config,
        }
    }

    const fn xml_flags(self) -> u32 {
        match self {
            Self::Live => 0,
            Self::Config => XML_INACTIVE,
        }
    }
}

/// Runs the command; prints to `out`.
///
/// # Errors
/// libvirt's, or that the policy asked for is none, or that the domain migrates just now.
pub fn command(globals: &Globals, args: &PolicyArgs, out: &mut dyn Write) -> Result<ExitCode> {
    let uri = connect::uri(globals)?;
    let connection = Connection::open(uri.as_deref(), connect::options(globals))?;
    let domain = Domain::lookup(&connection, &args.domain)?;
    let definitions = definitions(&domain, args)?;
    if args.shows_only() {
        for definition in definitions {
            show(&domain, definition, args.verbose, out)?;
        }
        return Ok(ExitCode::SUCCESS);
    }
    refuse_during_migration(&domain)?;
    let mut console = Console::new(globals.quiet);
    // All is checked before anything is changed.
    let planned: Vec<(Definition, Option<Policy>)> = definitions
        .into_iter()
        .map(|definition| Ok((definition, plan(&domain, definition, args, &mut console)?)))
        .collect::<Result<_>>()?;
    for (definition, policy) in planned {
        change(&domain, definition, policy.as_ref(), args.verbose, out)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// What is meant: as asked, else whatever the domain has.
fn definitions(domain: &Domain, args: &PolicyArgs) -> Result<Vec<Definition>> {
    let all = !args.live && !args.config;
    let mut definitions = Vec::new();
    if args.live || (all && domain.is_active()?) {
        definitions.push(Definition::Live);
    }
    if args.config || (all && domain.is_persistent()?) {
        definitions.push(Definition::Config);
    }
    Ok(definitions)
}

/// libvirt would let the change wait for up to 30 s, give up, and make it all the same after the
/// migration.
fn refuse_during_migration(domain: &Domain) -> Result<()> {
    let running = domain.is_active()?
        && match domain.job_stats() {
            Ok(stats) => stats.job_type.is_running(),
            // A driver without jobs has no migrations.
            Err(error) if error.is_unsupported() => false,
            Err(error) => return Err(error.into()),
        };
    if running {
        let name = domain.name();
        bail!(
            "{name} is in the middle of a migration or another job: nothing was changed, try again \
               when it is over (virsh domjobinfo {name})"
        );
    }
    Ok(())
}

fn show(domain: &Domain, definition: Definition, verbose: bool, out: &mut dyn Write) -> Result<()> {
    let name = definition.name();
    match domain.metadata(NAMESPACE, definition.impact())? {
        None => writeln!(out, "{name}: not marked")?,
        Some(element) => match read_metadata(element.as_bytes()) {
            Ok(reading) => {
                writeln!(
                    out,
                    "{name}:\n{}",
                    reading.policy.unwrap_or_default().to_xml()
                )?;
                for xml::Warning { line, reason } in reading.warnings {
                    writeln!(out, "{name}: line {line}: {reason}")?;
                }
            }
            Err(error) => writeln!(
                out,
                "{name}: broken, the defaults apply: {error}\n{element}"
            )?,
        },
    }
    if verbose {
        print_xml(domain, definition, "", out)?;
    }
    Ok(())
}

/// What the definition's policy shall be; none to clear it.
fn plan(
    domain: &Domain,
    definition: Definition,
    args: &PolicyArgs,
    console: &mut Console,
) -> Result<Option<Policy>> {
    if args.clear {
        return Ok(None);
    }
    let element = domain.metadata(NAMESPACE, definition.impact())?;
    let reading = element
        .map(|element| read_metadata(element.as_bytes()))
        .transpose();
    let present = reading.unwrap_or_else(|error| {
        let name = definition.name();
        console.warn(&format!(
            "the {name} policy was broken and is replaced: {error}"
        ));
        None
    });
    let policy = edit(
        present
            .and_then(|reading| reading.policy)
            .unwrap_or_default(),
        args,
    );
    policy
        .check()
        .map_err(|error| anyhow!("{}: nothing was changed", error.reason))?;
    Ok(Some(policy))
}

/// `policy` with what `args` sets.
fn edit(policy: Policy, args: &PolicyArgs) -> Policy {
    let then = policy
        .deadline
        .map(|deadline| deadline.then)
        .unwrap_or_default();
    let deadline = args.set_deadline.map(|asked| xml::Deadline {
        seconds: asked.seconds,
        then: asked.then.map_or(then, |action| match action {
            DeadlineAction::Switchover => xml::Then::Switchover,
            DeadlineAction::Abort => xml::Then::Abort,
            DeadlineAction::Postcopy => xml::Then::Postcopy,
        }),
    });
    let job = args.set_job.as_ref().map(|job| xml::Job {
        id: job.id.clone(),
        members: job.members,
    });
    Policy {
        slowdown_millipercent: args
            .set_slowdown
            .map(|percent| u32::from(percent) * 1000)
            .or(policy.slowdown_millipercent),
        downtime_max_ms: args.set_max_downtime.or(policy.downtime_max_ms),
        deadline: deadline.or(policy.deadline),
        bandwidth_max_mib_per_s: args.set_bandwidth.or(policy.bandwidth_max_mib_per_s),
        postcopy_allowed: args.set_postcopy.or(policy.postcopy_allowed),
        compression_allowed: args.set_compression.or(policy.compression_allowed),
        job: job.or(policy.job),
    }
}

fn change(
    domain: &Domain,
    definition: Definition,
    policy: Option<&Policy>,
    verbose: bool,
    out: &mut dyn Write,
) -> Result<()> {
    if verbose {
        print_xml(domain, definition, " before", out)?;
    }
    let element = policy.map(Policy::to_metadata);
    let set = domain.set_metadata(PREFIX, NAMESPACE, element.as_deref(), definition.impact());
    let name = definition.name();
    match set {
        // Cleared before, cleared now.
        Err(error) if policy.is_none() && error.is_no_metadata() => {}
        set => set.with_context(|| format!("cannot change the {name} policy"))?,
    }
    match policy {
        Some(policy) => writeln!(out, "{name}:\n{}", policy.to_xml())?,
        None => writeln!(out, "{name}: not marked")?,
    }
    if verbose {
        print_xml(domain, definition, " after", out)?;
    }
    Ok(())
}

fn print_xml(
    domain: &Domain,
    definition: Definition,
    when: &str,
    out: &mut dyn Write,
) -> Result<()> {
    let xml = domain.xml(definition.xml_flags())?;
    writeln!(out, "{} XML{when}:\n{}", definition.name(), xml.trim_end())?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flags::Deadline;

    #[test]
    fn only_what_is_named_changes() {
        let before = Policy {
            downtime_max_ms: Some(7),
            deadline: Some(xml::Deadline {
                seconds: 60,
                then: xml::Then::Abort,
            }),
            ..Policy::default()
        };
        let args = PolicyArgs {
            set_slowdown: Some(5),
            set_deadline: Some(Deadline {
                seconds: 90,
                then: None,
            }),
            set_compression: Some(false),
            ..PolicyArgs::default()
        };
        let expected = Policy {
            slowdown_millipercent: Some(5000),
            downtime_max_ms: Some(7),
            deadline: Some(xml::Deadline {
                seconds: 90,
                then: xml::Then::Abort,
            }),
            compression_allowed: Some(false),
            ..Policy::default()
        };
        assert_eq!(edit(before, &args), expected);
    }
}
