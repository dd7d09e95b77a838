//! The adapter on libvirt's test driver: a real client library with hosts and guests that it invents.
//!
//! The driver has no migrations; those are tested between real daemons.

use std::sync::atomic::{AtomicU64, Ordering};

use libvirt_hpc_libvirt::connect::Options;
use libvirt_hpc_libvirt::{Connection, Domain, Error};

mod connection;
mod domain;
mod migration;

/// A host of this test's own, with the guests given by name; the first runs as id 1, the second as 2.
fn host(guests: &[&str]) -> Connection {
    static FILES: AtomicU64 = AtomicU64::new(0);
    let number = FILES.fetch_add(1, Ordering::Relaxed);
    let path = std::env::temp_dir().join(format!("hpc-{}-{number}.xml", std::process::id()));
    let domains: String = guests
        .iter()
        .enumerate()
        .map(|(index, name)| {
            let uuid = uuid(index);
            format!(
                "<domain type='test'><name>{name}</name><uuid>{uuid}</uuid>\
                 <memory>8192</memory><os><type>hvm</type></os></domain>"
            )
        })
        .collect();
    std::fs::write(&path, format!("<node>{domains}</node>"))
        .expect("a file in the temporary folder");
    let uri = format!("test://{}", path.display());
    let connection = Connection::open(Some(&uri), Options::default()).expect("the test driver");
    std::fs::remove_file(&path).expect("the file is read when the connection is opened");
    connection
}

/// The error is of that call, on that domain.
#[track_caller]
fn assert_of(call: &str, error: &Error) {
    assert!(error.to_string().starts_with(call), "{error}");
}

fn uuid(index: usize) -> String {
    format!("00000000-0000-4000-8000-{index:012}")
}

fn guest() -> Domain {
    Domain::lookup(&host(&["guest"]), "guest").expect("the guest")
}
