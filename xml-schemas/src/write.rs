//! A policy as an element.

use std::fmt::Write;

use quick_xml::escape::escape;

use crate::report::PolicyError;
use crate::{NAMESPACE, PREFIX, Policy, read_metadata};

impl Policy {
    /// The `<migration>` element as it stands in a domain's XML: with prefix
    /// `hpc`, one child a line, in the order of the documentation and in the
    /// units of the fields.
    ///
    /// Values out of range are written as they are; see [`Policy::check`].
    #[must_use]
    pub fn to_xml(&self) -> String {
        let declaration = format!(" xmlns:{PREFIX}=\"{NAMESPACE}\"");
        self.element(&format!("{PREFIX}:"), &declaration)
    }

    /// The same without a namespace, for `virDomainSetMetadata` with key
    /// [`PREFIX`] and uri [`NAMESPACE`]: libvirt adds the declaration, and
    /// fails with "failed to create a new XML namespace" if there is one
    /// (`virXMLInjectNamespace` in src/util/virxml.c).
    #[must_use]
    pub fn to_metadata(&self) -> String {
        self.element("", "")
    }

    fn element(&self, prefix: &str, declaration: &str) -> String {
        let children = self.children();
        if children.is_empty() {
            return format!("<{prefix}migration{declaration}/>");
        }
        let lines = children
            .iter()
            .map(|child| format!("  <{prefix}{child}/>\n"));
        let lines: String = lines.collect();
        format!("<{prefix}migration{declaration}>\n{lines}</{prefix}migration>")
    }

    /// Whether a reader will accept the result: to be called before a policy that was not read is stored in a domain.
    ///
    /// # Errors
    /// The first value that is out of range, or that contradicts another.
    pub fn check(&self) -> Result<(), PolicyError> {
        read_metadata(self.to_xml().as_bytes()).map(|_| ())
    }

    fn children(&self) -> Vec<String> {
        let mut children = Vec::new();
        if let Some(value) = self.slowdown_millipercent {
            children.push(format!("slowdown percent=\"{}\"", percent(value)));
        }
        if let Some(ms) = self.downtime_max_ms {
            children.push(format!("downtime max=\"{ms}\" unit=\"ms\""));
        }
        if let Some(deadline) = self.deadline {
            let (seconds, then) = (deadline.seconds, deadline.then);
            children.push(format!("deadline seconds=\"{seconds}\" then=\"{then}\""));
        }
        if let Some(speed) = self.bandwidth_max_mib_per_s {
            children.push(format!("bandwidth max=\"{speed}\" unit=\"MiB/s\""));
        }
        if let Some(allowed) = self.postcopy_allowed {
            children.push(format!("postcopy allowed=\"{}\"", yes_no(allowed)));
        }
        if let Some(allowed) = self.compression_allowed {
            children.push(format!("compression allowed=\"{}\"", yes_no(allowed)));
        }
        if let Some(job) = &self.job {
            let (id, members) = (escape(job.id.as_str()), job.members);
            children.push(format!("job id=\"{id}\" members=\"{members}\""));
        }
        children
    }
}

const fn yes_no(yes: bool) -> &'static str {
    if yes { "yes" } else { "no" }
}

/// 1/1000 percent as a decimal number without needless zeros.
fn percent(millipercent: u32) -> String {
    let (whole, part) = (millipercent / 1000, millipercent % 1000);
    let mut text = whole.to_string();
    if part > 0 {
        // Writing to a String cannot fail.
        let _ = write!(text, ".{part:03}");
        text.truncate(text.trim_end_matches('0').len());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percent_is_written_as_short_as_it_can_be() {
        for (value, text) in [(0, "0"), (10_000, "10"), (500, "0.5"), (12_345, "12.345")] {
            assert_eq!(percent(value), text);
        }
    }

    #[test]
    fn the_empty_policy_is_the_empty_element() {
        let xml = "<hpc:migration xmlns:hpc=\"urn:libvirt-hpc:domain:1.0\"/>";
        assert_eq!(Policy::default().to_xml(), xml);
    }

    #[test]
    fn a_policy_out_of_range_is_found_out() {
        let policy = Policy {
            downtime_max_ms: Some(0),
            ..Policy::default()
        };
        assert!(policy.check().is_err());
    }
}
