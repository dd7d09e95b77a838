//! virsh's progress line.

use libvirt_hpc_control::sample::{JobState, Sample};

use crate::flags::Virsh;

/// The first release of virsh that shows hundredths of a per cent.
const HUNDREDTHS: Virsh = Virsh::new(11, 0);

/// virsh's line, for one migration. It never runs backwards, although the remaining memory does: memory that is written
/// again, and, in virsh's own line, all of memory when storage has been copied before it. libvirt does not count memory
/// until it flows; here it counts from the begin on.
#[derive(Clone, Copy, Debug)]
pub struct Percent {
    virsh: Virsh,
    /// The most that was shown, hundredths of a per cent.
    shown: u64,
    /// The storage to copy, bytes: the most that ever remained of it.
    disk_bytes: u64,
    /// The memory to copy, bytes: the guest's, and what QEMU adds to it.
    memory_bytes: u64,
}

impl Percent {
    /// As that release of virsh shows it, of a guest with so much memory; zero if that is not known.
    #[must_use]
    pub fn new(virsh: Virsh, memory_bytes: u64) -> Self {
        Self {
            virsh,
            shown: 0,
            disk_bytes: 0,
            memory_bytes,
        }
    }

    /// The line at that sample; none before anything is known.
    ///
    /// Source: `virshPrintJobProgress` and its successor, `tools/virsh-domain.c`: one less the share of
    /// what remains, cut off, below 100 until it is done.
    pub fn line(&mut self, sample: &Sample) -> Option<String> {
        self.disk_bytes = self.disk_bytes.max(sample.disk_remaining_bytes);
        self.memory_bytes = self.memory_bytes.max(sample.total_bytes);
        if self.disk_bytes == 0 && sample.total_bytes == 0 {
            return None;
        }
        let memory_remaining = match sample.state {
            JobState::Setup => self.memory_bytes,
            _ => sample.remaining_bytes,
        };
        let total = u128::from(self.disk_bytes) + u128::from(self.memory_bytes);
        let remaining = u128::from(sample.disk_remaining_bytes) + u128::from(memory_remaining);
        let remaining = (remaining * 10_000).div_ceil(total);
        let done = 10_000_u64.saturating_sub(u64::try_from(remaining).unwrap_or(u64::MAX));
        self.shown = self.shown.max(done.min(9_999));
        Some(self.show(self.shown))
    }

    /// Whether storage is copied before the memory.
    #[must_use]
    pub const fn has_storage(&self) -> bool {
        self.disk_bytes > 0
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

#[cfg(test)]
mod tests {
    use super::*;

    fn remaining(remaining_bytes: u64, total_bytes: u64) -> Sample {
        Sample {
            state: JobState::Precopy,
            remaining_bytes,
            total_bytes,
            ..Sample::default()
        }
    }

    fn shown(virsh: Virsh, samples: &[Sample]) -> Vec<Option<String>> {
        let mut percent = Percent::new(virsh, 0);
        samples.iter().map(|sample| percent.line(sample)).collect()
    }

    #[test]
    fn each_release_has_its_own_line() {
        let samples = [
            remaining(0, 0),
            remaining(2, 3),
            remaining(1, 3),
            remaining(1, 1_000_000_000),
            remaining(0, 3),
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
        assert_eq!(
            Percent::new(Virsh::new(9, 0), 7).done(),
            "Migration: [100 %]"
        );
        assert_eq!(
            Percent::new(Virsh::new(11, 3), 7).done(),
            "Migration: [100.00 %]"
        );
    }

    #[test]
    fn never_runs_backwards_and_survives_any_number() {
        let samples = [
            remaining(10, 100),
            remaining(90, 100),
            remaining(u64::MAX, 1),
            remaining(u64::MAX, u64::MAX),
        ];
        let lines = shown(Virsh::new(11, 3), &samples);
        assert!(
            lines
                .iter()
                .all(|line| line.as_deref() == Some("Migration: [90.00 %]")),
            "{lines:?}"
        );
    }

    /// A copy of 64 MiB of storage, then of 512 MiB of memory.
    #[test]
    fn storage_is_no_more_than_its_share_of_what_there_is_to_copy() {
        const MIB: u64 = 1 << 20;
        let storage = (0..=10_u64).rev().map(|tenths| Sample {
            state: JobState::Setup,
            disk_remaining_bytes: 64 * MIB * tenths / 10,
            ..Sample::default()
        });
        // QEMU counts its own blocks of memory as well.
        let memory = (0..10_u64)
            .rev()
            .map(|tenths| remaining(513 * MIB * tenths / 10, 513 * MIB));
        let samples: Vec<Sample> = storage.chain(memory).collect();
        let mut percent = Percent::new(Virsh::new(11, 3), 512 * MIB);
        let shown: Vec<f64> = samples
            .iter()
            .filter_map(|sample| {
                let line = percent.line(sample)?;
                line.trim_start_matches("Migration: [")
                    .trim_end_matches(" %]")
                    .trim()
                    .parse()
                    .ok()
            })
            .collect();
        assert_eq!(shown.len(), 21, "{shown:?}");
        assert!(shown.is_sorted(), "{shown:?}");
        assert!((10.9..11.2).contains(&shown[10]), "64 of 576: {shown:?}");
        assert!((19.0..21.0).contains(&shown[11]), "{shown:?}");
        assert!(shown[19] < 91.2 && shown[20] > 99.9, "{shown:?}");
    }

    #[test]
    fn storage_of_a_guest_whose_memory_is_not_known_counts_alone() {
        let disk = |disk_remaining_bytes| Sample {
            disk_remaining_bytes,
            ..Sample::default()
        };
        let lines = shown(Virsh::new(9, 0), &[disk(100), disk(50)]);
        assert_eq!(lines[0].as_deref(), Some("Migration: [  0 %]"));
        assert_eq!(lines[1].as_deref(), Some("Migration: [ 50 %]"));
    }
}
