//! Domains and their metadata.

use libvirt_hpc_libvirt::domain::Impact;
use libvirt_hpc_libvirt::{Domain, Error};

use crate::{assert_of, guest, host, uuid};

const URI: &str = "urn:libvirt-hpc:domain:1.0";
const PREFIX: &str = "hpc";

#[test]
fn lookup_follows_virshs_order() {
    let second = uuid(1);
    // The third is named like the second's UUID, the fourth like the first's id.
    let connection = host(&["first", "second", &second, "1", "9999"]);
    let name = |text: &str| {
        let domain = Domain::lookup(&connection, text).expect(text);
        domain.name().to_owned()
    };
    assert_eq!(name("first"), "first");
    assert_eq!(name("1"), "first", "an id comes before a name");
    assert_eq!(name("+2"), "second", "strtol takes a sign");
    assert_eq!(name(&second), "second", "a UUID comes before a name");
    assert_eq!(name("9999"), "9999", "no such id: the name");
    let found = Domain::lookup(&connection, &second).expect("the second");
    assert_eq!(found.uuid(), second);
    let again = Domain::lookup_by_uuid(&connection, &second).expect("the second");
    assert_eq!(again.name(), "second");
}

#[test]
fn a_missing_domain_is_named_in_the_error() {
    let connection = host(&["guest"]);
    for text in [
        "nobody",
        "7",
        "-1",
        "",
        "99999999999999999999",
        &uuid(5),
        "%s%n",
        "../guest",
    ] {
        let error = Domain::lookup(&connection, text).expect_err(text);
        assert!(error.is_no_domain(), "{text}: {error}");
        assert_of("virDomainLookupByName on domain '", &error);
    }
    let error = Domain::lookup(&connection, "gue\0st").expect_err("no C string");
    assert!(matches!(error, Error::NulByte { .. }));
}

#[test]
fn metadata_comes_back_without_its_namespace() {
    let domain = guest();
    let read = |impact| domain.metadata(URI, impact).expect("an answer");
    let set = |element, impact| {
        let set = domain.set_metadata(PREFIX, URI, element, impact);
        set.expect("set");
    };
    assert_eq!(read(Impact::Live), None);
    set(Some("<migration/>"), Impact::Live);
    assert_eq!(read(Impact::Live).as_deref(), Some("<migration/>"));
    let xml = domain.xml(0).expect("XML");
    assert!(xml.contains("<hpc:migration xmlns:hpc="), "{xml}");
    let slowdown = "<migration><slowdown percent='5'/></migration>";
    set(Some(slowdown), Impact::LiveAndConfig);
    let replaced = read(Impact::Config).expect("present");
    assert!(replaced.contains("slowdown percent=\"5\""), "{replaced}");
    assert!(!replaced.contains("<hpc:migration"), "{replaced}");
    set(None, Impact::Live);
    assert_eq!(read(Impact::Live), None);
    assert!(read(Impact::Config).is_some());
}

#[test]
fn hostile_metadata_is_an_error() {
    let domain = guest();
    for element in [
        "<unclosed>",
        "text",
        "<a/><b/>",
        "<hpc:a xmlns:hpc='urn:libvirt-hpc:domain:1.0'/>",
        "<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b",
    ] {
        let error = domain
            .set_metadata(PREFIX, URI, Some(element), Impact::Live)
            .expect_err(element);
        assert!(error.to_string().contains("on domain 'guest'"), "{error}");
    }
    for (prefix, uri, element) in [
        ("a\0", URI, "<a/>"),
        (PREFIX, "\0", "<a/>"),
        (PREFIX, URI, "\0"),
    ] {
        let error = domain.set_metadata(prefix, uri, Some(element), Impact::Live);
        assert!(matches!(error, Err(Error::NulByte { .. })));
    }
    assert!(matches!(
        domain.metadata("\0", Impact::Live),
        Err(Error::NulByte { .. })
    ));
}

#[test]
fn state_follows_suspend() {
    let domain = guest();
    assert!(domain.is_active().expect("known") && domain.is_persistent().expect("known"));
    let running = domain.state().expect("known");
    assert!(!running.is_off() && !running.is_paused_for_migration() && !running.is_postcopy());
    domain.suspend().expect("it runs");
    let paused = domain.state().expect("known");
    assert_eq!((paused.state, paused.reason), (3, 1), "paused by the user");
    let twice = domain.suspend().expect_err("it is paused already");
    assert_of("virDomainSuspend on domain 'guest': ", &twice);
}

#[test]
fn without_fault_counters_there_are_no_faults_and_no_error() {
    let domain = guest();
    assert_eq!(domain.page_faults(), None);
    assert!(domain.is_active().expect("the connection is as before"));
}
