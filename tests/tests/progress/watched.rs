//! One migration as its user sees it, judged by how it went.

use std::time::Duration;

use libvirt_hpc_control::progress::Shown;
use libvirt_hpc_control::sample::{JobState, Sample};
use libvirt_hpc_control::time::Timestamp;

/// What was shown of one migration.
#[derive(Default)]
pub(crate) struct Watched {
    polls: Vec<(Timestamp, Shown)>,
    end: Option<Timestamp>,
}

/// How well that was.
#[derive(Clone, Copy, Default)]
pub(crate) struct Judged {
    /// Polls of the second half.
    pub(crate) polls: u32,
    /// Of these, those that showed an interval ...
    pub(crate) shown: u32,
    /// ... and those whose interval held the true end.
    pub(crate) held: u32,
    /// The sum of the widths of the intervals shown, and of the true times that remained.
    widths: Duration,
    truths: Duration,
}

impl Watched {
    /// What is shown at a sample.
    pub(crate) fn see(&mut self, sample: &Sample, shown: Shown) {
        self.polls.push((sample.at, shown));
        if sample.state == JobState::Ended {
            self.end.get_or_insert(sample.at);
        }
    }

    /// Fails if anything ran backwards.
    pub(crate) fn never_runs_backwards(&self, name: &str) {
        let done = self.polls.iter().map(|(_, shown)| shown.done_hundredths);
        assert!(done.is_sorted(), "{name}: the percentage falls");
        let bounds: Vec<_> = self
            .polls
            .iter()
            .filter_map(|(_, shown)| shown.remaining)
            .collect();
        for pair in bounds.windows(2) {
            assert!(
                pair[1].least <= pair[0].least && pair[1].most <= pair[0].most,
                "{name}: the remaining time rises: {pair:?}"
            );
            assert!(pair[1].least <= pair[1].most, "{name}: {pair:?}");
        }
    }

    /// How well its second half was foretold; none if it did not end.
    pub(crate) fn judged(&self) -> Option<Judged> {
        let (first, end) = (self.polls.first()?.0, self.end?);
        let half = first.after(end.since(first) / 2);
        let mut judged = Judged::default();
        for (at, shown) in self.polls.iter().filter(|(at, _)| *at >= half && *at < end) {
            judged.polls += 1;
            let Some(interval) = shown.remaining else {
                continue;
            };
            let truth = end.since(*at);
            judged.shown += 1;
            judged.held += u32::from(interval.least <= truth && truth <= interval.most);
            judged.widths += interval.most - interval.least;
            judged.truths += truth;
        }
        Some(judged)
    }
}

impl Judged {
    pub(crate) const HEAD: &str = "polls  shown  held  of polls  width";

    /// Its line in a table.
    pub(crate) fn line(&self) -> String {
        let percent = |part: u32| part * 100 / self.polls.max(1);
        format!(
            "{:5}  {:3} %  {:4}     {:3} %  {:3} %",
            self.polls,
            percent(self.shown),
            self.held,
            percent(self.held),
            self.widths.as_millis() * 100 / self.truths.as_millis().max(1)
        )
    }

    /// The same of several.
    pub(crate) fn add(&mut self, other: &Self) {
        self.widths += other.widths;
        self.truths += other.truths;
        self.polls += other.polls;
        self.shown += other.shown;
        self.held += other.held;
    }

    /// Whether the interval held the true end at eight of ten polls.
    pub(crate) fn holds(&self) -> bool {
        self.held * 10 >= self.polls * 8
    }
}
