//! Modules use each other in one direction only, and docs/architecture.md shows how.

mod imports;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use imports::Imports;

/// The crates of the workspace, by directory.
const CRATES: [&str; 12] = [
    "fuzz/targets",
    "hook",
    "packaging/pages",
    "plugin",
    "plugin/baseline",
    "plugin/control",
    "plugin/libvirt",
    "tests",
    "tests/guest",
    "tests/guest/bare",
    "tests/guest/core",
    "xml-schemas",
];

/// The one whose machine calls it by name: its interrupts go up, its orders to the machine down.
const CALLED_BY_ITS_MACHINE: &str = "tests/guest/bare";

/// Modules whose parts the document shows, beside the crates: the directory of the crate, and the module.
const SHOWN: [(&str, &str); 4] = [
    ("plugin/control", ""),
    ("plugin", ""),
    ("plugin", "session"),
    ("plugin", "agent"),
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// What each of a set uses of the others.
type Graph = BTreeMap<String, BTreeSet<String>>;

/// Those that use each other in a circle, and what lies between circles; none if there is none.
fn circle(graph: &Graph) -> Option<BTreeSet<&str>> {
    let mut rest: BTreeSet<&str> = graph.keys().map(String::as_str).collect();
    loop {
        let uses = |from: &str, to: &str| rest.contains(from) && graph[from].contains(to);
        let is_end = |name: &&str| {
            !rest.iter().any(|other| uses(name, other))
                || !rest.iter().any(|other| uses(other, name))
        };
        let Some(end) = rest.iter().copied().find(is_end) else {
            return Some(rest).filter(|rest| !rest.is_empty());
        };
        rest.remove(end);
    }
}

#[test]
fn no_module_uses_one_that_uses_it() {
    for krate in CRATES
        .iter()
        .filter(|krate| **krate != CALLED_BY_ITS_MACHINE)
    {
        let imports = Imports::of(&root().join(krate).join("src"));
        assert_eq!(circle(imports.files()), None, "{krate}, file by file");
        for module in imports.parents() {
            let parts = imports.parts_of(module);
            assert_eq!(circle(&parts), None, "{krate}, the parts of '{module}'");
        }
    }
}

#[test]
fn the_document_shows_what_uses_what() {
    let document = fs::read_to_string(root().join("docs/architecture.md")).expect("the document");
    let mut pictures = vec![picture("crates", &crates())];
    for (krate, module) in SHOWN {
        let path = module.replace("::", "/");
        let title = format!("{krate}/src/{path}");
        let parts = Imports::of(&root().join(krate).join("src")).parts_of(module);
        pictures.push(picture(title.trim_end_matches('/'), &parts));
    }
    pictures.retain(|picture| !document.contains(picture));
    assert!(pictures.is_empty(), "it lacks\n{}", pictures.join("\n"));
}

/// The crates, by directory, and what each depends on when it is built.
fn crates() -> Graph {
    let manifest = |krate: &str| -> toml::Table {
        let path = root().join(krate).join("Cargo.toml");
        let text = fs::read_to_string(&path).expect("a manifest");
        text.parse().expect("TOML")
    };
    let name = |krate: &str| {
        manifest(krate)["package"]["name"]
            .as_str()
            .expect("a name")
            .to_owned()
    };
    let directories: BTreeMap<_, _> = CRATES.iter().map(|krate| (name(krate), *krate)).collect();
    let uses = |krate: &str| {
        let manifest = manifest(krate);
        let dependencies = manifest.get("dependencies").and_then(toml::Value::as_table);
        let names = dependencies.into_iter().flat_map(toml::Table::keys);
        names
            .filter_map(|name| directories.get(name))
            .map(|used| (*used).to_owned())
            .collect()
    };
    CRATES
        .iter()
        .map(|krate| ((*krate).to_owned(), uses(krate)))
        .collect()
}

/// A line for each, those that nothing uses first.
fn picture(title: &str, graph: &Graph) -> String {
    let width = graph.keys().map(String::len).max().unwrap_or(0);
    let mut rest = graph.clone();
    let mut picture = format!("{title}\n");
    while !rest.is_empty() {
        let used: BTreeSet<_> = rest.values().flatten().cloned().collect();
        let (top, below): (Graph, Graph) =
            rest.into_iter().partition(|(name, _)| !used.contains(name));
        assert!(!top.is_empty(), "a circle among {:?}", below.keys());
        for (name, uses) in top {
            let uses: Vec<_> = uses.into_iter().collect();
            let line = format!("  {name:width$}  {}", uses.join(" "));
            picture += line.trim_end();
            picture.push('\n');
        }
        rest = below;
    }
    picture
}

#[test]
fn a_circle_is_found() {
    let graph = |edges: &[(&str, &str)]| -> Graph {
        let mut graph = Graph::new();
        for (from, to) in edges {
            graph
                .entry((*from).to_owned())
                .or_default()
                .insert((*to).to_owned());
            graph.entry((*to).to_owned()).or_default();
        }
        graph
    };
    assert_eq!(circle(&graph(&[("a", "b"), ("b", "c"), ("a", "c")])), None);
    let found = graph(&[("a", "b"), ("b", "c"), ("c", "b"), ("c", "d")]);
    assert_eq!(circle(&found), Some(BTreeSet::from(["b", "c"])));
}
