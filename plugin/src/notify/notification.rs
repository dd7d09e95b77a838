//! One line for others. Names of fields end in their unit.

use serde::{Deserialize, Serialize};

use crate::harmless;
use crate::trace::ControllerName;

/// The version of the format: raised when a reader of the one before would misunderstand a line. New fields and events do
/// not raise it.
pub const VERSION: u32 = 1;

/// The longest error that is passed on, bytes: a line fits into the page that any pipe has room for.
const ERROR_MAX_BYTES: usize = 1024;

/// Which migration it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct About {
    /// The domain's name.
    pub domain: String,
    /// The domain's UUID.
    pub uuid: String,
    /// The destination's URI, as given; none if another client began the migration.
    pub destination: Option<String>,
    /// Who tells.
    pub controller: ControllerName,
    /// Whether it only observes.
    pub observe: bool,
}

/// What happened to which migration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notification {
    /// [`VERSION`].
    pub version: u32,
    /// What.
    #[serde(flatten)]
    pub happened: Happened,
    /// To which migration.
    #[serde(flatten)]
    pub about: About,
    /// When, milliseconds since 1970.
    pub at_unix_ms: u64,
    /// The age of the job, milliseconds.
    pub elapsed_ms: u64,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Happened {
    /// The limit was set at which QEMU may stop the guest: it pauses at the next sync that finds no more than expected,
    /// mostly within a tenth of a second; or not, if it writes more meanwhile.
    SwitchoverAllowed {
        /// Why, in words.
        cause: String,
        /// The pause to expect, milliseconds, if it is known.
        pause_expected_ms: Option<u64>,
        /// The downtime limit set, milliseconds; none where post-copy or a suspension was ordered.
        downtime_limit_ms: Option<u32>,
    },
    /// The guest runs on the destination.
    Arrived {
        /// The pause, milliseconds, if it was measured.
        pause_ms: Option<u64>,
        /// Memory on the wire, bytes.
        sent_bytes: u64,
    },
    /// The migration failed or was aborted: the guest is where it was.
    Failed {
        /// libvirt's error, if it is known.
        error: Option<String>,
    },
    /// The migration is over, and libvirt did not say how.
    Ended,
}

impl Happened {
    /// A failure with libvirt's `error`.
    #[must_use]
    pub fn failed(error: Option<&str>) -> Self {
        // What JSON would write in six bytes for one, which a destination may choose, is gone before it is cut.
        let short = |error: &str| {
            let error = harmless::printable(error);
            let end = (0..=ERROR_MAX_BYTES.min(error.len())).rev();
            let mut whole = end.filter(|&end| error.is_char_boundary(end));
            error[..whole.next().unwrap_or(0)].to_owned()
        };
        Self::Failed {
            error: error.map(short),
        }
    }
}

impl Notification {
    /// The line, with its end; it drives no terminal.
    ///
    /// # Errors
    /// None that is known: text and numbers can always be written.
    pub fn line(&self) -> serde_json::Result<String> {
        serde_json::to_string(self).map(|line| harmless::json(&line) + "\n")
    }

    /// Whether it is of the domain of that name or UUID.
    #[must_use]
    pub fn is_of(&self, domain: &str) -> bool {
        self.about.domain == domain || self.about.uuid == domain
    }
}
