//! What the agent is asked and answers, on a socket for root alone: one JSON line each way, and more for those who follow.

pub mod client;
pub mod follow;
pub mod server;
mod timed;

use libvirt_hpc_control::sample::JobState;
use serde::{Deserialize, Serialize};

use crate::notify::Notification;
use crate::trace::{JobStateDef, SettingsRecord};

/// The socket.
pub const SOCKET: &str = "/run/libvirt-hpc/agent.sock";

/// What the agent is asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "request", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Request {
    /// How it is, and what it watches: all of it, or one domain by name or UUID.
    Status {
        /// Which; none for all.
        domain: Option<String>,
    },
    /// Release a domain: its migration under way and an `adopt`.
    Release {
        /// Name or UUID.
        domain: String,
    },
    /// Take a domain, marked or not.
    Adopt {
        /// Name or UUID.
        domain: String,
    },
    /// Tell what happens from now on: after [`Reply::Following`] a line for each [`Notification`].
    Follow {
        /// Of which domain, by name or UUID; none for all.
        domain: Option<String>,
    },
    /// Tell this to all who follow: `virsh-hpc` controls migrations of this host too.
    Tell {
        /// What.
        notification: Box<Notification>,
    },
}

/// What it answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "reply", rename_all = "kebab-case")]
pub enum Reply {
    /// To [`Request::Status`].
    Status(Status),
    /// It is done, and this is what it means.
    Done {
        /// For the user.
        message: String,
    },
    /// To [`Request::Follow`]: it begins.
    Following {
        /// The agent's version.
        version: String,
    },
    /// It is not done, and why.
    Refused {
        /// For the user.
        message: String,
    },
}

/// The agent and its domains.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// The agent's version.
    pub version: String,
    /// The agent's process.
    pub pid: u32,
    /// Whether it touches nothing.
    pub observe: bool,
    /// The connection URI.
    pub uri: String,
    /// Why libvirt cannot be reached now; none if it can.
    pub libvirt_error: Option<String>,
    /// How long ago libvirt was last asked for all domains, milliseconds; none before the first time.
    pub looked_ago_ms: Option<u64>,
    /// Active domains, by name.
    pub domains: Vec<DomainStatus>,
}

/// Why a domain is watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MarkedBy {
    /// Its own XML.
    Domain,
    /// A rule of the site: [`crate::agent::process::config::Mark`].
    Site,
    /// `hpc-adopt`.
    Adoption,
}

/// One domain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DomainStatus {
    /// Its name.
    pub name: String,
    /// Its UUID.
    pub uuid: String,
    /// Why it is watched; none if it is not.
    pub marked_by: Option<MarkedBy>,
    /// What is wrong with its policy, if something is.
    pub policy_problem: Option<String>,
    /// Its migration from here, if one is under way.
    pub migration: Option<MigrationStatus>,
}

/// Who controls a migration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Control {
    /// This is being found out.
    Looking,
    /// The agent.
    Steering,
    /// Nobody: the agent only records.
    Observing,
    /// Another program, which this is; the agent stands by.
    Other(String),
    /// Nobody any more, and why.
    Released(String),
}

/// A migration under way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MigrationStatus {
    /// Who controls it.
    pub control: Control,
    /// Its state.
    #[serde(with = "JobStateDef")]
    pub state: JobState,
    /// Since when, milliseconds of the job.
    pub elapsed_ms: u64,
    /// Bitmap syncs so far.
    pub iteration: u64,
    /// Remaining at the last sync, bytes; none before the second.
    pub remaining_bytes: Option<u64>,
    /// The link's bandwidth as reckoned, bytes per second; zero while unknown.
    pub bytes_per_s: u64,
    /// How fast the guest writes, bytes per second; none while nobody counts it, or a sync has not confirmed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub writes_bytes_per_s: Option<u64>,
    /// What it works on, bytes; known with that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hot_bytes: Option<u64>,
    /// The limits as the agent set them last; none before that.
    pub target: Option<SettingsRecord>,
    /// Why, in words.
    pub cause: Option<String>,
    /// The file of the trace, if one is written.
    pub trace: Option<String>,
}

impl MigrationStatus {
    /// Before anything is known of it.
    pub const UNKNOWN: Self = Self {
        control: Control::Looking,
        state: JobState::Setup,
        elapsed_ms: 0,
        iteration: 0,
        remaining_bytes: None,
        bytes_per_s: 0,
        writes_bytes_per_s: None,
        hot_bytes: None,
        target: None,
        cause: None,
        trace: None,
    };
}
