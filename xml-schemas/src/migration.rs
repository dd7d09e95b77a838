//! The content of the `<migration>` element.

use quick_xml::events::BytesStart;

use crate::attributes::Attributes;
use crate::cursor::{Cursor, Space, Token};
use crate::policy::{Deadline, Job, Policy, Then};
use crate::report::{PolicyError, Warnings, quoted};
use crate::value;

/// The kinds of ignored elements, as a warning names them.
pub(crate) const UNKNOWN: &str = "unknown element";
const OTHER: &str = "element outside of the namespace of <migration>";

/// Reads the element that `start` has opened, to its end. Its children belong
/// to the namespace `space`, as it does.
pub(crate) fn read(
    cursor: &mut Cursor<'_>,
    space: Space,
    start: &BytesStart<'_>,
    warnings: &mut Warnings,
) -> Result<Policy, PolicyError> {
    Attributes::read(cursor, start, &[], warnings)?;
    let mut children = Children {
        warnings,
        policy: Policy::default(),
        seen: Vec::new(),
    };
    loop {
        match cursor.next()? {
            Token::Open(of, start) if of == space => children.read(cursor, &start)?,
            Token::Open(_, start) => ignore(cursor, &start, OTHER, children.warnings)?,
            Token::Text => return Err(cursor.fail("<migration> holds elements, not text")),
            Token::Close | Token::End => break,
        }
    }
    children.finish()
}

/// Skips an unknown element: a later version may know it, and the known ones still apply.
pub(crate) fn ignore(
    cursor: &mut Cursor<'_>,
    start: &BytesStart<'_>,
    kind: &str,
    warnings: &mut Warnings,
) -> Result<(), PolicyError> {
    warnings.add(
        || cursor.line(),
        || format!("{kind} {} is ignored", quoted(start.name().0)),
    );
    cursor.skip()
}

struct Children<'w> {
    warnings: &'w mut Warnings,
    policy: Policy,
    /// The children read so far, with their lines.
    seen: Vec<(&'static str, u64)>,
}

impl Children<'_> {
    fn read(&mut self, cursor: &mut Cursor<'_>, start: &BytesStart<'_>) -> Result<(), PolicyError> {
        match start.local_name().as_ref() {
            "slowdown" => self.slowdown(cursor, start)?,
            "downtime" => self.downtime(cursor, start)?,
            "deadline" => self.deadline(cursor, start)?,
            "bandwidth" => self.bandwidth(cursor, start)?,
            "postcopy" => self.postcopy(cursor, start)?,
            "compression" => self.compression(cursor, start)?,
            "job" => self.job(cursor, start)?,
            _ => return ignore(cursor, start, UNKNOWN, self.warnings),
        }
        self.expect_empty(cursor)
    }

    fn slowdown(&mut self, cursor: &Cursor<'_>, start: &BytesStart<'_>) -> Result<(), PolicyError> {
        let given = self.once("slowdown", &["percent"], cursor, start)?;
        let value = given.required("percent").and_then(value::millipercent);
        self.policy.slowdown_millipercent = Some(given.at(cursor, value)?);
        Ok(())
    }

    fn downtime(&mut self, cursor: &Cursor<'_>, start: &BytesStart<'_>) -> Result<(), PolicyError> {
        let given = self.once("downtime", &["max", "unit"], cursor, start)?;
        let max = given.required("max");
        let value = max.and_then(|max| value::downtime_ms(max, given.optional("unit")));
        self.policy.downtime_max_ms = Some(given.at(cursor, value)?);
        Ok(())
    }

    fn deadline(&mut self, cursor: &Cursor<'_>, start: &BytesStart<'_>) -> Result<(), PolicyError> {
        let given = self.once("deadline", &["seconds", "then"], cursor, start)?;
        let seconds = given
            .required("seconds")
            .and_then(|text| value::number_u32("seconds", text, 1, value::DEADLINE_MAX_SECONDS));
        let seconds = given.at(cursor, seconds)?;
        let then = given.optional("then").map(value::then).transpose();
        let then = given.at(cursor, then)?.unwrap_or_default();
        self.policy.deadline = Some(Deadline { seconds, then });
        Ok(())
    }

    fn bandwidth(
        &mut self,
        cursor: &Cursor<'_>,
        start: &BytesStart<'_>,
    ) -> Result<(), PolicyError> {
        let given = self.once("bandwidth", &["max", "unit"], cursor, start)?;
        let max = given.required("max");
        let value = max.and_then(|max| value::bandwidth_mib_per_s(max, given.optional("unit")));
        self.policy.bandwidth_max_mib_per_s = Some(given.at(cursor, value)?);
        Ok(())
    }

    fn postcopy(&mut self, cursor: &Cursor<'_>, start: &BytesStart<'_>) -> Result<(), PolicyError> {
        self.policy.postcopy_allowed = Some(self.allowed("postcopy", cursor, start)?);
        Ok(())
    }

    fn compression(
        &mut self,
        cursor: &Cursor<'_>,
        start: &BytesStart<'_>,
    ) -> Result<(), PolicyError> {
        self.policy.compression_allowed = Some(self.allowed("compression", cursor, start)?);
        Ok(())
    }

    fn job(&mut self, cursor: &Cursor<'_>, start: &BytesStart<'_>) -> Result<(), PolicyError> {
        let given = self.once("job", &["id", "members"], cursor, start)?;
        let id = given.at(cursor, given.required("id").and_then(value::job_id))?;
        let members = given
            .required("members")
            .and_then(|text| value::number_u32("members", text, 1, value::JOB_MAX_MEMBERS));
        let members = given.at(cursor, members)?;
        self.policy.job = Some(Job { id, members });
        Ok(())
    }

    /// The value of a child that only allows or forbids.
    fn allowed(
        &mut self,
        name: &'static str,
        cursor: &Cursor<'_>,
        start: &BytesStart<'_>,
    ) -> Result<bool, PolicyError> {
        let given = self.once(name, &["allowed"], cursor, start)?;
        let allowed = given.required("allowed");
        let allowed = allowed.and_then(|text| value::yes_no("allowed", text));
        given.at(cursor, allowed)
    }

    /// The attributes of a child that may appear only once.
    fn once(
        &mut self,
        name: &'static str,
        attributes: &[&'static str],
        cursor: &Cursor<'_>,
        start: &BytesStart<'_>,
    ) -> Result<Attributes, PolicyError> {
        if let Some(first) = self.line_of(name) {
            return Err(cursor.fail(format!("a second <{name}>; the first is on line {first}")));
        }
        self.seen.push((name, cursor.line()));
        Attributes::read(cursor, start, attributes, self.warnings)
    }

    fn line_of(&self, name: &str) -> Option<u64> {
        let mut seen = self.seen.iter();
        seen.find(|(child, _)| *child == name)
            .map(|(_, line)| *line)
    }

    fn expect_empty(&mut self, cursor: &mut Cursor<'_>) -> Result<(), PolicyError> {
        loop {
            match cursor.next()? {
                Token::Open(_, start) => ignore(cursor, &start, UNKNOWN, self.warnings)?,
                Token::Text => return Err(cursor.fail("values are attributes here, not text")),
                Token::Close | Token::End => return Ok(()),
            }
        }
    }

    /// The policy, unless it asks for post-copy and does not allow it: then its owner has to say which of the two was
    /// meant.
    fn finish(self) -> Result<Policy, PolicyError> {
        let then = self.policy.deadline.map(|deadline| deadline.then);
        if then == Some(Then::Postcopy) && self.policy.postcopy_allowed != Some(true) {
            let reason = "<deadline>: then is postcopy, which needs <postcopy allowed=\"yes\"/>";
            return Err(PolicyError {
                line: self.line_of("deadline").unwrap_or(1),
                reason: reason.to_owned(),
            });
        }
        Ok(self.policy)
    }
}
