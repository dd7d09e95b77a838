//! One colour a law, in all pictures.

use plotters::style::RGBColor;

use super::super::laws::{ADAPTIVE, LAWS};

const OWN: RGBColor = RGBColor(0xc4, 0x1e, 0x3a);

/// Of the others, in the order of [`LAWS`].
const OTHERS: [RGBColor; 10] = [
    RGBColor(0xe3, 0x93, 0xa0),
    RGBColor(0x7a, 0x1f, 0x4f),
    RGBColor(0x55, 0x55, 0x55),
    RGBColor(0x4c, 0x72, 0xb0),
    RGBColor(0xdd, 0x84, 0x52),
    RGBColor(0x55, 0xa8, 0x68),
    RGBColor(0x81, 0x72, 0xb3),
    RGBColor(0x93, 0x78, 0x60),
    RGBColor(0x3b, 0xa3, 0xb8),
    RGBColor(0xd8, 0x7f, 0xb2),
];

/// The colour of a law.
pub(super) fn of(law: &str) -> RGBColor {
    if law == ADAPTIVE {
        return OWN;
    }
    let others = LAWS.iter().filter(|l| l.name != ADAPTIVE);
    let place = others.into_iter().position(|l| l.name == law);
    OTHERS[place.unwrap_or(0) % OTHERS.len()]
}
