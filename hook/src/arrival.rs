//! The policy of a domain that is about to arrive.

use std::io::Read;

use libvirt_hpc_xml_schemas::{MAX_DOCUMENT_BYTES, PolicyError, Warning, read_domain};

/// One byte more than the reader takes, so that it can tell a document that is
/// too long from one that just fits.
const MAX_INPUT_BYTES: u64 = MAX_DOCUMENT_BYTES as u64 + 1;

/// The longest domain name repeated in a message, in characters: libvirt sets
/// no bound, and a datagram to syslog has one.
const MAX_NAME_CHARS: usize = 200;

/// Reads the XML of `domain` and answers with what its administrator should
/// know of the policy in it, as one line; none if all is well.
pub(crate) fn check(domain: &str, input: impl Read) -> Option<String> {
    let mut xml = Vec::new();
    let found = match input.take(MAX_INPUT_BYTES).read_to_end(&mut xml) {
        Ok(_) => remark(&xml)?,
        Err(error) => format!("the XML could not be read ({error}); the defaults apply"),
    };
    let name: String = domain.chars().take(MAX_NAME_CHARS).collect();
    let name = name.escape_debug();
    Some(format!("domain {name}: migration policy: {found}"))
}

fn remark(xml: &[u8]) -> Option<String> {
    match read_domain(xml) {
        Ok(reading) if reading.warnings.is_empty() => None,
        Ok(reading) => Some(warned(&reading.warnings)),
        Err(error) => Some(refused(&error)),
    }
}

fn refused(error: &PolicyError) -> String {
    format!("{error}; the defaults apply")
}

fn warned(warnings: &[Warning]) -> String {
    let each = warnings.iter().map(|warning| {
        let (line, reason) = (warning.line, &warning.reason);
        format!("line {line}: {reason}")
    });
    let each: Vec<_> = each.collect();
    format!("{}; the defaults apply in their place", each.join("; "))
}

#[cfg(test)]
mod tests {
    use std::io::{self, repeat};

    use super::*;

    const DECLARATION: &str = "xmlns:h='urn:libvirt-hpc:domain:1.0'";

    fn domain(policy: &str) -> String {
        format!("<domain>\n<metadata {DECLARATION}>\n{policy}\n</metadata>\n</domain>")
    }

    fn said(policy: &str) -> Option<String> {
        check("rank0", domain(policy).as_bytes())
    }

    #[test]
    fn a_good_policy_or_none_is_not_worth_a_word() {
        assert_eq!(said(""), None);
        assert_eq!(said("<h:migration/>"), None);
        assert_eq!(
            said("<h:migration><h:downtime max='5'/></h:migration>"),
            None
        );
    }

    #[test]
    fn a_bad_policy_is_named_with_domain_line_and_reason() {
        let expected = "domain rank0: migration policy: line 4: <downtime>: max must be an \
                        integer from 1 to 2000000, not \"0\"; the defaults apply";
        let policy = "<h:migration>\n<h:downtime max='0'/></h:migration>";
        assert_eq!(said(policy).as_deref(), Some(expected));
    }

    #[test]
    fn warnings_share_one_line() {
        let expected = "domain rank0: migration policy: line 3: unknown element \"h:a\" is \
                        ignored; line 4: unknown element \"h:b\" is ignored; the defaults apply \
                        in their place";
        let policy = "<h:migration><h:a/>\n<h:b/></h:migration>";
        assert_eq!(said(policy).as_deref(), Some(expected));
    }

    #[test]
    fn no_more_is_read_than_a_domain_can_be_long() {
        let message = check("rank0", repeat(b' '));
        assert!(message.is_some_and(|text| text.contains("longer than 4194304 bytes")));
    }

    #[test]
    fn a_name_cannot_forge_a_line_of_the_log() {
        let message = check("a\nb", io::empty());
        let message = message.expect("an empty document is refused");
        assert!(message.starts_with("domain a\\nb: "), "{message}");
    }

    #[test]
    fn input_that_fails_is_reported() {
        struct Broken;
        impl Read for Broken {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::Error::other("torn"))
            }
        }
        let message = check("rank0", Broken).expect("a message");
        assert!(message.contains("could not be read (torn)"), "{message}");
    }
}
