//! docs/dependencies.md names every crate of others that a manifest names, and no other.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use toml::{Table, Value};

const KINDS: [&str; 3] = ["dependencies", "dev-dependencies", "build-dependencies"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn manifest(folder: &Path) -> Table {
    let path = folder.join("Cargo.toml");
    let text = fs::read_to_string(&path).expect("a manifest");
    text.parse()
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Those of a table that are others': without a path of this project.
fn others(table: Option<&Value>, ours: &BTreeSet<String>) -> BTreeSet<String> {
    let all = table.and_then(Value::as_table).into_iter().flatten();
    let others = all.filter(|(name, value)| value.get("path").is_none() && !ours.contains(*name));
    others.map(|(name, _)| name.clone()).collect()
}

/// The tables of a manifest that name dependencies: its own, and those of some targets alone.
fn tables(manifest: &Table) -> Vec<&Table> {
    let targets = manifest.get("target").and_then(Value::as_table);
    let targets = targets.into_iter().flat_map(Table::values);
    let mut tables = vec![manifest];
    tables.extend(targets.filter_map(Value::as_table));
    tables
}

/// The first cells of the table's rows.
fn listed(document: &str) -> Vec<String> {
    let rows = document.lines().filter_map(|line| line.strip_prefix("| `"));
    rows.filter_map(|row| Some(row.split_once('`')?.0.to_owned()))
        .collect()
}

#[test]
fn every_direct_dependency_is_reviewed_and_no_other() {
    let workspace = manifest(&root());
    let shared = &workspace["workspace"]["dependencies"];
    let shared_table = shared.as_table().expect("a table");
    let is_ours = |(_, value): &(&String, &Value)| value.get("path").is_some();
    let ours: BTreeSet<String> = shared_table
        .iter()
        .filter(is_ours)
        .map(|(name, _)| name.clone())
        .collect();
    let mut named = others(Some(shared), &ours);
    let members = workspace["workspace"]["members"]
        .as_array()
        .expect("a list");
    for member in members {
        let member = manifest(&root().join(member.as_str().expect("a folder")));
        for table in tables(&member) {
            let kinds = KINDS.iter();
            named.extend(kinds.flat_map(|kind| others(table.get(*kind), &ours)));
        }
    }
    let document = fs::read_to_string(root().join("docs/dependencies.md")).expect("the document");
    let listed = listed(&document);
    let named: Vec<String> = named.into_iter().collect();
    assert!(named.len() > 20, "{named:?}");
    assert_eq!(listed, named, "in this order, each once");
}
