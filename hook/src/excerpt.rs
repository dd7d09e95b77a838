//! The relevant part of a domain's XML. A guest waits during the reading, and the reader takes ten milliseconds for a
//! mebibyte of devices.

use libvirt_hpc_xml_schemas::NAMESPACE;
use memchr::memmem;

const DOMAIN: &[u8] = b"<domain";
const DOMAIN_END: &[u8] = b"</domain>";
const METADATA: &[u8] = b"<metadata";
const METADATA_END: &[u8] = b"</metadata>";

/// Whether anything in the document may belong to the policy's namespace, which needs its name.
pub(crate) fn may_be_marked(xml: &[u8]) -> bool {
    memmem::find(xml, NAMESPACE.as_bytes()).is_some()
}

/// The domain with its `<metadata>`, each on its line, and nothing else; none if
/// it does not end, or has other than one of them, or has it elsewhere.
///
/// The rest is not read. It is libvirt's own and well-formed, or else the excerpt may not be: if it is refused, the
/// whole is read.
pub(crate) fn of(xml: &[u8]) -> Option<Vec<u8>> {
    let root = memmem::find(xml, DOMAIN)?;
    let root_end = root + 1 + memchr::memchr(b'>', xml.get(root..)?)?;
    let metadata = only_metadata(xml)?;
    let metadata_end = memmem::rfind(xml, METADATA_END)? + METADATA_END.len();
    let before = xml.get(root..metadata)?;
    if depth(before)? != 1 {
        return None;
    }
    let parts = [
        lines(xml.get(..root)?),
        xml.get(root..root_end)?.to_vec(),
        lines(xml.get(root_end..metadata)?),
        xml.get(metadata..metadata_end)?.to_vec(),
        DOMAIN_END.to_vec(),
    ];
    let ends = xml.trim_ascii_end().ends_with(DOMAIN_END);
    ends.then(|| parts.concat())
}

/// As many lines as in `skipped`, all empty.
fn lines(skipped: &[u8]) -> Vec<u8> {
    vec![b'\n'; memchr::memchr_iter(b'\n', skipped).count()]
}

/// Where the one `<metadata>` begins. `<metadata_cache>`, of a disk, is none.
fn only_metadata(xml: &[u8]) -> Option<usize> {
    let named = memmem::find_iter(xml, METADATA);
    let mut found = named.filter(|at| xml.get(at + METADATA.len()) != Some(&b'_'));
    let first = found.next()?;
    found.next().is_none().then_some(first)
}

/// How many elements are open after `xml`; none if it takes a reader to tell. As
/// libvirt writes them, `<` and `>` begin and end a tag and nothing else.
fn depth(xml: &[u8]) -> Option<usize> {
    let mut depth: usize = 0;
    for start in memchr::memchr_iter(b'<', xml) {
        let tag = xml.get(start..)?;
        let tag = tag.get(..memchr::memchr(b'>', tag)?)?;
        depth = match tag {
            [b'<', b'/', ..] => depth.checked_sub(1)?,
            [b'<', b'!' | b'?', ..] => return None,
            [.., b'/'] => depth,
            _ => depth.checked_add(1)?,
        };
    }
    Some(depth)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_but_metadata_is_left_out() {
        let xml = b"<!---->\n<domain id='1'>\n<name>a</name><os/><metadata\n>\n<b/></metadata>\n\
                    <devices><metadata_cache/></devices>\n</domain>\n";
        let expected = b"\n<domain id='1'>\n<metadata\n>\n<b/></metadata></domain>";
        assert_eq!(of(xml).as_deref(), Some(expected.as_slice()));
    }

    #[test]
    fn documents_in_doubt_are_read_whole() {
        for xml in [
            "",
            "<domain",
            "<domain></domain>",
            "<domain><metadata/></domain>",
            "<domain><metadata></metadata>",
            "<metadata></metadata><domain",
            "</metadata><domain><metadata></domain>",
            "<domain><metadata></metadata><metadata/></domain>",
            "<domain><metadata></metadata><metadata>a</metadata></domain>",
            "<domain><metadata><metadata></metadata></metadata></domain>",
            "<domain><seclabel><metadata></metadata></seclabel></domain>",
            "<domain><!-- <metadata></metadata> --></domain>",
            "<domain><![CDATA[<metadata></metadata>]]></domain>",
            "<domain></domain><metadata></metadata></domain>",
        ] {
            assert_eq!(of(xml.as_bytes()), None, "{xml}");
        }
    }
}
