//! Numbers as virsh reads them: C's `strtol`, and nothing left over.
//!
//! Source: `virStrToLong_i`, `_uip` and `_ullp` in `src/util/virstring.c`.

/// A number with its sign; the magnitude saturates.
struct Number {
    negative: bool,
    magnitude: u128,
}

/// An `int`; base 0 tells octal and hexadecimal by their prefix.
pub(crate) fn int(text: &[u8], base: u32) -> Option<i32> {
    let number = number(text, base)?;
    let magnitude = i128::try_from(number.magnitude).ok()?;
    i32::try_from(if number.negative {
        -magnitude
    } else {
        magnitude
    })
    .ok()
}

/// An `unsigned int` in base 10, without a minus sign.
pub(crate) fn unsigned(text: &[u8]) -> Option<u32> {
    let number = number(text, 10).filter(|number| !number.negative)?;
    u32::try_from(number.magnitude).ok()
}

/// An `unsigned long long` in base 10, without a minus sign.
pub(crate) fn unsigned_long(text: &[u8]) -> Option<u64> {
    let number = number(text, 10).filter(|number| !number.negative)?;
    u64::try_from(number.magnitude).ok()
}

fn number(text: &[u8], base: u32) -> Option<Number> {
    let start = text.iter().position(|&byte| !is_space(byte))?;
    let text = &text[start..];
    let (negative, text) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, text),
    };
    let (base, digits) = match (base, text) {
        (0, [b'0', b'x' | b'X', rest @ ..]) => (16, rest),
        (0, [b'0', ..]) => (8, text),
        (0, _) => (10, text),
        _ => (base, text),
    };
    if digits.is_empty() {
        return None;
    }
    let mut magnitude = 0_u128;
    for &byte in digits {
        let digit = char::from(byte).to_digit(base)?;
        magnitude = magnitude
            .saturating_mul(base.into())
            .saturating_add(digit.into());
    }
    Some(Number {
        negative,
        magnitude,
    })
}

/// C's `isspace`.
const fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t'..=b'\r')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leading_space_and_signs_are_those_of_strtol() {
        assert_eq!(int(b" \t\n+7", 10), Some(7));
        assert_eq!(int(b"-7", 10), Some(-7));
        assert_eq!(unsigned(b" 07"), Some(7));
        for bad in [
            &b""[..],
            b" ",
            b"-",
            b"7 ",
            b"7x",
            b"- 7",
            b"+-7",
            b"0x7",
            b"7.0",
            b"\xff",
        ] {
            assert_eq!(int(bad, 10), None, "{bad:?}");
        }
    }

    #[test]
    fn base_zero_follows_the_prefix() {
        assert_eq!(int(b"0x1f", 0), Some(31));
        assert_eq!(int(b"017", 0), Some(15));
        assert_eq!(int(b"0", 0), Some(0));
        assert_eq!(int(b"08", 0), None);
        assert_eq!(int(b"0x", 0), None);
    }

    #[test]
    fn bounds_are_those_of_the_type() {
        assert_eq!(int(b"2147483647", 10), Some(i32::MAX));
        assert_eq!(int(b"-2147483648", 10), Some(i32::MIN));
        assert_eq!(int(b"2147483648", 10), None);
        assert_eq!(unsigned(b"4294967295"), Some(u32::MAX));
        assert_eq!(unsigned(b"4294967296"), None);
        assert_eq!(unsigned(b"-0"), None);
        assert_eq!(unsigned_long(b"18446744073709551615"), Some(u64::MAX));
        assert_eq!(unsigned_long(b"18446744073709551616"), None);
        assert_eq!(unsigned_long(&[b'9'; 200]), None);
    }
}
