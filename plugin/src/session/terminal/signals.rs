//! Ctrl-C asks for an abort. SIGTERM, and a terminal that hangs up, end the command, as they end virsh: whether they
//! end the migration with it is for its transport to say.

use std::fs;
use std::io;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::thread;

use libc::SIGXFSZ;
use libvirt_hpc_libvirt::watcher::Waker;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use signal_hook::low_level;

/// What signals have asked for so far.
#[derive(Clone, Debug, Default)]
pub struct Requests(Arc<Asked>);

#[derive(Debug, Default)]
struct Asked {
    abort: AtomicBool,
    /// The first signal that ends the command; zero before it.
    end: AtomicI32,
}

impl Requests {
    /// Catches the signals for the rest of the process's life. `wake` ends the wait of the loop, so that
    /// a request is heard at once.
    ///
    /// A signal is left alone that was ignored at the start (`nohup`, a shell's `&`).
    ///
    /// # Errors
    /// When the system refuses to install a handler.
    pub fn catch(waker: Waker) -> io::Result<Self> {
        let requests = Self::default();
        let ignored = ignored(&fs::read_to_string("/proc/self/status").unwrap_or_default());
        let wanted = [SIGINT, SIGTERM, SIGHUP];
        let caught = wanted.into_iter().filter(|&signal| !is_in(signal, ignored));
        let mut signals = Signals::new(caught)?;
        let heard = requests.clone();
        thread::Builder::new()
            .name("signals".to_owned())
            .spawn(move || {
                for signal in signals.forever() {
                    heard.hear(signal);
                    waker.wake();
                }
            })?;
        Ok(requests)
    }

    fn hear(&self, signal: i32) {
        if signal == SIGINT {
            self.0.abort.store(true, Ordering::Relaxed);
            return;
        }
        // The first stays.
        let (end, relaxed) = (&self.0.end, Ordering::Relaxed);
        let _ = end.compare_exchange(0, signal, relaxed, relaxed);
    }

    /// Whether an abort was asked for.
    #[must_use]
    pub fn abort(&self) -> bool {
        self.0.abort.load(Ordering::Relaxed)
    }

    /// Whether the user waits for the command's end, whatever becomes of the migration.
    #[must_use]
    pub fn any(&self) -> bool {
        self.abort() || self.end().is_some()
    }

    /// The signal by which the command is to end, if one has come.
    #[must_use]
    pub fn end(&self) -> Option<i32> {
        Some(self.0.end.load(Ordering::Relaxed)).filter(|&signal| signal != 0)
    }
}

/// Outlives a file that is as long as the user's limit allows (`ulimit -f`): what is written there then fails, and ends
/// a trace or a report, not the command and its migration. A program that this one becomes does not inherit it.
///
/// # Errors
/// When the system refuses to install a handler.
pub fn outlive_full_files() -> io::Result<()> {
    signal_hook::flag::register(SIGXFSZ, Arc::default()).map(drop)
}

/// Its name.
#[must_use]
pub fn name(signal: i32) -> &'static str {
    low_level::signal_name(signal).unwrap_or("a signal")
}

/// Ends the process by `signal`, so that whoever waits for it sees what it would see of virsh. What it returns is the
/// same in a shell's words, for a system that does not let a process end itself.
#[must_use]
pub fn end_by(signal: i32) -> ExitCode {
    // Whatever it says, there is one more way below.
    let _ = low_level::emulate_default_handler(signal);
    ExitCode::from(u8::try_from(128 + signal).unwrap_or(u8::MAX))
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

    #[test]
    fn an_interrupt_aborts_and_what_kills_virsh_ends_the_command() {
        let requests = Requests::default();
        assert_eq!((requests.abort(), requests.end()), (false, None));
        requests.hear(SIGHUP);
        requests.hear(SIGTERM);
        assert_eq!((requests.abort(), requests.end()), (false, Some(SIGHUP)));
        requests.hear(SIGINT);
        assert_eq!((requests.abort(), requests.end()), (true, Some(SIGHUP)));
        assert_eq!((name(SIGHUP), name(SIGTERM)), ("SIGHUP", "SIGTERM"));
    }
}
