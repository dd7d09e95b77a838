//! Connections.

use libvirt_hpc_libvirt::connect::{KeepAlive, Options};
use libvirt_hpc_libvirt::features::{Features, Version, library_version};
use libvirt_hpc_libvirt::{Connection, Domain, Error};

use crate::{assert_of, host};

#[test]
fn versions_are_reported() {
    let connection = host(&[]);
    let features = Features::of(&connection).expect("all drivers tell it");
    assert!(features.library >= Version::new(6, 0, 0));
    assert_eq!(features.library, library_version().expect("the library"));
    // The driver is in the library, and its hypervisor is version 0.0.2.
    assert_eq!(features.daemon, features.library);
}

#[test]
fn connections_that_cannot_be_had() {
    for uri in [
        "test:///no/such/file",
        "nonsense://",
        "qemu+unix:///system?socket=/no/such",
        "%",
    ] {
        let error = Connection::open(Some(uri), Options::default()).expect_err(uri);
        let words = error.libvirt_message();
        assert!(words.is_some_and(|words| !words.is_empty()), "{error}");
        assert_of("virConnectOpenAuth: ", &error);
    }
    let error = Connection::open(Some("test:\0"), Options::default()).expect_err("no C string");
    assert!(matches!(error, Error::NulByte { .. }));
}

#[test]
fn keepalive_is_a_wish_or_a_demand() {
    let keepalive = |required| {
        Some(KeepAlive {
            interval_s: 5,
            count: 3,
            required,
        })
    };
    let open = |keepalive| {
        let options = Options {
            keepalive,
            read_only: false,
        };
        Connection::open(Some("test:///default"), options)
    };
    assert!(open(keepalive(false)).is_ok());
    let error = open(keepalive(true)).expect_err("the driver has none");
    assert!(error.is_unsupported(), "{error}");
}

#[test]
fn read_only_may_read_and_not_change() {
    let options = Options {
        read_only: true,
        keepalive: None,
    };
    let connection = Connection::open(Some("test:///default"), options).expect("the test driver");
    let domain = Domain::lookup(&connection, "test").expect("its only domain");
    assert!(domain.is_active().expect("a reading"));
    let code = domain.suspend().expect_err("a touch").code();
    assert_eq!(code, Some(virt_sys::VIR_ERR_OPERATION_DENIED));
}

#[test]
fn reopen_is_a_connection_of_its_own() {
    let connection = Connection::open(Some("test:///default"), Options::default()).expect("opens");
    let other = connection.reopen().expect("opens again");
    assert_eq!(other.uri().expect("known"), "test:///default");
    drop(connection);
    assert!(other.is_alive() && other.closed().is_none());
    assert!(Domain::lookup(&other, "test").is_ok());
}
