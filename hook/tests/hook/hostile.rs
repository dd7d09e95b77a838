//! Documents that no libvirt would send.

use std::fs::read;
use std::path::{Path, PathBuf};

use libvirt_hpc_xml_schemas::{MAX_DOCUMENT_BYTES, NAMESPACE, read_domain};

use crate::host::{Host, domain, marked_at_the_end};

const ARRIVAL: [&str; 4] = ["rank0", "migrate", "begin", "-"];
const START: [&str; 4] = ["rank0", "started", "begin", "-"];

/// The documents of the policy's own crate in `folder` that are a whole domain, or those that are not.
fn documents(folder: &str, whole: bool) -> Vec<PathBuf> {
    let schemas = Path::new(env!("CARGO_MANIFEST_DIR")).join("../xml-schemas");
    let entries = std::fs::read_dir(schemas.join(folder)).expect("a folder");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let is_domain = |path: &PathBuf| {
        let name = path.file_name().expect("a name").to_string_lossy();
        name.starts_with("domain-")
    };
    let found: Vec<_> = paths.filter(|path| is_domain(path) == whole).collect();
    assert!(!found.is_empty(), "{folder}");
    found
}

#[test]
fn a_domain_with_the_namespace_is_marked_as_the_reader_reads_it() {
    let Some(host) = Host::heard() else { return };
    let mut said_of_any = (0, 0);
    for path in [documents("invalid", true), documents("valid", true)].concat() {
        let xml = read(&path).expect("a file");
        let reading = read_domain(&xml);
        let names_us = String::from_utf8_lossy(&xml).contains(NAMESPACE);
        let (marked, bad) = match reading {
            Ok(reading) => (reading.policy.is_some(), false),
            Err(_) => (names_us, names_us),
        };
        host.call(&ARRIVAL, &xml);
        let said = (host.notices().len(), host.log().len());
        let expected = (usize::from(marked), usize::from(bad));
        assert_eq!(said, expected, "{}", path.display());
        said_of_any = (said_of_any.0 + said.0, said_of_any.1 + said.1);
    }
    assert!(said_of_any.0 > said_of_any.1 && said_of_any.1 > 0);
}

#[test]
fn documents_that_are_no_domain_stop_nothing() {
    let host = Host::new();
    for path in documents("invalid", false) {
        host.call(&ARRIVAL, &read(&path).expect("a file"));
    }
}

#[test]
fn garbage_stops_nothing() {
    let host = Host::new();
    let bomb = "<!DOCTYPE domain [<!ENTITY a '&b;&b;'><!ENTITY b '&c;&c;'><!ENTITY c 'x'>]>\
                <domain>&a;</domain>";
    let nested = "<a>".repeat(100_000);
    let garbage: [&[u8]; 6] = [
        b"",
        b"no XML at all",
        b"\0\xff\xfe<",
        b"\x7fELF",
        bomb.as_bytes(),
        nested.as_bytes(),
    ];
    for input in garbage {
        host.call(&ARRIVAL, input);
        host.call(&START, input);
    }
}

#[test]
fn truncated_input_stops_nothing() {
    let host = Host::new();
    let whole = domain("<h:migration><h:downtime max='5'/></h:migration>");
    for cut in (0..whole.len()).step_by(5) {
        host.call(&ARRIVAL, &whole.as_bytes()[..cut]);
    }
}

#[test]
fn a_mark_at_the_end_of_a_mebibyte_is_found() {
    let Some(host) = Host::heard() else { return };
    host.call(&ARRIVAL, marked_at_the_end(1024 * 1024).as_bytes());
    assert_eq!((host.notices().len(), host.log()), (1, vec![]));
}

#[test]
fn more_than_a_domain_can_be_is_refused_and_may_be_marked() {
    let Some(host) = Host::heard() else { return };
    for bytes in [MAX_DOCUMENT_BYTES + 1, 64 * 1024 * 1024] {
        host.call(&ARRIVAL, &vec![b' '; bytes]);
        let (notices, log) = (host.notices(), host.log());
        assert_eq!((notices.len(), log.len()), (1, 1), "{bytes}");
        assert!(log[0].contains("longer than 4194304 bytes"), "{log:?}");
    }
}
