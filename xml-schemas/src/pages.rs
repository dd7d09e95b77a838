//! The pages that back a domain's memory.

use quick_xml::events::BytesStart;

use crate::attributes::Attributes;
use crate::cursor::{Cursor, Token};
use crate::report::{PolicyError, Warnings};

/// Where a domain asks for huge pages, and where it gives their size.
const HUGE: [&str; 3] = ["domain", "memoryBacking", "hugepages"];
const SIZE: [&str; 4] = ["domain", "memoryBacking", "hugepages", "page"];
/// Where a memory device names a size of its own.
const DEVICE: [&str; 5] = ["domain", "devices", "memory", "source", "pagesize"];

/// The size if none is given, because the host's default may be any: the largest of x86.
const UNNAMED_BYTES: u64 = 1 << 30;

/// The largest huge pages that back a domain's memory, bytes; none if it asks for none. 1 GiB if their size is not
/// given, or the document cannot be read.
#[must_use]
pub fn page_bytes(domain: &str) -> Option<u64> {
    walk(domain).unwrap_or(Some(UNNAMED_BYTES))
}

fn walk(domain: &str) -> Result<Option<u64>, PolicyError> {
    let mut cursor = Cursor::new(domain.as_bytes())?;
    let mut path: Vec<String> = Vec::new();
    let (mut asked, mut largest) = (false, None);
    loop {
        match cursor.next()? {
            Token::Open(_, start) => {
                path.push(start.local_name().as_ref().to_owned());
                asked |= path == HUGE;
                if path == SIZE {
                    largest = largest.max(Some(size(&cursor, &start)?));
                } else if path == DEVICE {
                    largest = largest.max(Some(UNNAMED_BYTES));
                }
            }
            Token::Close => drop(path.pop()),
            Token::Text => {}
            Token::End if asked => return Ok(largest.or(Some(UNNAMED_BYTES))),
            Token::End => return Ok(largest),
        }
    }
}

fn size(cursor: &Cursor<'_>, start: &BytesStart<'_>) -> Result<u64, PolicyError> {
    let known = ["size", "unit", "nodeset"];
    let attributes = Attributes::read(cursor, start, &known, &mut Warnings::default())?;
    let number = attributes
        .optional("size")
        .and_then(|size| size.parse::<u64>().ok());
    let unit = unit_bytes(attributes.optional("unit").unwrap_or("KiB"));
    let bytes = number.zip(unit).and_then(|(n, unit)| n.checked_mul(unit));
    Ok(bytes.unwrap_or(UNNAMED_BYTES))
}

/// libvirt's units (`virScaleInteger`, `src/util/virutil.c`).
fn unit_bytes(unit: &str) -> Option<u64> {
    let unit = unit.to_ascii_lowercase();
    if unit == "b" || unit == "bytes" {
        return Some(1);
    }
    let power = "kmgt".find(unit.get(..1)?)?;
    let power = u32::try_from(power + 1).ok()?;
    match unit.get(1..) {
        Some("" | "ib") => 1024_u64.checked_pow(power),
        Some("b") => 1000_u64.checked_pow(power),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::page_bytes;

    const MIB: u64 = 1 << 20;
    const GIB: u64 = 1 << 30;

    fn backed(pages: &str) -> Option<u64> {
        let huge = format!("<memoryBacking><hugepages>{pages}</hugepages></memoryBacking>");
        page_bytes(&format!("<domain type='kvm'>{huge}</domain>"))
    }

    #[test]
    fn the_largest_page_counts_in_libvirts_units() {
        assert_eq!(
            page_bytes("<domain type='kvm'><name>vm</name></domain>"),
            None
        );
        assert_eq!(backed("<page size='2048' unit='KiB'/>"), Some(2 * MIB));
        assert_eq!(backed("<page size='2048'/>"), Some(2 * MIB));
        let nodes = "<page size='2' unit='M' nodeset='0'/><page size='1' unit='G' nodeset='1'/>";
        assert_eq!(backed(nodes), Some(GIB));
        assert_eq!(backed("<page size='2' unit='MB'/>"), Some(2_000_000));
        assert_eq!(backed("<page size='4096' unit='bytes'/>"), Some(4096));
    }

    #[test]
    fn a_missing_size_counts_as_the_largest() {
        for pages in ["", "<page size='much'/>", "<page size='2' unit='parsec'/>"] {
            assert_eq!(backed(pages), Some(GIB), "{pages}");
        }
        assert_eq!(page_bytes("<domain>"), Some(GIB));
        let device =
            "<memory model='dimm'><source><pagesize unit='KiB'>2048</pagesize></source></memory>";
        let domain = format!("<domain><devices>{device}</devices></domain>");
        assert_eq!(page_bytes(&domain), Some(GIB));
    }

    #[test]
    fn similar_elements_are_not_taken_for_it() {
        let metadata = "<metadata><x:hugepages xmlns:x='urn:x'/></metadata>";
        assert_eq!(page_bytes(&format!("<domain>{metadata}</domain>")), None);
    }
}
