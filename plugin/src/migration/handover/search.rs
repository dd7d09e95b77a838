//! The command's search for a controller whose lease it cannot see.

use std::time::Duration;

use libvirt_hpc_control::sample::{JobState, Sample, Settings};
use libvirt_hpc_control::time::Timestamp;

/// How long memory must flow without a sign of another controller: four times what the agent takes.
const GRACE: Duration = Duration::from_secs(1);

/// The search for another controller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Search {
    before: Settings,
    since: Option<Timestamp>,
}

impl Search {
    /// Of a migration whose limits were `before` it began.
    #[must_use]
    pub const fn new(before: Settings) -> Self {
        Self {
            before,
            since: None,
        }
    }

    /// What a sample tells: another steers, nobody does, or nothing yet. Command and agent alike set the
    /// downtime limit first; the speed may differ because the migrate call names one.
    pub fn check(&mut self, sample: &Sample) -> Option<bool> {
        match sample.state {
            JobState::Setup => return None,
            JobState::Precopy => {}
            JobState::Switchover | JobState::Postcopy | JobState::Ended => return Some(false),
        }
        let since = *self.since.get_or_insert(sample.at);
        let changed = sample
            .settings
            .is_some_and(|found| found.downtime_ms != self.before.downtime_ms);
        match changed {
            true => Some(true),
            false if sample.at.since(since) >= GRACE => Some(false),
            false => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEFORE: Settings = Settings {
        downtime_ms: 300,
        speed_mib_per_s: 500,
    };

    fn sample(at_ms: u64, state: JobState, downtime_ms: u64) -> Sample {
        Sample {
            at: Timestamp::from_nanos(at_ms * 1_000_000),
            state,
            settings: Some(Settings {
                downtime_ms,
                speed_mib_per_s: 20,
            }),
            ..Sample::default()
        }
    }

    #[test]
    fn another_controller_shows_by_its_first_target() {
        let mut search = Search::new(BEFORE);
        assert_eq!(search.check(&sample(0, JobState::Setup, 300)), None);
        assert_eq!(search.check(&sample(5_000, JobState::Precopy, 300)), None);
        assert_eq!(
            search.check(&sample(5_250, JobState::Precopy, 12)),
            Some(true)
        );
    }

    #[test]
    fn nobody_shows_within_a_second_of_memory_flowing() {
        let mut search = Search::new(BEFORE);
        search.check(&sample(5_000, JobState::Precopy, 300));
        assert_eq!(search.check(&sample(5_999, JobState::Precopy, 300)), None);
        assert_eq!(
            search.check(&sample(6_000, JobState::Precopy, 300)),
            Some(false)
        );
        let mut ended = Search::new(BEFORE);
        assert_eq!(
            ended.check(&sample(1, JobState::Ended, 300)),
            Some(false),
            "nothing is left to steer"
        );
    }
}
