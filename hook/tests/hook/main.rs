//! The hook as libvirt runs it: status 0 and no output, for any input.

mod cost;
mod host;
mod hostile;
mod mount_namespace;
mod operations;
mod streams;
mod told;

use std::process::Command;

/// A call of libvirt from within a hook can hang the daemon, so the hook cannot make one.
#[test]
fn libvirt_is_not_linked() {
    let ldd = Command::new("ldd").arg(host::HOOK).output().expect("ldd");
    let libraries = String::from_utf8_lossy(&ldd.stdout);
    assert!(libraries.contains("libc.so"), "{libraries}");
    assert!(!libraries.contains("libvirt"), "{libraries}");
}

/// Nor can it open the library by name at run time.
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
