//! The forms as libvirt itself makes them, with its built-in test driver.

use std::process::Command;

use libvirt_hpc_xml_schemas::{
    Deadline, Job, NAMESPACE, PREFIX, Policy, Reading, Then, read_domain, read_metadata,
};

fn policies() -> [Policy; 2] {
    let full = Policy {
        slowdown_millipercent: Some(2500),
        downtime_max_ms: Some(5000),
        deadline: Some(Deadline {
            seconds: 600,
            then: Then::Postcopy,
        }),
        bandwidth_max_mib_per_s: Some(1000),
        postcopy_allowed: Some(true),
        compression_allowed: Some(false),
        job: Some(Job {
            id: "1234[5].pbs".to_owned(),
            members: 8,
        }),
    };
    [Policy::default(), full]
}

/// Runs virsh commands on one connection, so that they share the driver's state.
fn virsh(commands: &[String]) -> Vec<String> {
    let output = Command::new("virsh")
        .args(["-q", "-c", "test:///default"])
        .arg(commands.join("; echo ==next==; "))
        .output()
        .expect("virsh must run; it is in the Debian package libvirt-clients");
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    text.split("==next==")
        .map(|part| part.trim().to_owned())
        .collect()
}

#[test]
fn a_policy_set_in_libvirt_comes_back_in_both_forms() {
    for policy in policies() {
        let element = format!("metadata test --uri {NAMESPACE}");
        let set = format!("{element} --key {PREFIX} --set '{}'", policy.to_metadata());
        let answers = virsh(&[set, element, "dumpxml test".to_owned()]);
        let [_, stripped, domain] = answers.as_slice() else {
            panic!("three answers expected: {answers:?}");
        };
        assert!(!stripped.contains(NAMESPACE), "{stripped}");
        let expected = Ok(Reading {
            policy: Some(policy),
            warnings: Vec::new(),
        });
        assert_eq!(read_metadata(stripped.as_bytes()), expected, "{stripped}");
        assert!(domain.contains("<hpc:migration"), "{domain}");
        assert_eq!(read_domain(domain.as_bytes()), expected, "{domain}");
    }
}

#[test]
fn a_domain_of_libvirt_is_not_marked_by_itself() {
    let domain = virsh(&["dumpxml test".to_owned()]).concat();
    assert_eq!(read_domain(domain.as_bytes()), Ok(Reading::default()));
}
