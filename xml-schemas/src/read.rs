//! Finding the policy in a document.

use crate::NAMESPACE;
use crate::cursor::{Cursor, Space, Token};
use crate::migration::{self, UNKNOWN};
use crate::policy::Policy;
use crate::report::{PolicyError, Warning, Warnings, quoted};

/// The content of a document.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    /// The policy; none if the domain is not marked.
    pub policy: Option<Policy>,
    /// Warnings about ignored parts, at most [`crate::MAX_WARNINGS`].
    pub warnings: Vec<Warning>,
}

/// Reads the policy in a whole domain XML, as `virDomainGetXMLDesc` gives it and as a hook finds it on its standard
/// input: the element of the policy's namespace that is a child of `/domain/metadata`.
///
/// Other elements are checked only as far as it takes to walk past them.
///
/// # Errors
/// The document is not a domain, not well-formed, too large or too deep, or a
/// value in the policy is wrong.
pub fn read_domain(xml: &[u8]) -> Result<Reading, PolicyError> {
    let mut cursor = Cursor::new(xml)?;
    let mut search = Search::default();
    match cursor.next()? {
        Token::Open(Space::Absent, root) if root.name().0 == "domain" => {}
        Token::Open(_, root) => return Err(wrong_root(&cursor, root.name().0, "<domain>")),
        Token::Close | Token::Text | Token::End => return Err(cursor.fail("no <domain>")),
    }
    loop {
        match cursor.next()? {
            Token::Open(Space::Absent, start) if start.name().0 == "metadata" => {
                search.metadata(&mut cursor)?;
            }
            Token::Open(..) => cursor.skip()?,
            Token::Text => {}
            Token::Close | Token::End => break,
        }
    }
    search.finish(cursor)
}

/// Reads the `<migration>` element by itself, in the policy's namespace as it is written or in none as
/// `virDomainGetMetadata` returns it.
///
/// # Errors
/// The document is another element, not well-formed, too large or too deep, or
/// a value in the policy is wrong.
pub fn read_metadata(xml: &[u8]) -> Result<Reading, PolicyError> {
    let mut cursor = Cursor::new(xml)?;
    let mut search = Search::default();
    match cursor.next()? {
        Token::Open(space @ (Space::Policy | Space::Absent), root)
            if root.local_name().as_ref() == "migration" =>
        {
            let policy = migration::read(&mut cursor, space, &root, &mut search.warnings)?;
            search.policy = Some(policy);
        }
        Token::Open(_, root) => {
            let expected = format!("<migration> of {NAMESPACE}");
            return Err(wrong_root(&cursor, root.name().0, &expected));
        }
        Token::Close | Token::Text | Token::End => return Err(cursor.fail("no <migration>")),
    }
    search.finish(cursor)
}

fn wrong_root(cursor: &Cursor<'_>, name: &str, expected: &str) -> PolicyError {
    let name = quoted(name);
    cursor.fail(format!(
        "the document is the element {name}, not {expected}"
    ))
}

#[derive(Default)]
struct Search {
    warnings: Warnings,
    policy: Option<Policy>,
    /// The line of the first `<metadata>`, and of the first `<migration>` in it.
    metadata_line: Option<u64>,
    policy_line: Option<u64>,
}

impl Search {
    fn metadata(&mut self, cursor: &mut Cursor<'_>) -> Result<(), PolicyError> {
        once(cursor, "<metadata>", &mut self.metadata_line)?;
        loop {
            match cursor.next()? {
                Token::Open(Space::Policy, start) if start.local_name().as_ref() == "migration" => {
                    once(cursor, "<migration> of libvirt-hpc", &mut self.policy_line)?;
                    let read = migration::read(cursor, Space::Policy, &start, &mut self.warnings);
                    self.policy = Some(read?);
                }
                Token::Open(Space::Policy, start) => {
                    migration::ignore(cursor, &start, UNKNOWN, &mut self.warnings)?;
                }
                Token::Open(..) => cursor.skip()?,
                Token::Text => {}
                Token::Close | Token::End => return Ok(()),
            }
        }
    }

    /// Checks that the document ends where its element does.
    fn finish(self, mut cursor: Cursor<'_>) -> Result<Reading, PolicyError> {
        cursor.next()?;
        Ok(Reading {
            policy: self.policy,
            warnings: self.warnings.0,
        })
    }
}

fn once(cursor: &Cursor<'_>, what: &str, first: &mut Option<u64>) -> Result<(), PolicyError> {
    if let Some(line) = first {
        return Err(cursor.fail(format!("a second {what}; the first is on line {line}")));
    }
    *first = Some(cursor.line());
    Ok(())
}
