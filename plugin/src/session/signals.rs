//! Ctrl-C, SIGTERM and a terminal that hangs up: each of them asks for an abort, as often as it comes.

use std::fs;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use libvirt_hpc_libvirt::watcher::Waker;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

/// Counts the requests to abort.
#[derive(Clone, Debug, Default)]
pub struct Requests(Arc<AtomicUsize>);

impl Requests {
    /// Catches the signals for the rest of the process's life. `wake` ends the wait of the loop, so that
    /// a request is heard at once.
    ///
    /// SIGINT and SIGHUP are left alone if they were ignored at the start (`nohup`, a shell's `&`).
    ///
    /// # Errors
    /// When the system refuses to install a handler.
    pub fn catch(waker: Waker) -> io::Result<Self> {
        let requests = Self::default();
        let ignored = ignored(&fs::read_to_string("/proc/self/status").unwrap_or_default());
        let wanted = [SIGINT, SIGTERM, SIGHUP];
        let caught = wanted
            .into_iter()
            .filter(|&signal| signal == SIGTERM || !is_in(signal, ignored));
        let mut signals = Signals::new(caught)?;
        let count = Arc::clone(&requests.0);
        thread::Builder::new()
            .name("signals".to_owned())
            .spawn(move || {
                for _ in signals.forever() {
                    count.fetch_add(1, Ordering::Relaxed);
                    waker.wake();
                }
            })?;
        Ok(requests)
    }

    /// Whether an abort was asked for.
    #[must_use]
    pub fn any(&self) -> bool {
        self.0.load(Ordering::Relaxed) > 0
    }
}

/// The mask of ignored signals (`SigIgn`, proc(5)), from `/proc/self/status`; none if it does not say.
fn ignored(status: &str) -> u64 {
    let line = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    line.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .unwrap_or(0)
}

fn is_in(signal: i32, mask: u64) -> bool {
    u32::try_from(signal - 1)
        .is_ok_and(|bit| mask.checked_shr(bit).is_some_and(|mask| mask & 1 == 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_tells_what_was_ignored() {
        let mask = ignored("Name:\tx\nSigBlk:\t0000000000000003\nSigIgn:\t0000000000000002\n");
        assert!(is_in(SIGINT, mask));
        assert!(!is_in(SIGHUP, mask) && !is_in(SIGTERM, mask));
        assert_eq!((ignored(""), ignored("SigIgn: x")), (0, 0));
        assert!(!is_in(0, u64::MAX));
    }
}
