//! What a domain says of the memory of its QEMU.

use crate::cursor::{Cursor, Token};
use crate::report::PolicyError;

/// The elements that bound or lock all memory of a QEMU, what it needs for itself included: with the one it is killed when it
/// takes more, with the other it is refused more.
const BOUNDS: [[&str; 3]; 2] = [
    ["domain", "memtune", "hard_limit"],
    ["domain", "memoryBacking", "locked"],
];

/// Whether a domain bounds or locks the memory of its QEMU; a document that cannot be read is taken to do so.
#[must_use]
pub fn memory_is_bounded(domain: &str) -> bool {
    walk(domain).unwrap_or(true)
}

fn walk(domain: &str) -> Result<bool, PolicyError> {
    let mut cursor = Cursor::new(domain.as_bytes())?;
    let mut path: Vec<String> = Vec::new();
    loop {
        match cursor.next()? {
            Token::Open(_, start) => {
                path.push(start.local_name().as_ref().to_owned());
                if BOUNDS.iter().any(|bound| path == bound) {
                    return Ok(true);
                }
            }
            Token::Close => drop(path.pop()),
            Token::Text => {}
            Token::End => return Ok(false),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::memory_is_bounded;

    #[test]
    fn bounds_are_found_where_libvirt_has_them() {
        let domain = |inner: &str| format!("<domain type='kvm'><name>vm</name>{inner}</domain>");
        for (inner, bounded) in [
            ("", false),
            (
                "<memtune><soft_limit unit='KiB'>7</soft_limit></memtune>",
                false,
            ),
            (
                "<memtune><hard_limit unit='KiB'>7</hard_limit></memtune>",
                true,
            ),
            ("<memoryBacking><hugepages/></memoryBacking>", false),
            ("<memoryBacking><hugepages/><locked/></memoryBacking>", true),
            ("<metadata><x:locked xmlns:x='urn:x'/></metadata>", false),
            ("<memtune>", true),
        ] {
            assert_eq!(memory_is_bounded(&domain(inner)), bounded, "{inner}");
        }
    }
}
