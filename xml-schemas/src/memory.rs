//! The memory settings of a domain's QEMU.

use quick_xml::events::BytesStart;

use crate::attributes::Attributes;
use crate::cursor::{Cursor, Token};
use crate::report::{PolicyError, Warnings};

/// The elements that bound or lock all memory of a QEMU, its own needs included: it is killed if it takes more than the
/// limit, and refused more than may be locked. A host with huge pages for its guests has little other memory.
const BOUNDS: [[&str; 3]; 3] = [
    ["domain", "memtune", "hard_limit"],
    ["domain", "memoryBacking", "locked"],
    ["domain", "memoryBacking", "hugepages"],
];

/// The element that may confine all memory of a QEMU to some of the host's nodes (the cgroup's `cpuset.mems`): a full
/// node is then as bad as a full host. `<memnode>` is for the guest's own memory alone.
const NODES: [&str; 3] = ["domain", "numatune", "memory"];

/// The modes of [`NODES`] that take memory elsewhere if it does not fit there. `strict` is the default (libvirt's "NUMA
/// Node Tuning").
const YIELDING_MODES: [&str; 2] = ["interleave", "preferred"];

/// Whether a domain bounds, locks or confines the memory of its QEMU; an unreadable document counts as doing so.
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
                let bounds = BOUNDS.iter().any(|bound| path == bound);
                if bounds || (path == NODES && confines(&cursor, &start)?) {
                    return Ok(true);
                }
            }
            Token::Close => drop(path.pop()),
            Token::Text => {}
            Token::End => return Ok(false),
        }
    }
}

fn confines(cursor: &Cursor<'_>, memory: &BytesStart<'_>) -> Result<bool, PolicyError> {
    let attributes = Attributes::read(cursor, memory, &["mode"], &mut Warnings::default())?;
    let mode = attributes.optional("mode");
    Ok(mode.is_none_or(|mode| !YIELDING_MODES.contains(&mode)))
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
            (
                "<memoryBacking><access mode='shared'/></memoryBacking>",
                false,
            ),
            ("<memoryBacking><hugepages/></memoryBacking>", true),
            (
                "<memoryBacking><hugepages><page size='1' unit='G' nodeset='1'/></hugepages></memoryBacking>",
                true,
            ),
            ("<memoryBacking><locked/></memoryBacking>", true),
            (
                "<numatune><memory mode='strict' nodeset='0'/></numatune>",
                true,
            ),
            (
                "<numatune><memory mode='restrictive' nodeset='0'/></numatune>",
                true,
            ),
            ("<numatune><memory nodeset='0'/></numatune>", true),
            (
                "<numatune><memory mode='preferred' nodeset='0'/></numatune>",
                false,
            ),
            (
                "<numatune><memory mode='interleave' nodeset='0-1'/></numatune>",
                false,
            ),
            (
                "<numatune><memnode cellid='0' mode='strict' nodeset='0'/></numatune>",
                false,
            ),
            ("<metadata><x:locked xmlns:x='urn:x'/></metadata>", false),
            ("<memtune>", true),
        ] {
            assert_eq!(memory_is_bounded(&domain(inner)), bounded, "{inner}");
        }
    }
}
