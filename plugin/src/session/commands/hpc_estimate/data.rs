//! How much of a guest's memory is no zero pages, from what is known of it.

use crate::estimate::assessment::{Bytes, Origin};
use crate::estimate::zero_pages::ZeroPages;

/// Of the pages that the host has given to a guest, some are zero: 5 to 10 % under KVM and 16 to 22 % under TCG in the
/// guests of the benchmarks, as their first iterations showed.
const ZERO_PERCENT: u64 = 10;

/// A trace that is off by more tolerances than that is of a guest that had other data: four standard errors.
const SAME: u64 = 2;

/// The data.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Data {
    /// What is known; none if nothing is.
    pub(super) known: Option<Bytes>,
    /// What is likely, bytes.
    pub(super) likely_bytes: u64,
    /// By how much that may be off, per cent.
    pub(super) tolerance_percent: u64,
    /// What is not known.
    pub(super) unknown: Option<&'static str>,
}

impl Data {
    /// The data of a guest: what the first iteration of its last migration sent, if it still has as much; or else what its
    /// pages show; or else what the host has given it.
    pub(super) fn of(
        total_bytes: u64,
        resident_bytes: Option<u64>,
        sent_bytes: Option<u64>,
        zero_pages: Option<ZeroPages>,
    ) -> Self {
        let most_bytes = resident_bytes.unwrap_or(total_bytes).min(total_bytes);
        let read = zero_pages.map(|zero_pages| {
            let bytes = zero_pages.data_bytes(total_bytes).min(most_bytes);
            (bytes, zero_pages.tolerance_percent())
        });
        let is_so_still = |sent: &u64| {
            let as_read =
                |(bytes, percent): (u64, u64)| sent.abs_diff(bytes) <= bytes / 100 * percent * SAME;
            *sent <= most_bytes && read.is_none_or(as_read)
        };
        let data = |bytes, origin, likely_bytes, tolerance_percent| Self {
            known: Some(Bytes { bytes, origin }),
            likely_bytes,
            tolerance_percent,
            unknown: None,
        };
        if let Some(sent) = sent_bytes.filter(is_so_still) {
            return data(sent, Origin::Trace, sent, 0);
        }
        if let Some((bytes, percent)) = read {
            return data(bytes, Origin::Measured, bytes, percent);
        }
        if resident_bytes.is_none() {
            return Self {
                likely_bytes: total_bytes,
                unknown: Some("how much memory is zero pages: all of it is taken to be data"),
                ..Self::default()
            };
        }
        let likely_bytes = most_bytes - most_bytes / 100 * ZERO_PERCENT;
        Self {
            unknown: Some(
                "how many pages that the guest has touched are zero: a tenth of them is taken to be",
            ),
            ..data(most_bytes, Origin::Bound, likely_bytes, ZERO_PERCENT)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    /// So many parts of ten are zero.
    fn zeros(parts: u64) -> Option<ZeroPages> {
        let mut asked = 0;
        ZeroPages::sample(1000 * MIB, |_| {
            asked += 1;
            Some(asked % 10 < parts)
        })
    }

    fn known(data: &Data) -> Option<(u64, Origin)> {
        data.known.map(|known| (known.bytes / MIB, known.origin))
    }

    #[test]
    fn a_trace_tells_the_data_unless_the_guest_has_more_or_less_by_now() {
        let of = |sent_mib: u64, zeros| {
            Data::of(1000 * MIB, Some(900 * MIB), Some(sent_mib * MIB), zeros)
        };
        assert_eq!(known(&of(790, None)), Some((790, Origin::Trace)));
        assert_eq!(known(&of(790, zeros(2))), Some((790, Origin::Trace)));
        let freed = of(790, zeros(7));
        assert!(known(&freed).is_some_and(|(mib, origin)| mib < 350 && origin == Origin::Measured));
        let more_than_there_is = of(950, None);
        assert_eq!(known(&more_than_there_is), Some((900, Origin::Bound)));
    }

    #[test]
    fn zero_pages_are_measured_or_taken_to_be_a_tenth() {
        let measured = Data::of(1000 * MIB, Some(900 * MIB), None, zeros(4));
        assert!(
            measured.likely_bytes.abs_diff(600 * MIB) < 10 * MIB,
            "{measured:?}"
        );
        assert!((5..15).contains(&measured.tolerance_percent) && measured.unknown.is_none());
        let none_is = Data::of(1000 * MIB, Some(900 * MIB), None, zeros(0));
        assert_eq!(
            known(&none_is),
            Some((900, Origin::Measured)),
            "no more than it has"
        );
        let bound = Data::of(1000 * MIB, Some(900 * MIB), None, None);
        assert_eq!(
            (bound.likely_bytes, bound.tolerance_percent),
            (810 * MIB, 10)
        );
        let nothing = Data::of(1000 * MIB, None, None, None);
        assert_eq!((nothing.likely_bytes, nothing.known), (1000 * MIB, None));
        assert!(bound.unknown.is_some() && nothing.unknown.is_some());
    }
}
