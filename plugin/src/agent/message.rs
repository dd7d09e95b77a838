//! All that the main loop is told.

use std::sync::mpsc::SyncSender;

use libvirt_hpc_hook::notice::Notice;

use super::api::{Reply, Request};
use super::domains::watch::Finding;
use super::process::signals::Signal;
use super::takeover::assignment::Verdict;

/// One thing.
#[derive(Debug)]
pub(super) enum Message {
    /// From the watch over libvirt.
    Watch(Finding),
    /// The hook's datagram.
    Notice(Notice),
    /// A user's request, and where the reply goes.
    Request(Request, SyncSender<Reply>),
    Signal(Signal),
    /// The thread of a migration has ended.
    Ended {
        /// The domain's UUID.
        uuid: String,
        /// With what.
        verdict: Verdict,
    },
}
