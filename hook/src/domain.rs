//! The policy in the XML of a domain.

use std::io::Read;

use libvirt_hpc_xml_schemas::{MAX_DOCUMENT_BYTES, Reading, Warning, read_domain};

use crate::excerpt;

/// One byte more than the reader takes, so that it can tell a document that is
/// too long from one that just fits.
const MAX_INPUT_BYTES: u64 = MAX_DOCUMENT_BYTES as u64 + 1;

/// The capacity of a pipe (pipe(7)): one read takes all of most domains.
const PIPE_BYTES: usize = 64 * 1024;

/// The result of reading a domain.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Domain {
    /// Whether it concerns the agent. A policy that cannot be read is a mark too: the agent reads it again.
    pub marked: bool,
    /// The warning to the administrator about the policy, in one line; none if all is well.
    pub remark: Option<String>,
}

impl Domain {
    /// Reads the XML that libvirt gives to a hook, and no more of it than a
    /// domain can be long.
    #[must_use]
    pub fn read(input: impl Read) -> Self {
        let mut xml = Vec::with_capacity(PIPE_BYTES);
        match input.take(MAX_INPUT_BYTES).read_to_end(&mut xml) {
            Ok(_) => Self::found(&xml),
            Err(error) => Self::in_doubt(format!("the XML could not be read ({error})")),
        }
    }

    fn found(xml: &[u8]) -> Self {
        if xml.len() <= MAX_DOCUMENT_BYTES && !excerpt::may_be_marked(xml) {
            return Self::default();
        }
        // An excerpt that is refused may be a bad excerpt; the whole document decides.
        let excerpt = excerpt::of(xml).and_then(|excerpt| read_domain(&excerpt).ok());
        match excerpt.map_or_else(|| read_domain(xml), Ok) {
            Ok(Reading { policy, warnings }) => Self {
                marked: policy.is_some(),
                remark: warned(&warnings),
            },
            Err(error) => Self::in_doubt(error.to_string()),
        }
    }

    fn in_doubt(reason: String) -> Self {
        Self {
            marked: true,
            remark: Some(format!("{reason}; the defaults apply")),
        }
    }
}

fn warned(warnings: &[Warning]) -> Option<String> {
    let each = warnings.iter().map(|warning| {
        let (line, reason) = (warning.line, &warning.reason);
        format!("line {line}: {reason}")
    });
    let each: Vec<_> = each.collect();
    (!each.is_empty()).then(|| format!("{}; the defaults apply in their place", each.join("; ")))
}

#[cfg(test)]
mod tests {
    use std::io::{self, repeat};

    use super::*;

    const DECLARATION: &str = "xmlns:h='urn:libvirt-hpc:domain:1.0'";

    fn read(policy: &str) -> Domain {
        let metadata = format!("<metadata {DECLARATION}>\n{policy}\n</metadata>");
        Domain::read(format!("<domain>\n{metadata}\n</domain>").as_bytes())
    }

    #[test]
    fn a_good_policy_is_a_mark_without_a_warning() {
        let marked = |marked| Domain {
            marked,
            remark: None,
        };
        assert_eq!(read(""), marked(false));
        assert_eq!(read("<h:migration/>"), marked(true));
        assert_eq!(
            read("<h:migration><h:downtime max='5'/></h:migration>"),
            marked(true)
        );
    }

    #[test]
    fn a_bad_policy_is_a_mark_and_is_named_with_line_and_reason() {
        let domain = read("<h:migration>\n<h:downtime max='0'/></h:migration>");
        let expected = "line 4: <downtime>: max must be an integer from 1 to 2000000, not \"0\"; \
                        the defaults apply";
        assert!(domain.marked);
        assert_eq!(domain.remark.as_deref(), Some(expected));
    }

    #[test]
    fn a_document_without_the_namespace_is_unmarked() {
        for xml in [
            "",
            "no XML at all",
            "<domain><metadata>",
            "<domain>&lol;</domain>",
        ] {
            assert_eq!(Domain::read(xml.as_bytes()), Domain::default(), "{xml}");
        }
    }

    #[test]
    fn a_document_cut_after_the_namespace_may_be_marked() {
        let domain = Domain::read(format!("<domain><metadata {DECLARATION}>").as_bytes());
        assert!(domain.marked && domain.remark.is_some(), "{domain:?}");
    }

    /// Not that of the excerpt that is read.
    #[test]
    fn the_reported_line_is_that_of_the_whole_document() {
        let xml = format!(
            "<domain>\n<name>a</name>\n<metadata {DECLARATION}>\n<h:migration>\n<h:b/>\n\
             </h:migration>\n</metadata>\n</domain>"
        );
        let remark = Domain::read(xml.as_bytes()).remark.expect("a remark");
        assert!(remark.starts_with("line 5: "), "{remark}");
    }

    #[test]
    fn warnings_share_one_line() {
        let domain = read("<h:migration><h:a/>\n<h:b/></h:migration>");
        let expected = "line 3: unknown element \"h:a\" is ignored; line 4: unknown element \
                        \"h:b\" is ignored; the defaults apply in their place";
        assert!(domain.marked);
        assert_eq!(domain.remark.as_deref(), Some(expected));
    }

    #[test]
    fn another_element_of_the_namespace_is_no_mark() {
        let domain = read("<h:migrations/>");
        assert!(!domain.marked && domain.remark.is_some(), "{domain:?}");
    }

    #[test]
    fn no_more_is_read_than_a_domain_can_be_long() {
        let remark = Domain::read(repeat(b' ')).remark;
        assert!(remark.is_some_and(|text| text.contains("longer than 4194304 bytes")));
    }

    #[test]
    fn input_that_fails_is_reported_and_may_be_a_mark() {
        struct Broken;
        impl Read for Broken {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::Error::other("torn"))
            }
        }
        let expected = "the XML could not be read (torn); the defaults apply";
        let domain = Domain::read(Broken);
        assert!(domain.marked);
        assert_eq!(domain.remark.as_deref(), Some(expected));
    }
}
