//! The schema and the reader, over the same documents.
//!
//! * `valid/`: both accept, without a warning.
//! * `invalid/`: both refuse; the first line says what the reader says.
//! * `warned/`: the reader accepts and warns; the first line says what the
//!   schema does, the lines after it each a warning.
//!
//! A file named `domain-*` is a whole domain, one named `metadata-*` the
//! element by itself.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use libvirt_hpc_xml_schemas::{PolicyError, Reading, read_domain, read_metadata};

#[test]
fn the_schema_and_the_reader_agree() {
    let mut wrong = Vec::new();
    for (folder, at_least) in [("valid", 15), ("invalid", 20), ("warned", 5)] {
        let documents = documents(folder);
        assert!(documents.len() >= at_least, "{folder}/ has lost documents");
        for path in documents {
            let bytes = fs::read(&path).expect("document");
            let expected = expected(folder, &bytes);
            let found = found(&path, &bytes);
            if expected != found {
                wrong.push(format!("{}:\n{expected:#?}\n{found:#?}", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "expected, found:\n{}", wrong.join("\n"));
}

/// What is said of one document: by the schema, then by the reader.
#[derive(Debug, PartialEq)]
struct Verdict {
    schema_accepts: bool,
    reader: Vec<String>,
}

fn expected(folder: &str, bytes: &[u8]) -> Verdict {
    let text = String::from_utf8_lossy(bytes);
    let mut remarks = text.lines().map_while(|line| {
        let line = line.strip_prefix("<!-- ")?;
        line.strip_suffix(" -->").map(str::to_owned)
    });
    let schema_accepts = match folder {
        "valid" => true,
        "invalid" => false,
        _ => match remarks.next().as_deref() {
            Some("schema accepts") => true,
            Some("schema rejects") => false,
            other => panic!("the first line must say what the schema does, not {other:?}"),
        },
    };
    let reader: Vec<_> = match folder {
        "valid" => Vec::new(),
        _ => remarks.collect(),
    };
    assert!(folder == "valid" || !reader.is_empty(), "no reason given");
    Verdict {
        schema_accepts,
        reader,
    }
}

fn found(path: &Path, bytes: &[u8]) -> Verdict {
    Verdict {
        schema_accepts: schema_accepts(path),
        reader: remarks(read(path, bytes)),
    }
}

fn read(path: &Path, bytes: &[u8]) -> Result<Reading, PolicyError> {
    let name = path.file_name().and_then(|name| name.to_str());
    match name.and_then(|name| name.split('-').next()) {
        Some("domain") => read_domain(bytes),
        Some("metadata") => read_metadata(bytes),
        _ => panic!("{} is neither domain-* nor metadata-*", path.display()),
    }
}

fn remarks(result: Result<Reading, PolicyError>) -> Vec<String> {
    let warning = |warning: libvirt_hpc_xml_schemas::Warning| {
        format!("warning line {}: {}", warning.line, warning.reason)
    };
    match result {
        Ok(reading) => reading.warnings.into_iter().map(warning).collect(),
        Err(error) => vec![format!("error {error}")],
    }
}

/// Asks xmllint, whose status is 0 for a valid document, 3 or 4 for one that is
/// not, and 1 for one that is not even well-formed.
fn schema_accepts(path: &Path) -> bool {
    let output = Command::new("xmllint")
        .args(["--nonet", "--noout", "--relaxng"])
        .arg(folder("policy.rng"))
        .arg(path)
        .output()
        .expect("xmllint must run; it is in the Debian package libxml2-utils");
    match output.status.code() {
        Some(0) => true,
        Some(1 | 3 | 4) => false,
        _ => panic!("xmllint: {}", String::from_utf8_lossy(&output.stderr)),
    }
}

fn documents(name: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder(name)).expect("folder of documents");
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("entry").path()).collect();
    paths.sort();
    paths
}

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}
