//! Mounts of a test's own. The tests of `libvirt-hpcd` take this file, too.

use std::io::{self, Write};
use std::process::Command;
use std::sync::OnceLock;

/// How to get a mount namespace here: as root, or as root of a user namespace.
pub(crate) fn unshare() -> Option<&'static [&'static str]> {
    const WAYS: [&[&str]; 2] = [
        &["unshare", "--mount"],
        &["unshare", "--map-root-user", "--mount"],
    ];
    static WAY: OnceLock<Option<&[&str]>> = OnceLock::new();
    *WAY.get_or_init(|| {
        WAYS.into_iter().find(|way| {
            let mut probe = Command::new(way[0]);
            probe.args(&way[1..]);
            probe.args(["mount", "--bind", "/dev/null", "/dev/null"]);
            probe.output().is_ok_and(|output| output.status.success())
        })
    })
}

/// Whether nobody may mount, which is said: what needs it is skipped.
pub(crate) fn is_denied() -> bool {
    let is_denied = unshare().is_none();
    if is_denied {
        // Not eprintln, which the test harness would swallow.
        let _ = writeln!(io::stderr(), "SKIPPED: no right to unshare and mount");
    }
    is_denied
}
