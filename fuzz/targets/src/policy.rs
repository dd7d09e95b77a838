//! The policy: of a domain's XML, of its metadata alone, and of the site.
//!
//! * An error and each warning are one printable line about a line of the document, and warnings are bounded.
//! * A policy that was read is within the documented bounds, also over or under that of a site; written in any form, it is
//!   read back equal, without a warning.
//! * A domain with the element in its metadata has the policy that the element by itself has.

use libvirt_hpc_control::policy::Policy as Bounded;
use libvirt_hpc_control::sample::Settings;
use libvirt_hpc_plugin::migration::bounds::Bounds;
use libvirt_hpc_plugin::migration::guest::Guest;
use libvirt_hpc_plugin::migration::site;
use libvirt_hpc_xml_schemas as xml;
use xml::{Policy, PolicyError, Reading, Then};

use crate::scratch;
use crate::text::{assert_line_of, assert_one_line};

/// Reads `data` in every way that a policy is read.
pub fn run(data: &[u8]) {
    let element = checked(data, xml::read_metadata(data));
    let domain = checked(data, xml::read_domain(data));
    if let Some(policy) = element.as_ref().and_then(|reading| reading.policy.clone()) {
        within_a_domain(data, &policy);
    }
    for policy in [&element, &domain].into_iter().flatten() {
        if let Some(policy) = &policy.policy {
            assert_valid(policy);
            assert_read_back(policy);
            over_the_site(policy);
        }
    }
    of_the_site(data, element);
    if let Ok(text) = std::str::from_utf8(data) {
        traits(text);
    }
}

fn checked(data: &[u8], read: Result<Reading, PolicyError>) -> Option<Reading> {
    match read {
        Ok(reading) => {
            assert!(reading.warnings.len() <= xml::MAX_WARNINGS);
            for warning in &reading.warnings {
                assert_line_of(data, warning.line);
                assert_one_line("a warning", &warning.reason);
            }
            Some(reading)
        }
        Err(error) => {
            assert_line_of(data, error.line);
            assert_one_line("an error", &error.reason);
            None
        }
    }
}

fn assert_valid(policy: &Policy) {
    let within = |found: Option<u64>, least: u64, most: u64| {
        assert!(
            found.is_none_or(|found| (least..=most).contains(&found)),
            "{policy:?}"
        );
    };
    let of = |number: Option<u32>| number.map(u64::from);
    within(
        of(policy.slowdown_millipercent),
        0,
        xml::SLOWDOWN_MAX_MILLIPERCENT.into(),
    );
    within(of(policy.downtime_max_ms), 1, xml::DOWNTIME_MAX_MS.into());
    within(
        policy.bandwidth_max_mib_per_s,
        1,
        xml::BANDWIDTH_MAX_MIB_PER_S,
    );
    let seconds = policy.deadline.map(|deadline| deadline.seconds.into());
    within(seconds, 1, xml::DEADLINE_MAX_SECONDS.into());
    if let Some(job) = &policy.job {
        within(Some(job.members.into()), 1, xml::JOB_MAX_MEMBERS.into());
        within(Some(job.id.len() as u64), 1, xml::JOB_ID_MAX_BYTES as u64);
        assert_one_line("a job's name", &job.id);
    }
    let postcopy = policy
        .deadline
        .is_some_and(|deadline| deadline.then == Then::Postcopy);
    assert!(
        !postcopy || policy.postcopy_allowed == Some(true),
        "{policy:?}"
    );
    assert_eq!(policy.check(), Ok(()));
}

fn assert_read_back(policy: &Policy) {
    let reading = Reading {
        policy: Some(policy.clone()),
        warnings: Vec::new(),
    };
    for text in [policy.to_xml(), policy.to_metadata()] {
        let read = xml::read_metadata(text.as_bytes());
        assert_eq!(read.as_ref(), Ok(&reading), "{text}");
    }
    let element = policy.to_xml();
    let domain = format!("<domain>\n<metadata>\n{element}\n</metadata>\n</domain>");
    assert_eq!(xml::read_domain(domain.as_bytes()), Ok(reading), "{domain}");
}

/// The element as it stands, in a domain: where it has the namespace, the domain's policy is the element's.
fn within_a_domain(element: &[u8], policy: &Policy) {
    let (before, after) = ("<domain><metadata>", "</metadata></domain>");
    let domain = [before.as_bytes(), element, after.as_bytes()].concat();
    // An element without the namespace marks no domain; a declaration cannot stand within one.
    if let Ok(reading) = xml::read_domain(&domain)
        && let Some(found) = reading.policy
    {
        assert_eq!(&found, policy);
    }
}

fn over_the_site(policy: &Policy) {
    let nothing = Policy::default();
    assert_eq!(&policy.clone().over(&nothing), policy);
    let sites = Policy {
        job: None,
        ..policy.clone()
    };
    assert_eq!(nothing.over(&sites), sites);
    let strict = Policy {
        postcopy_allowed: Some(false),
        ..Policy::default()
    };
    for combined in [policy.clone().over(&strict), strict.over(policy)] {
        assert_valid(&combined);
        bounds(&combined);
    }
    bounds(policy);
}

/// The controller's bounds are the owner's.
fn bounds(policy: &Policy) {
    let found = Settings {
        downtime_ms: 300,
        speed_mib_per_s: 0,
    };
    let bounds = Bounds::of_running(policy, found, &Guest::default());
    let bounded = Bounded::from(&bounds.policy);
    assert_eq!(bounded.downtime_max_ms, policy.downtime_max_ms);
    assert_eq!(bounded.speed_max_mib_per_s, policy.bandwidth_max_mib_per_s);
    assert!(bounds.slowdown_ppm <= 1_000_000);
    let after = bounded.deadline.map(|deadline| deadline.after.as_secs());
    assert_eq!(
        after,
        policy.deadline.map(|deadline| deadline.seconds.into())
    );
    assert!(bounds.law.needs_postcopy() <= (policy.postcopy_allowed == Some(true)));
}

fn of_the_site(data: &[u8], element: Option<Reading>) {
    let site = site::read(&scratch::file("policy.xml", data));
    let policy = element.and_then(|reading| reading.policy);
    assert_eq!(site.policy, policy.unwrap_or_default());
    for problem in &site.problems {
        assert_one_line("a problem of the site's policy", problem);
    }
}

/// What else is read of a domain's XML.
fn traits(text: &str) {
    const MOST: usize = 256;
    if let Ok(traits) = xml::Traits::read(text) {
        assert!(traits.disks.len() <= MOST && traits.host_devices.len() <= MOST);
        let cpu = traits.cpu_element.unwrap_or_default();
        assert!(text.contains(&cpu));
    }
    let _ = (
        xml::memory_is_bounded(text),
        xml::page_bytes(text),
        xml::device_count(text),
        xml::is_emulated(text),
    );
}
