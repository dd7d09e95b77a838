//! The heartbeat: one short line per beat, sent by the guest and stamped by the host's listener.

use alloc::borrow::ToOwned;
use alloc::string::String;
use core::fmt;
use core::str::FromStr;

/// One heartbeat. The line holds the fields in this order, separated by one space.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Beat {
    /// The guest's name; several guests share one listener.
    pub guest: String,
    /// Number of this beat, from 0.
    pub seq: u64,
    /// Microseconds of the guest's monotonic clock since it started; it does not run while the guest is paused.
    pub guest_us: u64,
    /// Pages rewritten, or steps of a kernel done so far: the application's progress.
    pub steps: u64,
    /// Pages found corrupt so far, each counted once, and failed verifications of a kernel.
    pub corrupt: u64,
    /// Index of the phase of the workload now running.
    pub phase: usize,
    /// Full verifications of all memory completed on request.
    pub verified: u64,
    /// True once memory is filled and each worker has written its working set once.
    pub ready: bool,
}

impl fmt::Display for Beat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            guest,
            seq,
            guest_us,
            steps,
            corrupt,
            phase,
            verified,
            ready,
        } = self;
        let ready = u8::from(*ready);
        write!(
            f,
            "{guest} {seq} {guest_us} {steps} {corrupt} {phase} {verified} {ready}"
        )
    }
}

/// A line that is not a heartbeat.
#[derive(Debug, PartialEq, Eq)]
pub struct NotABeat;

impl FromStr for Beat {
    type Err = NotABeat;

    fn from_str(line: &str) -> Result<Self, NotABeat> {
        let mut fields = line.split_ascii_whitespace();
        let guest = fields.next().ok_or(NotABeat)?.to_owned();
        let mut number = || {
            fields
                .next()
                .and_then(|f| f.parse::<u64>().ok())
                .ok_or(NotABeat)
        };
        let beat = Self {
            guest,
            seq: number()?,
            guest_us: number()?,
            steps: number()?,
            corrupt: number()?,
            phase: usize::try_from(number()?).map_err(|_| NotABeat)?,
            verified: number()?,
            ready: number()? == 1,
        };
        fields.next().is_none().then_some(beat).ok_or(NotABeat)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::ToString;

    #[test]
    fn a_line_reads_back_as_written() {
        let beat = Beat {
            guest: "g1".into(),
            seq: 7,
            guest_us: 35_000,
            steps: 12,
            corrupt: 0,
            phase: 1,
            verified: 2,
            ready: true,
        };
        assert_eq!(beat.to_string(), "g1 7 35000 12 0 1 2 1");
        assert_eq!(beat.to_string().parse(), Ok(beat));
    }

    #[test]
    fn torn_or_longer_lines_are_refused() {
        for line in [
            "",
            "g1 7 35000 12 0 1 2",
            "g1 7 35000 12 0 1 2 1 9",
            "g1 x 1 1 1 1 1 1",
        ] {
            assert_eq!(line.parse::<Beat>(), Err(NotABeat), "{line:?}");
        }
    }
}
