//! Set-up of the process before its first connection to libvirt.

use core::time::Duration;
use std::sync::OnceLock;
use std::thread;

use crate::error::{Error, Named};
use crate::ffi;

/// How long the event loop rests after an iteration that failed, so that a lasting failure costs no
/// core.
const REST: Duration = Duration::from_secs(1);

/// Silences libvirt's printing of every error on stderr, registers its default event loop and runs that
/// on a thread of its own. Only the first call acts; opening a connection calls it.
///
/// libvirt takes notice of the loop only if it is registered before a connection is opened
/// (`virEventRegisterDefaultImpl`, `src/util/virevent.c`); keepalive and all events need it.
///
/// # Errors
/// When the loop cannot be registered or the thread not be started; the same answer each time.
pub fn init() -> Result<(), Error> {
    static DONE: OnceLock<Result<(), Error>> = OnceLock::new();
    DONE.get_or_init(start).clone()
}

fn start() -> Result<(), Error> {
    ffi::initialize().named("virInitialize", None)?;
    virt::error::clear_error_callback();
    virt::event::event_register_default_impl().named("virEventRegisterDefaultImpl", None)?;
    thread::Builder::new()
        .name("libvirt-events".to_owned())
        .spawn(run)
        .map(drop)
        .map_err(|cause| Error::Thread {
            name: "libvirt event",
            cause: cause.to_string(),
        })
}

fn run() {
    loop {
        if virt::event::event_run_default_impl().is_err() {
            thread::sleep(REST);
        }
    }
}
