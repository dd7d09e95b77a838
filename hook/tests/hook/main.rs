//! The hook as libvirt runs it: status 0 and not a word, whatever it is given.

mod cost;
mod host;
mod hostile;
mod mount_namespace;
mod operations;
mod streams;
mod told;

use std::process::Command;

/// A call of libvirt from within a hook can hang the daemon, so there is no way
/// to make one.
#[test]
fn libvirt_is_not_linked() {
    let ldd = Command::new("ldd").arg(host::HOOK).output().expect("ldd");
    let libraries = String::from_utf8_lossy(&ldd.stdout);
    assert!(libraries.contains("libc.so"), "{libraries}");
    assert!(!libraries.contains("libvirt"), "{libraries}");
}

/// Nor is there a name to open it by at run time.
#[test]
fn libvirt_is_not_named() {
    let program = std::fs::read(host::HOOK).expect("the hook");
    let contains = |name: &[u8]| program.windows(name.len()).any(|part| part == name);
    assert!(
        contains(b"libc.so"),
        "this is not how libraries are named here"
    );
    assert!(!contains(b"libvirt.so"));
}
