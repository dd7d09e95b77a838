use libvirt_hpc_control::guard::SPEED_UNLIMITED_MIB_PER_S;
use libvirt_hpc_control::sample::JobState;

use super::super::detail::detail;
use super::*;
use crate::agent::api::{Control, MigrationStatus};
use crate::trace::SettingsRecord;

const MIB: u64 = 1 << 20;

fn domain(name: &str, marked_by: Option<MarkedBy>) -> DomainStatus {
    DomainStatus {
        name: name.to_owned(),
        uuid: "6695eb01-f6a4-8304-79aa-97f2502e193f".to_owned(),
        marked_by,
        policy_problem: None,
        migration: None,
    }
}

fn steered() -> MigrationStatus {
    MigrationStatus {
        control: Control::Steering,
        state: JobState::Precopy,
        elapsed_ms: 12_340,
        iteration: 5,
        remaining_bytes: Some(256 * MIB),
        bytes_per_s: 112 * MIB,
        writes_bytes_per_s: Some(393 * MIB),
        hot_bytes: Some(1946 * MIB),
        target: Some(SettingsRecord {
            downtime_ms: 2310,
            speed_mib_per_s: 1000,
        }),
        cause: Some("waiting for a quieter phase".to_owned()),
        trace: Some("/var/log/libvirt-hpc/ft-0.jsonl".to_owned()),
    }
}

fn moving(name: &str, marked_by: Option<MarkedBy>, migration: MigrationStatus) -> DomainStatus {
    DomainStatus {
        migration: Some(migration),
        ..domain(name, marked_by)
    }
}

fn status(domains: Vec<DomainStatus>) -> Status {
    Status {
        version: "0.1.0".to_owned(),
        pid: 4242,
        observe: false,
        uri: "qemu:///system".to_owned(),
        libvirt_error: None,
        looked_ago_ms: Some(1500),
        domains,
    }
}

fn printed(print: impl Fn(&Status, &mut dyn Write) -> io::Result<()>, status: &Status) -> String {
    let mut bytes = Vec::new();
    print(status, &mut bytes).unwrap();
    String::from_utf8(bytes).unwrap()
}

/// Every kind of control, and what is not known in each.
fn busy_host() -> Status {
    let checked = MigrationStatus {
        elapsed_ms: 210,
        ..MigrationStatus::UNKNOWN
    };
    let other = MigrationStatus {
        control: Control::Other("virsh-hpc (process 977)".to_owned()),
        hot_bytes: None,
        target: None,
        cause: None,
        trace: None,
        ..steered()
    };
    let why = "an external change set downtime 300 ms, speed none".to_owned();
    let released = MigrationStatus {
        control: Control::Released(why),
        hot_bytes: None,
        state: JobState::Switchover,
        target: Some(SettingsRecord {
            downtime_ms: 300,
            speed_mib_per_s: SPEED_UNLIMITED_MIB_PER_S,
        }),
        cause: None,
        ..steered()
    };
    let mut lu = domain("lu-1", Some(MarkedBy::Site));
    lu.policy_problem = Some("line 3: 0 is no percentage; the defaults apply".to_owned());
    status(vec![
        lu,
        moving("ft-0", Some(MarkedBy::Domain), steered()),
        moving("gromacs-prod-17", Some(MarkedBy::Adoption), checked),
        moving("mg", Some(MarkedBy::Domain), other),
        moving("unmarked", None, released),
        domain("web-1", None),
        domain("web-2", None),
    ])
}

#[test]
fn a_host_with_migrations_under_way() {
    assert_eq!(
        printed(overview, &busy_host()),
        include_str!("overview.txt")
    );
}

#[test]
fn a_quiet_host_shows_no_empty_columns() {
    let text = printed(
        overview,
        &status(vec![
            domain("ft-0", Some(MarkedBy::Domain)),
            domain("web", None),
        ]),
    );
    let expected = "\
libvirt-hpcd 0.1.0 (process 4242), controlling
libvirt: qemu:///system connected, checked 1.50 s ago

DOMAIN  MARKED BY  STATE
ft-0    domain     not moving

1 other is not marked
";
    assert_eq!(text, expected);
}

#[test]
fn an_agent_without_libvirt_that_observes_says_both_first() {
    let lost = Status {
        observe: true,
        libvirt_error: Some("Failed to connect socket to '/run/libvirt/libvirt-sock'".to_owned()),
        looked_ago_ms: None,
        ..status(Vec::new())
    };
    let expected = "\
libvirt-hpcd 0.1.0 (process 4242), observing only: it controls nothing
libvirt: qemu:///system CANNOT BE REACHED, not checked yet: Failed to connect socket to \
'/run/libvirt/libvirt-sock'

no domain is known
";
    assert_eq!(printed(overview, &lost), expected);
}

#[test]
fn the_rest_is_counted_in_words() {
    let lines = [(0, 0), (0, 1), (0, 12), (3, 0), (3, 1), (3, 12)];
    assert_eq!(
        lines.map(|(watched, others)| rest(watched, others)),
        [
            "no domain is active on this host",
            "the only active domain is not marked",
            "none of the 12 active domains is marked",
            "no others are active",
            "1 other is not marked",
            "12 others are not marked",
        ]
    );
}

#[test]
fn one_domain_in_full() {
    let one = status(vec![moving("ft-0", Some(MarkedBy::Domain), steered())]);
    assert_eq!(printed(detail, &one), include_str!("detail.txt"));
}

#[test]
fn one_idle_domain_in_full() {
    let text = printed(detail, &status(vec![domain("web", None)]));
    let expected = "\
Domain:         web
UUID:           6695eb01-f6a4-8304-79aa-97f2502e193f
Marked by:      nobody: the agent leaves it alone
Policy:         no problem
State:          not moving
Agent:          libvirt-hpcd 0.1.0 (process 4242), controlling
libvirt:        qemu:///system connected, checked 1.50 s ago
";
    assert_eq!(text, expected);
}

#[test]
fn nothing_of_others_drives_the_terminal() {
    let evil = "\u{1b}]0;evil\u{7}\r\u{9b}2J".to_owned();
    let migration = MigrationStatus {
        control: Control::Other(evil.clone()),
        cause: Some(evil.clone()),
        trace: Some(evil.clone()),
        ..steered()
    };
    let mut domain = moving(&evil, None, migration);
    domain.uuid = evil.clone();
    domain.policy_problem = Some(evil.clone());
    let status = Status {
        version: evil.clone(),
        uri: evil.clone(),
        libvirt_error: Some(evil),
        ..status(vec![domain])
    };
    for text in [printed(overview, &status), printed(detail, &status)] {
        let control = text.chars().find(|&c| c.is_control() && c != '\n');
        assert_eq!(control, None, "{text:?}");
    }
}

#[test]
fn any_number_can_be_shown() {
    let most = MigrationStatus {
        elapsed_ms: u64::MAX,
        iteration: u64::MAX,
        remaining_bytes: Some(u64::MAX),
        bytes_per_s: u64::MAX,
        writes_bytes_per_s: Some(u64::MAX),
        hot_bytes: Some(u64::MAX),
        target: Some(SettingsRecord {
            downtime_ms: u64::MAX,
            speed_mib_per_s: u64::MAX,
        }),
        ..steered()
    };
    let text = printed(overview, &status(vec![moving("vm", None, most)]));
    assert!(text.contains("speed limit none"), "{text}");
}
