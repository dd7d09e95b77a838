//! libvirt's qemu hook: `libvirt-hpc-hook DOMAIN OPERATION SUB-OPERATION EXTRA`
//! with the domain's XML on standard input (docs/hooks.rst of libvirt).
//!
//! libvirt puts no time limit on a hook, takes what it prints on `migrate` for
//! a changed domain, and lets its failure stop a guest, or on `reconnect` kill
//! one. So this one prints nothing, waits for nobody, never calls libvirt, and
//! ends with status 0 whatever happens, a panic included.
#![forbid(unsafe_code)]

mod arrival;
mod journal;

use std::ffi::OsString;
use std::io;
use std::panic;
use std::process::ExitCode;

fn main() -> ExitCode {
    panic::set_hook(Box::new(|_| {}));
    // There is nobody to tell of a panic: libvirt would take words for trouble.
    let _ = panic::catch_unwind(run);
    ExitCode::SUCCESS
}

/// Looks at the one call that matters so far: the start of an incoming
/// migration. Of any other, standard input is left unread, which libvirt
/// allows (`virCommandProcessIO` in src/util/vircommand.c ignores EPIPE).
fn run() {
    let arguments: Vec<OsString> = std::env::args_os().skip(1).take(3).collect();
    let [domain, operation, sub_operation] = arguments.as_slice() else {
        return;
    };
    if operation != "migrate" || sub_operation != "begin" {
        return;
    }
    if let Some(message) = arrival::check(&domain.to_string_lossy(), io::stdin().lock()) {
        journal::warn(&message);
    }
}
