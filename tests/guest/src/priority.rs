//! Priorities in the guest: the heartbeat must not wait for the workload's time slice.

use rustix::process::setpriority_process;
use rustix::thread::gettid;

/// Nice value of the heartbeat and of the listener on the host.
pub const PROMPT: i32 = -20;
/// Nice value of the workers.
pub const YIELDING: i32 = 10;

/// Sets the nice value of the calling thread. Linux takes a thread id where POSIX says process.
/// Without the privilege (a run outside a guest) the thread keeps the value it has.
pub fn set(nice: i32) {
    setpriority_process(Some(gettid()), nice).ok();
}
