//! The decisions in words, above the chart, each where it was made; it stands until the next.
//!
//! ```text
//!   | one more iteration pays      no better is expected |
//!   |     | waiting for a quieter phase                  |
//! ```

use anyhow::Result;
use libvirt_hpc_control::event::Cause;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::chart::{Area, WORDS, words_width};
use crate::in_words;

/// So many rows at most: of many decisions in a short time some go without words.
const ROWS_MOST: usize = 4;
/// The height of a row, and the space around words, pixels.
const ROW: u32 = 16;
const SPACE: i32 = 4;

const JOINT: RGBAColor = RGBAColor(0x22, 0x22, 0x22, 0.45);

/// Words and their place, pixels: from where to where, in which row, counted from the top, and when it was decided.
#[derive(Debug, PartialEq, Eq)]
struct Place {
    from: i32,
    until: i32,
    row: usize,
    at: i32,
    words: &'static str,
}

/// The words above a chart.
#[derive(Debug, Default)]
pub(super) struct Decisions {
    places: Vec<Place>,
}

impl Decisions {
    /// The words for the decisions at some seconds, of which `x` tells the place in `area`.
    pub(super) fn new(
        decided: &[(f64, Cause)],
        area: &Area<'_>,
        x: impl Fn(f64) -> i32,
    ) -> Result<Self> {
        let right = i32::try_from(area.dim_in_pixel().0)? - SPACE;
        let measured: Vec<(i32, i32, &'static str)> = changes(decided)
            .map(|(at, words)| Ok((x(at), words_width(area, words)?, words)))
            .collect::<Result<_>>()?;
        let places = places(measured, right);
        Ok(Self { places })
    }

    /// How high they are, pixels.
    pub(super) fn height(&self) -> u32 {
        let rows = self.places.iter().map(|place| place.row + 1).max();
        rows.and_then(|rows| u32::try_from(rows).ok()).unwrap_or(0) * ROW
    }

    /// Draws them into `area`, which is as high as they are.
    pub(super) fn draw(&self, area: &Area<'_>) -> Result<()> {
        let bottom = i32::try_from(self.height())?;
        let row = |place: &Place| i32::try_from(place.row * ROW as usize);
        for place in &self.places {
            let joint = [(place.at, row(place)?), (place.at, bottom)];
            area.draw(&PathElement::new(joint, JOINT.stroke_width(1)))?;
        }
        for place in &self.places {
            let top = row(place)?;
            let behind = [
                (place.from, top),
                (place.until, top + ROW.cast_signed() - 1),
            ];
            area.draw(&Rectangle::new(behind, WHITE.filled()))?;
            let style = TextStyle::from(WORDS).pos(Pos::new(HPos::Left, VPos::Top));
            area.draw(&Text::new(place.words, (place.from, top + 1), style))?;
        }
        Ok(())
    }
}

/// Each decision that differs from the one before.
fn changes(decided: &[(f64, Cause)]) -> impl Iterator<Item = (f64, &'static str)> {
    let same = decided.chunk_by(|one, other| one.1 == other.1);
    same.filter_map(|same| same.first())
        .map(|(at, cause)| (*at, in_words::cause(*cause)))
}

/// Each in the first row that is free there, right of its moment, or left of it beside the right edge. Words that no row has
/// room for are left out.
fn places(decisions: Vec<(i32, i32, &'static str)>, right: i32) -> Vec<Place> {
    let mut free = [i32::MIN; ROWS_MOST];
    let place = |(at, width, words): (i32, i32, &'static str)| {
        let after = at + SPACE;
        let from = if after + width > right {
            at - SPACE - width
        } else {
            after
        };
        let row = free.iter().position(|free| *free <= from.min(at))?;
        let until = from + width;
        free[row] = until.max(at) + 2 * SPACE;
        Some(Place {
            from,
            until,
            row,
            at,
            words,
        })
    };
    decisions.into_iter().filter_map(place).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decision_that_stands_has_its_words_once() {
        let decided = [
            (1.0, Cause::Falling),
            (2.0, Cause::Waiting),
            (3.0, Cause::Waiting),
            (5.0, Cause::Falling),
        ];
        let [pays, waits] = [Cause::Falling, Cause::Waiting].map(in_words::cause);
        let changes: Vec<_> = changes(&decided).collect();
        assert_eq!(changes, [(1.0, pays), (2.0, waits), (5.0, pays)]);
    }

    #[test]
    fn words_stand_beside_one_another_or_below() {
        let words = |at, width| (at, width, "");
        let all = [
            words(100, 50),
            words(120, 50),
            words(200, 50),
            words(280, 50),
        ];
        let found = places(all.to_vec(), 300);
        let places: Vec<(usize, i32)> = found.iter().map(|place| (place.row, place.from)).collect();
        assert_eq!(places, [(0, 104), (1, 124), (0, 204), (1, 226)]);
    }

    #[test]
    fn words_without_room_are_left_out() {
        let crowd = (0..20).map(|n| (100 + n, 90, "")).collect();
        assert_eq!(places(crowd, 800).len(), ROWS_MOST);
    }
}
