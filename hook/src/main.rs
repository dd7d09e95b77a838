//! libvirt's qemu hook: `libvirt-hpc-hook DOMAIN OPERATION SUB-OPERATION EXTRA`
//! with the domain's XML on standard input (docs/hooks.rst of libvirt).
//!
//! libvirt puts no time limit on a hook, takes its output on `migrate` for a changed domain, and lets its failure stop
//! a guest, or on `reconnect` kill one. So this one prints nothing, waits for nobody, never calls libvirt, and always
//! ends with status 0, even after a panic.
#![forbid(unsafe_code)]
#![deny(clippy::print_stdout, clippy::print_stderr)]

mod patience;

use std::panic;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use libvirt_hpc_hook::domain::Domain;
use libvirt_hpc_hook::{call, journal, notice};

use patience::Patient;

/// How long libvirt may take to pass the XML, which it does in milliseconds. Without a limit, a pipe that nobody closes
/// would keep a guest from starting for ever. A thread, which could be left behind, costs a busy host a millisecond.
const PATIENCE: Duration = Duration::from_secs(1);

fn main() -> ExitCode {
    panic::set_hook(Box::new(|_| {}));
    // Nobody can be told of a panic: libvirt would take output for trouble.
    let _ = panic::catch_unwind(run);
    ExitCode::SUCCESS
}

/// Handles the calls that matter. For any other, standard input is left unread, which libvirt allows
/// (`virCommandProcessIO` in src/util/vircommand.c ignores EPIPE).
fn run() {
    let Some(notice) = call::notice_of(std::env::args_os().skip(1)) else {
        return;
    };
    let domain = Domain::read(Patient::new(rustix::stdio::stdin(), PATIENCE));
    if domain.marked {
        // An agent that does not run, or is too busy to listen, finds the domain by itself.
        let _ = notice::send(Path::new(notice::SOCKET), &notice);
    }
    if let Some(remark) = domain.remark
        && call::is_arrival(&notice)
    {
        journal::warn(&call::warning(&notice.domain, &remark));
    }
}
