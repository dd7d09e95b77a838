//! libvirt's calls of the hook, and calls that it never makes.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use crate::host::{HOOK, Host, assert_content, domain};

/// docs/hooks.rst of libvirt, and whether the agent is notified.
const OPERATIONS: [(&str, &str, bool); 9] = [
    ("prepare", "begin", false),
    ("start", "begin", false),
    ("started", "begin", true),
    ("stopped", "end", true),
    ("release", "end", false),
    ("migrate", "begin", true),
    ("restore", "begin", false),
    ("reconnect", "begin", true),
    ("attach", "begin", true),
];

#[test]
fn every_operation_of_libvirt_passes() {
    let host = Host::new();
    for (operation, sub_operation, _) in OPERATIONS {
        for policy in [
            "",
            "<h:migration/>",
            "<h:migration><h:downtime/></h:migration>",
        ] {
            let arguments = ["rank0", operation, sub_operation, "-"];
            host.call(&arguments, domain(policy).as_bytes());
        }
    }
}

#[test]
fn starts_arrivals_and_ends_of_marked_domains_are_announced_and_nothing_else() {
    let Some(host) = Host::heard() else { return };
    let marked = ["<h:migration/>", "<h:migration><h:downtime/></h:migration>"];
    for (operation, sub_operation, worth_a_notice) in OPERATIONS {
        let arguments = ["rank 0", operation, sub_operation, "-"];
        host.call(&arguments, domain("").as_bytes());
        assert_eq!(host.notices(), [], "{operation} of an unmarked domain");
        for policy in marked {
            host.call(&arguments, domain(policy).as_bytes());
            let notices = host.notices();
            assert_eq!(notices.len(), usize::from(worth_a_notice), "{operation}");
            for notice in notices {
                assert_eq!(notice.operation, operation);
                assert_eq!(notice.sub_operation, sub_operation);
                assert_eq!(notice.domain, "rank 0");
            }
        }
    }
}

#[test]
fn any_arguments_will_do() {
    let host = Host::new();
    let long = "x".repeat(100_000);
    let calls: [&[&str]; 11] = [
        &[],
        &[""],
        &["rank0"],
        &["rank0", "migrate"],
        &["rank0", "migrate", "begin"],
        &["rank0", "migrate", "begin", "-", "more", "and", "more"],
        &["rank0", "no-such-operation", "end", "failed"],
        &["", "", "", ""],
        &["--help"],
        &["--version", "migrate", "begin", "-"],
        &[&long, "migrate", "begin", &long],
    ];
    for arguments in calls {
        host.call(arguments, domain("<h:migration/>").as_bytes());
        host.call(arguments, b"");
    }
}

#[test]
fn arguments_that_are_not_text_stop_nothing() {
    let host = Host::new();
    let bytes = OsStr::from_bytes(b"\xff\xfe");
    for at in 0..4 {
        let mut arguments = ["rank0", "migrate", "begin", "-"].map(OsStr::new);
        arguments[at] = bytes;
        let child = host.command(HOOK, &[]).args(arguments).spawn();
        assert_content(child.expect("the hook"), &["not text"]);
    }
}
