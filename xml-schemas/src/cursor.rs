//! A bounded walk through a document, on top of quick-xml.
//!
//! quick-xml accepts much that is not well-formed. The cursor refuses what would let a document mean one thing to
//! libvirt and another to this reader: bytes that are not allowed in XML, a document type, entities, two roots, a
//! missing end.

use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::{BytesRef, BytesStart, Event};
use quick_xml::name::{Namespace, ResolveResult};
use quick_xml::reader::NsReader;

use crate::NAMESPACE;
use crate::document::{characters, is_blank, line_at};
use crate::report::{PolicyError, parser_words, quoted};

/// The deepest nesting: libxml2, with which libvirt reads every domain, refuses
/// more ("Excessive depth in document", `nodePush` in parser.c).
pub const MAX_DEPTH: usize = 256;

/// The namespace of an element's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Space {
    Policy,
    Absent,
    Foreign,
    Undeclared,
}

/// One step through the document. Comments, processing instructions and blanks are skipped.
pub(crate) enum Token<'a> {
    Open(Space, BytesStart<'a>),
    Close,
    Text,
    End,
}

pub(crate) struct Cursor<'a> {
    bytes: &'a [u8],
    reader: NsReader<&'a [u8]>,
    /// Where the last token begins.
    offset: u64,
    depth: usize,
    rooted: bool,
}

impl<'a> Cursor<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Result<Self, PolicyError> {
        let text = characters(bytes)?;
        let mut reader = NsReader::from_str(text);
        reader.config_mut().expand_empty_elements = true;
        Ok(Self {
            bytes,
            reader,
            offset: 0,
            depth: 0,
            rooted: false,
        })
    }

    /// The next token; an element that is empty opens and closes all the same.
    pub(crate) fn next(&mut self) -> Result<Token<'a>, PolicyError> {
        loop {
            let (space, event) = self.read()?;
            match event {
                Event::Start(start) => return self.open().map(|()| Token::Open(space, start)),
                Event::End(_) => return Ok(self.close()),
                Event::Text(text) if !self.pass_blanks(&text) => return self.text(),
                Event::CData(text) if !text.bytes().all(is_blank) => return self.text(),
                Event::GeneralRef(reference) => {
                    self.check_reference(&reference)?;
                    return self.text();
                }
                Event::DocType(_) => return Err(self.fail("a domain has no document type")),
                Event::Eof => return self.end(),
                _ => {}
            }
        }
    }

    /// Skips the rest of the element that was opened last.
    pub(crate) fn skip(&mut self) -> Result<(), PolicyError> {
        let outside = self.depth.saturating_sub(1);
        while self.depth > outside {
            self.next()?;
        }
        Ok(())
    }

    /// The line on which the last token begins.
    pub(crate) fn line(&self) -> u64 {
        line_at(self.bytes, self.offset)
    }

    /// An error at the last token.
    pub(crate) fn fail(&self, reason: impl Into<String>) -> PolicyError {
        let (line, reason) = (self.line(), reason.into());
        PolicyError { line, reason }
    }

    fn read(&mut self) -> Result<(Space, Event<'a>), PolicyError> {
        self.offset = self.reader.buffer_position();
        match self.reader.read_resolved_event() {
            Ok((namespace, event)) => Ok((space(&namespace), event)),
            Err(error) => {
                // A broken tag is reported where it begins; some errors have no position.
                self.offset = self.offset.max(self.reader.error_position());
                Err(self.fail(format!("not well-formed: {}", parser_words(&error))))
            }
        }
    }

    fn open(&mut self) -> Result<(), PolicyError> {
        if self.rooted && self.depth == 0 {
            return Err(self.fail("a second element after the end of the document"));
        }
        if self.depth == MAX_DEPTH {
            return Err(self.fail(format!("elements are nested deeper than {MAX_DEPTH}")));
        }
        self.rooted = true;
        self.depth += 1;
        Ok(())
    }

    fn close(&mut self) -> Token<'a> {
        self.depth = self.depth.saturating_sub(1);
        Token::Close
    }

    /// Moves to the first character that is not blank; true if there is none.
    fn pass_blanks(&mut self, text: &str) -> bool {
        let blanks = text.bytes().take_while(|byte| is_blank(*byte)).count();
        self.offset += blanks as u64;
        blanks == text.len()
    }

    fn text(&self) -> Result<Token<'a>, PolicyError> {
        match self.depth {
            0 => Err(self.fail("text outside of the document's element")),
            _ => Ok(Token::Text),
        }
    }

    fn end(&self) -> Result<Token<'a>, PolicyError> {
        match (self.rooted, self.depth) {
            (true, 0) => Ok(Token::End),
            (false, _) => Err(self.fail("the document has no element")),
            (true, open) => Err(self.fail(format!("the document ends with elements open: {open}"))),
        }
    }

    /// Without a document type there are only characters and five entities.
    fn check_reference(&self, reference: &BytesRef<'_>) -> Result<(), PolicyError> {
        let known = if reference.is_char_ref() {
            reference.resolve_char_ref().is_ok()
        } else {
            resolve_predefined_entity(reference).is_some()
        };
        if known {
            return Ok(());
        }
        let name = quoted(reference);
        Err(self.fail(format!("reference to the unknown entity {name}")))
    }
}

fn space(namespace: &ResolveResult<'_>) -> Space {
    match namespace {
        ResolveResult::Bound(Namespace(NAMESPACE)) => Space::Policy,
        // xmlns="" takes a default namespace back.
        ResolveResult::Unbound | ResolveResult::Bound(Namespace("")) => Space::Absent,
        ResolveResult::Bound(_) => Space::Foreign,
        ResolveResult::Unknown(_) => Space::Undeclared,
    }
}
