//! virsh's progress line, and what we can say beyond it.

use libvirt_hpc_control::event::Cause;
use libvirt_hpc_control::sample::{JobState, Sample};

use crate::flags::Virsh;
use crate::text;

/// The first release of virsh that shows hundredths of a per cent.
const HUNDREDTHS: Virsh = Virsh::new(11, 0);

/// virsh's line, for one migration. It never runs backwards, although what is left does.
#[derive(Clone, Copy, Debug)]
pub struct Percent {
    virsh: Virsh,
    /// The most that was shown, hundredths of a per cent.
    shown: u64,
    /// The storage to copy, bytes: the most that was ever left of it.
    disk_bytes: u64,
}

impl Percent {
    /// As that release of virsh shows it.
    #[must_use]
    pub fn new(virsh: Virsh) -> Self {
        Self {
            virsh,
            shown: 0,
            disk_bytes: 0,
        }
    }

    /// The line at that look; none before anything is known.
    ///
    /// Source: `virshPrintJobProgress` and its successor, `tools/virsh-domain.c`: one less the share of
    /// what is left, cut off, below 100 until it is done.
    pub fn line(&mut self, sample: &Sample) -> Option<String> {
        self.disk_bytes = self.disk_bytes.max(sample.disk_remaining_bytes);
        let total = u128::from(self.disk_bytes) + u128::from(sample.total_bytes);
        let remaining = sample
            .disk_remaining_bytes
            .saturating_add(sample.remaining_bytes);
        if total == 0 {
            return None;
        }
        let left = (u128::from(remaining) * 10_000).div_ceil(total);
        let done = 10_000_u64.saturating_sub(u64::try_from(left).unwrap_or(u64::MAX));
        self.shown = self.shown.max(done.min(9_999));
        Some(self.show(self.shown))
    }

    /// The line of a migration that has succeeded.
    #[must_use]
    pub fn done(&self) -> String {
        self.show(10_000)
    }

    fn show(&self, hundredths: u64) -> String {
        let (whole, part) = (hundredths / 100, hundredths % 100);
        if self.virsh < HUNDREDTHS {
            return format!("Migration: [{whole:3} %]");
        }
        format!("Migration: [{:>5} %]", format!("{whole}.{part:02}"))
    }
}

/// What stands behind virsh's line on a terminal: round, what is left, speed, the pause to expect, and
/// what the controller waits for.
#[must_use]
pub fn details(
    sample: &Sample,
    bytes_per_s: u64,
    pause_ms: Option<u64>,
    cause: Option<Cause>,
) -> String {
    match sample.state {
        JobState::Setup if sample.disk_remaining_bytes > 0 => {
            return format!("  storage: {} left", text::mib(sample.disk_remaining_bytes));
        }
        JobState::Setup => return "  preparing".to_owned(),
        JobState::Switchover => return "  switching over".to_owned(),
        JobState::Postcopy => return "  post-copy".to_owned(),
        JobState::Ended => return String::new(),
        JobState::Precopy => {}
    }
    let (round, left) = (sample.iteration, text::mib(sample.remaining_bytes));
    let mut line = format!("  round {round}, {left}");
    if bytes_per_s > 0 {
        line.push_str(&format!(", {}/s", text::mib(bytes_per_s)));
    }
    if let Some(ms) = pause_ms {
        line.push_str(&format!(
            ", pause {}",
            text::seconds(ms.saturating_mul(1_000_000))
        ));
    }
    if let Some(cause) = cause {
        line.push_str(&format!("; {}", text::cause_in_short(cause)));
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    fn left(remaining_bytes: u64, total_bytes: u64) -> Sample {
        Sample {
            state: JobState::Precopy,
            remaining_bytes,
            total_bytes,
            ..Sample::default()
        }
    }

    fn shown(virsh: Virsh, samples: &[Sample]) -> Vec<Option<String>> {
        let mut percent = Percent::new(virsh);
        samples.iter().map(|sample| percent.line(sample)).collect()
    }

    #[test]
    fn each_release_has_its_own_line() {
        let samples = [
            left(0, 0),
            left(2, 3),
            left(1, 3),
            left(1, 1_000_000_000),
            left(0, 3),
        ];
        let early = shown(Virsh::new(9, 0), &samples);
        let late = shown(Virsh::new(11, 3), &samples);
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(early[0], None);
        assert_eq!(early[1], some("Migration: [ 33 %]"));
        assert_eq!(late[1], some("Migration: [33.33 %]"));
        assert_eq!(late[2], some("Migration: [66.66 %]"));
        assert_eq!(
            (&early[3], &early[4]),
            (&some("Migration: [ 99 %]"), &some("Migration: [ 99 %]"))
        );
        assert_eq!(
            (&late[3], &late[4]),
            (&some("Migration: [99.99 %]"), &some("Migration: [99.99 %]"))
        );
        assert_eq!(Percent::new(Virsh::new(9, 0)).done(), "Migration: [100 %]");
        assert_eq!(
            Percent::new(Virsh::new(11, 3)).done(),
            "Migration: [100.00 %]"
        );
    }

    #[test]
    fn never_runs_backwards_and_survives_any_number() {
        let samples = [
            left(10, 100),
            left(90, 100),
            left(u64::MAX, 1),
            left(u64::MAX, u64::MAX),
        ];
        let lines = shown(Virsh::new(11, 3), &samples);
        assert!(
            lines
                .iter()
                .all(|line| line.as_deref() == Some("Migration: [90.00 %]")),
            "{lines:?}"
        );
    }

    #[test]
    fn storage_counts_with_what_was_left_of_it_at_first() {
        let disk = |disk_remaining_bytes| Sample {
            disk_remaining_bytes,
            ..left(0, 0)
        };
        let lines = shown(Virsh::new(9, 0), &[disk(100), disk(50)]);
        assert_eq!(lines[0].as_deref(), Some("Migration: [  0 %]"));
        assert_eq!(lines[1].as_deref(), Some("Migration: [ 50 %]"));
    }

    #[test]
    fn details_say_what_is_waited_for() {
        let sample = Sample {
            iteration: 3,
            ..left(128 << 20, 512 << 20)
        };
        let line = details(&sample, 113 << 20, Some(1165), Some(Cause::Waiting));
        assert_eq!(line, "  round 3, 128 MiB, 113 MiB/s, pause 1.16 s; waiting");
        let sample = Sample {
            state: JobState::Switchover,
            ..sample
        };
        assert_eq!(details(&sample, 0, None, None), "  switching over");
    }
}
