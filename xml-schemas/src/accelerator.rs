//! The accelerator of a domain's processors.

use crate::attributes::Attributes;
use crate::cursor::{Cursor, Token};
use crate::report::{PolicyError, Warnings};

/// Whether a domain is emulated (`<domain type='qemu'>`, TCG); an unreadable document counts as emulated.
#[must_use]
pub fn is_emulated(domain: &str) -> bool {
    kind(domain).map_or(true, |kind| kind.is_none_or(|kind| kind == "qemu"))
}

fn kind(domain: &str) -> Result<Option<String>, PolicyError> {
    let mut cursor = Cursor::new(domain.as_bytes())?;
    loop {
        match cursor.next()? {
            Token::Open(_, start) => {
                let known = ["type", "id"];
                let attributes =
                    Attributes::read(&cursor, &start, &known, &mut Warnings::default())?;
                return Ok(attributes.optional("type").map(str::to_owned));
            }
            Token::Close | Token::Text => {}
            Token::End => return Ok(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::is_emulated;

    #[test]
    fn only_a_domain_that_names_another_is_not_emulated() {
        assert!(!is_emulated(
            "<domain type='kvm' id='7'><name>vm</name></domain>"
        ));
        assert!(is_emulated("<domain type='qemu'><name>kvm</name></domain>"));
        for unreadable in ["", "<domain/>", "<domain type=kvm>", "kvm"] {
            assert!(is_emulated(unreadable), "{unreadable}");
        }
    }
}
