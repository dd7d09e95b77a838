//! The migrate call, on a thread and a connection of its own.
//!
//! ```text
//!   Connecting --begin--> Calling --result--> over
//!        |
//!        +--cancel-> over: the call is never made
//!        +--the domain migrates already-> over: the same
//! ```

use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::mpsc::{self, Receiver, TryRecvError};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread;

use libvirt_hpc_libvirt::connect::{CloseReason, Options};
use libvirt_hpc_libvirt::features::{Version, daemon_version};
use libvirt_hpc_libvirt::migrate::{Destination, migrate};
use libvirt_hpc_libvirt::parameter::Parameter;
use libvirt_hpc_libvirt::watcher::Waker;
use libvirt_hpc_libvirt::{Connection, Domain, Error};

use crate::flags::{Transport, migrate_flags as bits};

const CONNECTING: u8 = 0;
const CALLING: u8 = 1;
const CANCELLED: u8 = 2;

/// All that the call needs.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The source's URI; none leaves it to libvirt.
    pub uri: Option<String>,
    /// How connections are opened.
    pub options: Options,
    /// The domain's UUID.
    pub uuid: String,
    /// The destination's URI.
    pub destination: String,
    /// Which call is made.
    pub transport: Transport,
    /// `virDomainMigrateFlags`
    pub flags: u32,
    /// The parameters.
    pub parameters: Vec<Parameter>,
}

/// How the call ended.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// The domain has moved.
    Moved,
    /// libvirt's error.
    Failed(Error),
    /// It was never made: the user gave up first.
    Cancelled,
    /// It was never made: another migration of the domain had begun.
    Busy,
    /// Its thread has died; nothing is known.
    Lost,
}

/// What the call's thread tells while it runs.
#[derive(Debug, Default)]
struct Told {
    stage: AtomicU8,
    /// The connection to the destination is lost.
    cut_off: AtomicBool,
    /// The source's URI, and why the connection to it was lost.
    disconnected: Mutex<Option<(String, CloseReason)>>,
    destination_version: OnceLock<Version>,
}

/// A call under way.
#[derive(Debug)]
pub struct Call {
    told: Arc<Told>,
    result: Receiver<Outcome>,
    outcome: Mutex<Option<Outcome>>,
}

impl Call {
    /// Starts it; `waker` is rung at its end.
    ///
    /// # Errors
    /// When no thread can be started.
    pub fn start(plan: Plan, waker: Waker) -> std::io::Result<Self> {
        let told = Arc::new(Told::default());
        let (reply, result) = mpsc::sync_channel(1);
        let shared = Arc::clone(&told);
        thread::Builder::new()
            .name("migrate".to_owned())
            .spawn(move || {
                let outcome = run(&plan, &shared, &waker);
                // Nobody listens any more if the user has given up: the result is then of no use.
                drop(reply.send(outcome.unwrap_or_else(Outcome::Failed)));
                waker.wake();
            })?;
        Ok(Self {
            told,
            result,
            outcome: Mutex::new(None),
        })
    }

    /// The destination's libvirt, if it was asked: where this client is connected to it, and post-copy may break.
    #[must_use]
    pub fn destination_version(&self) -> Option<Version> {
        self.told.destination_version.get().copied()
    }

    /// Makes sure that the call is not made, if it has not been yet; no connection is waited for.
    pub fn cancel(&self) {
        if advance(&self.told.stage, CANCELLED) {
            *self.lock() = Some(Outcome::Cancelled);
        }
    }

    /// Whether the call is made, or has been: from then on the domain's migration is this one.
    #[must_use]
    pub fn has_begun(&self) -> bool {
        self.told.stage.load(Ordering::Acquire) == CALLING
    }

    /// Whether the destination's daemon can no longer be reached over this client's connection. Where this
    /// client carries the messages between the daemons, the migration can then not succeed any more;
    /// peer to peer the source's daemon sees to that itself.
    #[must_use]
    pub fn is_cut_off(&self) -> bool {
        self.told.cut_off.load(Ordering::Acquire)
    }

    /// What virsh says where its connection to the source's daemon is lost, if this one was.
    #[must_use]
    pub fn disconnected(&self) -> Option<String> {
        let lost = self.told.disconnected.lock();
        let lost = lost.unwrap_or_else(PoisonError::into_inner);
        lost.as_ref()
            .and_then(|(uri, reason)| disconnected(uri, *reason))
    }

    /// How it ended, if it has.
    #[must_use]
    pub fn outcome(&self) -> Option<Outcome> {
        let mut outcome = self.lock();
        if outcome.is_none() {
            *outcome = match self.result.try_recv() {
                Ok(outcome) => Some(outcome),
                Err(TryRecvError::Empty) => None,
                Err(TryRecvError::Disconnected) => Some(Outcome::Lost),
            };
        }
        outcome.clone()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Outcome>> {
        self.outcome.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Leaves [`CONNECTING`] for `next`, unless somebody else has left it.
fn advance(stage: &AtomicU8, next: u8) -> bool {
    stage
        .compare_exchange(CONNECTING, next, Ordering::AcqRel, Ordering::Acquire)
        .is_ok()
}

fn run(plan: &Plan, told: &Arc<Told>, waker: &Waker) -> Result<Outcome, Error> {
    let connection = Connection::open(plan.uri.as_deref(), plan.options)?;
    let (uri, told_lost) = (connection.uri()?, Arc::clone(told));
    connection.on_close(move |reason| {
        let lost = told_lost.disconnected.lock();
        *lost.unwrap_or_else(PoisonError::into_inner) = Some((uri.clone(), reason));
    });
    let domain = Domain::lookup_by_uuid(&connection, &plan.uuid)?;
    let remote = match plan.transport {
        Transport::Managed => Some(Connection::open(Some(&plan.destination), plan.options)?),
        Transport::PeerToPeer => None,
    };
    if let Some(remote) = &remote {
        let (told, waker) = (Arc::clone(told), waker.clone());
        remote.on_close(move |_| {
            told.cut_off.store(true, Ordering::Release);
            waker.wake();
        });
    }
    // Where it breaks, the destination may not be within reach.
    let version = remote
        .as_ref()
        .filter(|_| plan.flags & bits::POSTCOPY != 0)
        .and_then(|remote| daemon_version(remote).ok());
    if let Some(version) = version {
        told.destination_version.get_or_init(|| version);
    }
    let destination = remote
        .as_ref()
        .map_or(Destination::Uri(&plan.destination), Destination::Managed);
    // libvirt would refuse this one; meanwhile the other would be taken for it.
    if domain.job_stats()?.is_outgoing_migration() {
        return Ok(Outcome::Busy);
    }
    if !advance(&told.stage, CALLING) {
        return Ok(Outcome::Cancelled);
    }
    waker.wake();
    migrate(&domain, destination, plan.flags, &plan.parameters).map(|_| Outcome::Moved)
}

/// virsh's words (`virshCatchDisconnect`, `tools/virsh.c`); none for a connection that was closed from this side.
fn disconnected(uri: &str, reason: CloseReason) -> Option<String> {
    let why = match reason {
        CloseReason::Error => "I/O error",
        CloseReason::Eof => "end of file",
        CloseReason::Keepalive => "keepalive timeout",
        CloseReason::Other => return None,
    };
    Some(format!("Disconnected from {uri} due to {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(stage: u8) -> Call {
        Call {
            told: Arc::new(Told {
                stage: AtomicU8::new(stage),
                ..Told::default()
            }),
            // Its sender is gone: a call whose thread has died.
            result: mpsc::sync_channel(1).1,
            outcome: Mutex::new(None),
        }
    }

    #[test]
    fn only_a_call_that_has_not_begun_can_be_cancelled() {
        let connecting = at(CONNECTING);
        assert!(!connecting.has_begun());
        connecting.cancel();
        assert!(!connecting.has_begun());
        assert!(!advance(&connecting.told.stage, CALLING));
        assert!(matches!(connecting.outcome(), Some(Outcome::Cancelled)));
        let calling = at(CALLING);
        calling.cancel();
        assert!(calling.has_begun());
        assert!(matches!(calling.outcome(), Some(Outcome::Lost)));
    }

    #[test]
    fn a_lost_connection_is_told_as_virsh_does() {
        let call = at(CALLING);
        assert_eq!(call.disconnected(), None);
        let lost = |reason| {
            *call.told.disconnected.lock().expect("a lock") =
                Some(("qemu:///system".to_owned(), reason));
            call.disconnected()
        };
        let said = "Disconnected from qemu:///system due to end of file";
        assert_eq!(lost(CloseReason::Eof).as_deref(), Some(said));
        assert_eq!(lost(CloseReason::Other), None);
    }
}
