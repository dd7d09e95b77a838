//! The attributes of one element of the policy.

use quick_xml::XmlVersion;
use quick_xml::events::BytesStart;
use quick_xml::events::attributes::Attribute;

use crate::cursor::Cursor;
use crate::report::{PolicyError, Warnings, parser_words, quoted};

/// The most attributes read of one element. quick-xml compares each with all before it to find a repeated one, so their
/// number must be bounded.
const MAX_ATTRIBUTES: usize = 32;

/// The values of the known attributes of an element.
pub(crate) struct Attributes {
    element: String,
    values: Vec<(&'static str, String)>,
}

impl Attributes {
    /// Reads the attributes called `known`; any other, namespace declarations
    /// aside, is ignored with a warning.
    pub(crate) fn read(
        cursor: &Cursor<'_>,
        start: &BytesStart<'_>,
        known: &[&'static str],
        warnings: &mut Warnings,
    ) -> Result<Self, PolicyError> {
        let element = start.local_name().as_ref().to_owned();
        let mut values = Vec::new();
        for (count, attribute) in start.attributes().enumerate() {
            if count == MAX_ATTRIBUTES {
                let reason = format!("<{element}> has more than {MAX_ATTRIBUTES} attributes");
                return Err(cursor.fail(reason));
            }
            let attribute = attribute
                .map_err(|error| cursor.fail(format!("<{element}>: {}", parser_words(&error))))?;
            if attribute.key.as_namespace_binding().is_some() {
                continue;
            }
            match known.iter().find(|name| **name == attribute.key.0) {
                Some(name) => values.push((*name, value(cursor, &element, &attribute)?)),
                None => warnings.add(
                    || cursor.line(),
                    || {
                        let name = quoted(attribute.key.0);
                        format!("<{element}>: unknown attribute {name} is ignored")
                    },
                ),
            }
        }
        Ok(Self { element, values })
    }

    pub(crate) fn optional(&self, name: &str) -> Option<&str> {
        let mut values = self.values.iter();
        values
            .find(|(known, _)| *known == name)
            .map(|(_, value)| value.as_str())
    }

    /// The value of a required attribute, or the reason.
    pub(crate) fn required(&self, name: &str) -> Result<&str, String> {
        self.optional(name)
            .ok_or_else(|| format!("attribute {name} is missing"))
    }

    /// Turns a wrong value into an error at the element.
    pub(crate) fn at<T>(
        &self,
        cursor: &Cursor<'_>,
        value: Result<T, String>,
    ) -> Result<T, PolicyError> {
        value.map_err(|reason| cursor.fail(format!("<{}>: {reason}", self.element)))
    }
}

fn value(
    cursor: &Cursor<'_>,
    element: &str,
    attribute: &Attribute<'_>,
) -> Result<String, PolicyError> {
    let value = attribute.normalized_value(XmlVersion::Explicit1_0);
    let value = value.map_err(|error| {
        let (name, error) = (attribute.key.0, parser_words(&error));
        cursor.fail(format!("<{element}>: attribute {name}: {error}"))
    })?;
    Ok(value.into_owned())
}
