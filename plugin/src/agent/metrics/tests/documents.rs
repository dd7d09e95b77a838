//! What docs has for Prometheus and Grafana uses the metrics that there are, and operations.md names all of them.

use std::collections::BTreeSet;
use std::path::PathBuf;

use super::*;

fn document(path: &str) -> String {
    let docs = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../docs");
    fs::read_to_string(docs.join(path)).expect(path)
}

/// The names of metrics in a text, those of a histogram's samples as the histogram's.
fn names(text: &str) -> BTreeSet<String> {
    let part = |character: char| character.is_ascii_alphanumeric() || character == '_';
    let words = text.split(|character| !part(character));
    let ours = words.filter(|word| word.starts_with("libvirt_hpc_"));
    let family = |name: &str| {
        let suffixes = ["_bucket", "_sum", "_count"];
        let cut = suffixes.iter().find_map(|suffix| name.strip_suffix(suffix));
        cut.unwrap_or(name).to_owned()
    };
    ours.map(family).collect()
}

#[test]
fn rules_and_dashboard_use_metrics_that_there_are() {
    for path in ["metrics/alerts.yml", "metrics/grafana-dashboard.json"] {
        let used = names(&document(path));
        assert!(used.len() >= 5, "{path}: {used:?}");
        for name in &used {
            assert!(NAMES.contains(&name.as_str()), "{path}: {name}");
        }
    }
    let shown = names(&document("metrics/grafana-dashboard.json"));
    assert_eq!(
        shown,
        NAMES.map(str::to_owned).into(),
        "the dashboard shows all"
    );
}

#[test]
fn operations_names_every_metric() {
    let text = document("operations.md");
    for name in NAMES {
        assert!(text.contains(&format!("`{name}")), "{name}");
    }
}

/// As Grafana wants it: panels with a number of their own, side by side within 24 columns, and a query in each.
#[test]
fn the_dashboard_is_one() {
    let text = document("metrics/grafana-dashboard.json");
    let json: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    assert!(json["schemaVersion"].is_u64() && json["title"].is_string());
    let panels = json["panels"].as_array().expect("panels");
    let (mut ids, mut places) = (BTreeSet::new(), BTreeSet::new());
    for panel in panels {
        let title = panel["title"].as_str().expect("a title");
        assert!(ids.insert(panel["id"].as_u64().expect(title)), "{title}");
        let place = |key: &str| panel["gridPos"][key].as_u64().expect(title);
        assert!(place("x") + place("w") <= 24, "{title}");
        for x in place("x")..place("x") + place("w") {
            for y in place("y")..place("y") + place("h") {
                assert!(places.insert((x, y)), "{title} covers another");
            }
        }
        let targets = panel["targets"].as_array().expect(title);
        assert!(!targets.is_empty(), "{title}");
        for target in targets {
            assert!(target["expr"].as_str().is_some_and(|expr| !expr.is_empty()));
            assert_eq!(target["datasource"]["uid"], "${datasource}", "{title}");
        }
    }
}
