//! The policy of a site: `/etc/libvirt-hpc/policy.xml` holds the element that a domain's XML may hold, for the domains whose
//! own does not say otherwise. `virsh-hpc` and the agent read it.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use libvirt_hpc_xml_schemas as xml;

/// Where it is. There need not be one.
pub const FILE: &str = "/etc/libvirt-hpc/policy.xml";

/// What a site says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Site {
    /// Its policy; the default, which says nothing, where there is none or a broken one.
    pub policy: xml::Policy,
    /// What is wrong with it, a sentence each.
    pub problems: Vec<String>,
}

/// The policy of the site in `file`; whatever is wrong with that stops no migration.
#[must_use]
pub fn read(file: &Path) -> Site {
    let path = file.display();
    let put_aside = |why: String| Site {
        policy: xml::Policy::default(),
        problems: vec![why],
    };
    let text = match bytes(file) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Site::default(),
        Err(error) => {
            return put_aside(format!(
                "the site's policy {path} cannot be read, and does not apply: {error}"
            ));
        }
    };
    match xml::read_metadata(&text) {
        Ok(reading) => Site {
            policy: reading.policy.unwrap_or_default(),
            problems: reading
                .warnings
                .iter()
                .map(|warning| {
                    let (line, reason) = (warning.line, &warning.reason);
                    format!("the site's policy {path}, line {line}: {reason}")
                })
                .collect(),
        },
        Err(error) => put_aside(format!(
            "the site's policy {path} is broken, and does not apply: {error}"
        )),
    }
}

/// As much of the file as is read, and one byte more.
fn bytes(file: &Path) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    File::open(file)?
        .take(xml::MAX_DOCUMENT_BYTES as u64 + 1)
        .read_to_end(&mut text)?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const PACKAGED: &str = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../packaging/etc/libvirt-hpc/policy.xml"
    );

    fn of(text: &[u8]) -> Site {
        let folder = tempfile::tempdir().expect("folder");
        let file = folder.path().join("policy.xml");
        fs::write(&file, text).expect("written");
        read(&file)
    }

    #[test]
    fn without_a_file_nothing_is_said() {
        assert_eq!(read(Path::new("/nonexistent/policy.xml")), Site::default());
    }

    #[test]
    fn a_site_writes_what_a_domain_may_hold() {
        let site = of(
            b"<!-- all guests -->\n<migration xmlns='urn:libvirt-hpc:domain:1.0'>\n\
            <downtime max='800'/>\n<colour/>\n</migration>\n",
        );
        assert_eq!(site.policy.downtime_max_ms, Some(800));
        assert!(
            site.problems.len() == 1 && site.problems[0].contains("policy.xml, line 4: "),
            "{site:?}"
        );
    }

    #[test]
    fn what_is_wrong_is_said_with_its_line_and_does_not_apply() {
        for (text, reason) in [
            (
                &b"<migration>\n<downtime max='soon'/></migration>"[..],
                "line 2: ",
            ),
            (b"", "is broken"),
            (b"<domain/>", "not <migration>"),
            (b"\xff\xfe", "is broken"),
        ] {
            let site = of(text);
            assert_eq!(site.policy, xml::Policy::default());
            assert!(
                site.problems.len() == 1 && site.problems[0].contains(reason),
                "{site:?}"
            );
        }
        let folder = tempfile::tempdir().expect("folder");
        let problems = read(folder.path()).problems;
        assert!(problems[0].contains("cannot be read"), "{problems:?}");
    }

    #[test]
    fn the_packaged_file_changes_nothing_and_shows_every_item() {
        let text = fs::read_to_string(PACKAGED).expect("packaged");
        assert_eq!(of(text.as_bytes()), Site::default());
        let shown: String = text
            .lines()
            .map(|line| line.trim_start_matches("  <!-- ").trim_end_matches(" -->"))
            .filter(|line| line.starts_with("<hpc:") || line.starts_with("</hpc:"))
            .collect();
        let expected = xml::Policy {
            slowdown_millipercent: Some(10_000),
            downtime_max_ms: Some(1_000),
            deadline: Some(xml::Deadline {
                seconds: 3_600,
                then: xml::Then::Switchover,
            }),
            bandwidth_max_mib_per_s: Some(1_000),
            postcopy_allowed: Some(false),
            compression_allowed: Some(true),
            job: None,
        };
        let site = of(shown.as_bytes());
        assert_eq!(
            (site.policy, site.problems),
            (expected, Vec::new()),
            "{shown}"
        );
    }
}
