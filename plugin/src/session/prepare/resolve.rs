//! The owner's policy, the command line and what libvirt holds, resolved into the bounds of one
//! migration.
//!
//! ```text
//! defaults < the site's policy < that in the domain's XML < --hpc-* options; and over all of them virsh's own options
//! ```

use std::time::Duration;

use libvirt_hpc_control::law::Fetch;
use libvirt_hpc_control::policy::{Deadline, Policy, Then, Timeout};
use libvirt_hpc_control::target::Action;
use libvirt_hpc_control::time::Timestamp;
use libvirt_hpc_libvirt::parameter::{Parameter, Value};
use libvirt_hpc_xml_schemas as xml;

use crate::drive::Mode;
use crate::flags::migrate_flags as bits;
use crate::flags::{self, HpcOptions, MigrateRequest, TimeoutAction, Virsh};
use crate::in_words;
use crate::laws::LawName;
use crate::migration::bounds;
use crate::migration::guest::Guest;

/// The first release of virsh whose `--timeout` runs since memory flows, not since the command's start
/// (`virshWatchJob`, `tools/virsh-domain.c`).
const TIMEOUT_SINCE_MEMORY: Virsh = Virsh::new(11, 0);

const BANDWIDTH: &str = "bandwidth";
const POSTCOPY_BANDWIDTH: &str = "bandwidth.postcopy";
const COMPRESSION: &str = "compression";
const MIGRATE_URI: &str = "migrate_uri";
const SWITCHOVER_BANDWIDTH: &str = "bandwidth.avail.switchover";
const MIB: u64 = 1024 * 1024;

/// With these libvirt or QEMU refuses a migration that could switch to post-copy: more than one
/// connection (before QEMU 10.1), a guest that is to stay paused, a tunnel, storage to copy.
const EXCLUDES_POSTCOPY: u32 =
    bits::TUNNELLED | bits::PAUSED | bits::PARALLEL | bits::NON_SHARED_DISK | bits::NON_SHARED_INC;

/// With these the user has chosen a compression, or QEMU refuses XBZRLE (more than one connection), or the guest
/// may switch to post-copy, whose pause XBZRLE makes 0.8 to 1.2 s for 0.3 (measured, QEMU 10.0).
const EXCLUDES_COMPRESSION: u32 = bits::COMPRESSED | bits::PARALLEL | bits::POSTCOPY;

/// All that counts.
#[derive(Clone, Copy, Debug)]
pub struct Inputs<'a> {
    /// What the user asks virsh for.
    pub request: &'a MigrateRequest,
    /// What the user asks virsh-hpc for.
    pub options: &'a HpcOptions,
    /// The owner's policy; the default if the domain has none, or a broken one.
    pub policy: &'a xml::Policy,
    /// The speed stored in the domain (`virsh migrate-setspeed`), MiB/s; none if libvirt does not say.
    pub stored_speed_mib_per_s: Option<u64>,
    /// The downtime limit stored in the domain (`virsh migrate-setmaxdowntime`), milliseconds.
    pub stored_downtime_ms: u64,
    /// The largest cache of XBZRLE, bytes; none if there is no memory for one.
    pub cache_most_bytes: Option<u64>,
    /// What else the domain says of itself.
    pub guest: Guest,
    /// Whose meaning of `--timeout` holds.
    pub virsh: Virsh,
    /// When the command was started.
    pub started: Timestamp,
}

/// What follows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolved {
    /// The controller's bounds.
    pub policy: Policy,
    /// The law.
    pub law: LawName,
    /// What pre-copy costs the application, parts per million.
    pub slowdown_ppm: u64,
    /// Whether targets are carried out.
    pub mode: Mode,
    /// `virDomainMigrateFlags` of the call.
    pub flags: u32,
    /// The parameters of the call, without the XML documents.
    pub parameters: Vec<Parameter>,
    /// What the user should know before it begins.
    pub warnings: Vec<String>,
}

impl Resolved {
    /// The bandwidth that the call is given, MiB/s.
    #[must_use]
    pub fn bandwidth(&self) -> Option<u64> {
        bandwidth(&self.parameters)
    }

    /// Another controller steers: what remains is the user's own, a timer or post-copy.
    pub fn yield_to_another(&mut self) {
        self.mode = Mode::Observe;
        self.policy.observes = true;
        self.policy.deadline = None;
        self.policy.cache_most_bytes = None;
    }
}

/// Resolves. Pure: same inputs, same bounds.
#[must_use]
pub fn resolve(inputs: &Inputs<'_>) -> Resolved {
    let Inputs {
        request,
        options,
        policy,
        ..
    } = *inputs;
    let mode = if options.observe {
        Mode::Observe
    } else {
        Mode::Steer
    };
    let mut resolved = Resolved {
        policy: Policy {
            downtime_max_ms: options.max_downtime_ms.or(policy.downtime_max_ms),
            timeout: timeout(inputs),
            postcopy_after_first_round: request.postcopy_after_precopy,
            switchover_bytes_per_s: switchover(request),
            page_bytes: inputs.guest.page_bytes,
            pause_fixed_ms: inputs.guest.pause_fixed_ms,
            observes: mode == Mode::Observe,
            ..Policy::default()
        },
        law: options.law.unwrap_or_default(),
        slowdown_ppm: slowdown_ppm(options, policy),
        mode,
        flags: request.flags,
        parameters: request.parameters.clone(),
        warnings: Vec::new(),
    };
    limit_speed(&mut resolved, inputs);
    limit_downtime(&mut resolved, inputs);
    if mode == Mode::Steer {
        resolved.policy.deadline = deadline(&mut resolved, options, policy);
        choose_postcopy(&mut resolved, inputs);
        warn_without_postcopy(&mut resolved);
        choose_compression(&mut resolved, inputs);
    }
    limit_postcopy(&mut resolved, inputs);
    resolved
}

/// The adaptive law has memory sent with XBZRLE, unless the owner or the user says no or has chosen a compression, the
/// other options leave no room for it, or the domain none for a cache.
fn choose_compression(resolved: &mut Resolved, inputs: &Inputs<'_>) {
    let Inputs {
        options, policy, ..
    } = *inputs;
    let adaptive = !matches!(resolved.law, LawName::Baseline(_));
    let allowed = options.compression.or(policy.compression_allowed);
    let chosen = |parameter: &Parameter| parameter.name.starts_with(COMPRESSION);
    let possible = resolved.flags & EXCLUDES_COMPRESSION == 0
        && !resolved.parameters.iter().any(|p| chosen(p) || is_rdma(p));
    if !adaptive || allowed == Some(false) {
        return;
    }
    if let Some(most_bytes) = inputs.cache_most_bytes.filter(|_| possible) {
        resolved.flags |= bits::COMPRESSED;
        resolved.parameters.push(Parameter {
            name: COMPRESSION,
            value: Value::TextList(vec!["xbzrle".to_owned()]),
        });
        resolved.policy.cache_most_bytes = Some(most_bytes);
    } else if options.compression == Some(true) {
        let warning = "memory is not sent with XBZRLE: the options given exclude it or name a compression, or its QEMU has no memory left for a cache (bounded, locked, huge pages, NUMA nodes, a cgroup or the host)";
        resolved.warnings.push(warning.to_owned());
    }
}

/// RDMA moves pages by itself.
fn is_rdma(parameter: &Parameter) -> bool {
    let rdma = |value: &Value| matches!(value, Value::Text(uri) if uri.starts_with("rdma:"));
    parameter.name == MIGRATE_URI && rdma(&parameter.value)
}

/// Where the owner allows post-copy, the law may switch to it; if the options leave room for it, and the pages are not
/// so large that it never would.
fn choose_postcopy(resolved: &mut Resolved, inputs: &Inputs<'_>) {
    if inputs.options.law.is_none()
        && inputs.policy.postcopy_allowed == Some(true)
        && !Fetch::of(&resolved.policy).has_huge_pages()
        && begin_with_postcopy(resolved)
    {
        resolved.law = LawName::AdaptiveOrPostcopy;
    }
}

/// A law that somebody asks for by name gets what it is given: it is not for virsh-hpc to permit it post-copy.
fn warn_without_postcopy(resolved: &mut Resolved) {
    if resolved.law.needs_postcopy() && resolved.flags & bits::POSTCOPY == 0 {
        let law = resolved.law;
        resolved.warnings.push(format!(
            "the law {law} switches to post-copy, which libvirt refuses without --postcopy"
        ));
    }
}

fn slowdown_ppm(options: &HpcOptions, policy: &xml::Policy) -> u64 {
    let from_option = options
        .slowdown_percent
        .map(|percent| u64::from(percent) * 10_000);
    from_option.unwrap_or_else(|| bounds::slowdown_ppm(policy))
}

fn timeout(inputs: &Inputs<'_>) -> Option<Timeout> {
    let timeout = inputs.request.timeout?;
    Some(Timeout {
        after: Duration::from_secs(timeout.seconds.into()),
        from: (inputs.virsh < TIMEOUT_SINCE_MEMORY).then_some(inputs.started),
        action: match timeout.action {
            TimeoutAction::Suspend => Action::Suspend,
            TimeoutAction::Postcopy => Action::StartPostcopy,
        },
    })
}

fn switchover(request: &MigrateRequest) -> Option<u64> {
    let mib_per_s = number(&request.parameters, SWITCHOVER_BANDWIDTH)?;
    Some(mib_per_s.saturating_mul(MIB))
}

/// The lowest of what the user gives, what is stored and what the owner allows is the ceiling. Where the
/// owner's is lower than what would apply anyway, the call is given it, so that it holds from the first
/// byte.
fn limit_speed(resolved: &mut Resolved, inputs: &Inputs<'_>) {
    let given = bandwidth(&inputs.request.parameters);
    resolved.policy.owners_speed_mib_per_s = inputs
        .policy
        .bandwidth_max_mib_per_s
        .filter(|_| resolved.mode == Mode::Steer);
    let anyway = given.or(inputs.stored_speed_mib_per_s).unwrap_or(0);
    resolved.policy = resolved.policy.under_speed(anyway);
    let Some(speed) = resolved.policy.speed_max_mib_per_s else {
        return;
    };
    if resolved.flags & bits::PARALLEL != 0 {
        let warning = "with --parallel QEMU does not keep to a speed limit well";
        resolved
            .warnings
            .push(format!("{warning}: {speed} MiB/s may be exceeded"));
    }
    if !resolved.policy.speed_is_order {
        set_number(&mut resolved.parameters, BANDWIDTH, speed);
    }
}

/// A downtime limit that was stored before is the user's order, as a stored speed is, unless the command line says
/// otherwise.
fn limit_downtime(resolved: &mut Resolved, inputs: &Inputs<'_>) {
    let stored = bounds::ordered_limit_ms(inputs.stored_downtime_ms);
    let Some(limit_ms) = stored.filter(|_| inputs.options.max_downtime_ms.is_none()) else {
        return;
    };
    resolved.policy.limit_max_ms = Some(limit_ms);
    resolved.warnings.push(format!(
        "the domain's downtime limit was set to {limit_ms} ms before (virsh migrate-setmaxdowntime), which is not \
         exceeded; --hpc-max-downtime overrides it"
    ));
}

/// An owner's ceiling is of the time that the guest runs, and holds in post-copy, too: QEMU knows another limit there,
/// which is none at first. The user's own is kept where it is lower.
fn limit_postcopy(resolved: &mut Resolved, inputs: &Inputs<'_>) {
    if resolved.flags & bits::POSTCOPY == 0 {
        return;
    }
    let given = number(&resolved.parameters, POSTCOPY_BANDWIDTH)
        .or(inputs.guest.postcopy_speed_mib_per_s.filter(|&mib| mib > 0));
    let owners = inputs
        .policy
        .bandwidth_max_mib_per_s
        .filter(|_| resolved.mode == Mode::Steer);
    let most = given.into_iter().chain(owners).min();
    resolved.policy.postcopy_speed_max_mib_per_s = most;
    resolved.policy.postcopy_speed_found_mib_per_s = most;
    if let Some(most) = most.filter(|_| most != given) {
        set_number(&mut resolved.parameters, POSTCOPY_BANDWIDTH, most);
    }
    if Fetch::of(&resolved.policy).has_huge_pages() {
        resolved
            .warnings
            .push(in_words::POSTCOPY_WITH_HUGE_PAGES.to_owned());
    }
}

/// The bandwidth among the parameters, MiB/s.
#[must_use]
pub fn bandwidth(parameters: &[Parameter]) -> Option<u64> {
    number(parameters, BANDWIDTH)
}

/// A number among the parameters; zero is none, as for libvirt.
fn number(parameters: &[Parameter], name: &str) -> Option<u64> {
    parameters
        .iter()
        .find_map(|parameter| match parameter.value {
            Value::UnsignedLong(number) if parameter.name == name && number > 0 => Some(number),
            _ => None,
        })
}

/// Gives the parameters a number instead of the one they have.
fn set_number(parameters: &mut Vec<Parameter>, name: &'static str, number: u64) {
    parameters.retain(|parameter| parameter.name != name);
    let value = Value::UnsignedLong(number);
    parameters.push(Parameter { name, value });
}

fn deadline(
    resolved: &mut Resolved,
    options: &HpcOptions,
    policy: &xml::Policy,
) -> Option<Deadline> {
    let owners = policy.deadline;
    let owners_then = owners.map(|deadline| bounds::then(deadline.then));
    let (seconds, then) = match options.deadline {
        Some(asked) => (asked.seconds, asked.then.map(then_of).or(owners_then)),
        None => (owners?.seconds, owners_then),
    };
    let mut then = then.unwrap_or_default();
    if then == Then::Postcopy && !allow_postcopy(resolved) {
        then = Then::Switchover;
    }
    Some(Deadline {
        after: Duration::from_secs(seconds.into()),
        then,
    })
}

fn then_of(action: flags::DeadlineAction) -> Then {
    match action {
        flags::DeadlineAction::Switchover => Then::Switchover,
        flags::DeadlineAction::Abort => Then::Abort,
        flags::DeadlineAction::Postcopy => Then::Postcopy,
    }
}

/// Post-copy is possible only in a migration that was started with it. Whoever names it, the owner in
/// the policy (whose reader demands that it be allowed there) or the user, has asked for it.
fn allow_postcopy(resolved: &mut Resolved) -> bool {
    let possible = begin_with_postcopy(resolved);
    if !possible {
        let reason = "post-copy at the deadline is not possible with the options given";
        resolved
            .warnings
            .push(format!("{reason}: the guest will be switched over instead"));
    }
    possible
}

/// Starts the migration with post-copy, if that goes with the other options.
fn begin_with_postcopy(resolved: &mut Resolved) -> bool {
    let possible = resolved.flags & bits::LIVE != 0 && resolved.flags & EXCLUDES_POSTCOPY == 0;
    if possible {
        resolved.flags |= bits::POSTCOPY;
    }
    possible || resolved.flags & bits::POSTCOPY != 0
}

#[cfg(test)]
mod tests;
