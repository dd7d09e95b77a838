//! What docs/security.md gives as evidence is there: each file, and in it each test.

use std::fs;
use std::path::Path;

/// What stands between backticks.
fn quoted(document: &str) -> impl Iterator<Item = &str> {
    document.split('`').skip(1).step_by(2)
}

#[test]
fn every_test_that_the_threat_model_names_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let document = fs::read_to_string(root.join("docs/security.md")).expect("the document");
    let (mut tests, mut missing) = (0, Vec::new());
    for evidence in quoted(&document) {
        let (file, test) = match evidence.split_once("::") {
            Some((file, test)) => (file, Some(test)),
            None => (evidence, None),
        };
        if !file.contains('/') || !file.ends_with(".rs") {
            continue;
        }
        let text = fs::read_to_string(root.join(file)).unwrap_or_default();
        let is_there = |test| text.contains("#[test]") && text.contains(&format!("fn {test}("));
        tests += usize::from(test.is_some());
        if text.is_empty() || !test.is_none_or(is_there) {
            missing.push(evidence);
        }
    }
    assert!(tests > 20, "{tests}");
    assert_eq!(missing, [""; 0]);
}
