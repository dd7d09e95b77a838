//! Prometheus' text format 0.0.4, read as strictly as its documents allow.

use std::collections::BTreeMap;

/// The labels of a sample.
pub(crate) type Labels = BTreeMap<String, String>;

/// One family.
#[derive(Debug, Default)]
pub(crate) struct Family {
    pub(crate) kind: String,
    /// By name and labels.
    pub(crate) samples: BTreeMap<(String, Labels), f64>,
}

/// All families, by name.
#[derive(Debug, Default)]
pub(crate) struct Families(pub(crate) BTreeMap<String, Family>);

impl Families {
    /// The value of a sample; zero if it is not there.
    pub(crate) fn value(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let wanted = labels
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
        let key = (name.to_owned(), wanted.collect());
        let mut families = self.0.values();
        families
            .find_map(|family| family.samples.get(&key))
            .copied()
            .unwrap_or(0.0)
    }

    /// The sum of all samples of a family that have this label.
    pub(crate) fn sum(&self, name: &str, label: (&str, &str)) -> f64 {
        let samples = &self.0[name].samples;
        let has = |labels: &Labels| labels.get(label.0).is_some_and(|value| value == label.1);
        let found = samples.iter().filter(|((_, labels), _)| has(labels));
        found.map(|(_, value)| value).sum()
    }
}

/// Reads a whole document.
pub(crate) fn parse(text: &str) -> Families {
    assert!(text.ends_with('\n'), "the last line has no end");
    let mut families = Families::default();
    let mut present: Option<String> = None;
    for line in text[..text.len() - 1].split('\n') {
        if let Some(help) = line.strip_prefix("# HELP ") {
            let (name, help) = help.split_once(' ').expect(line);
            assert!(!help.is_empty() && is_name(name), "{line}");
            let double = families.0.insert(name.to_owned(), Family::default());
            assert!(double.is_none(), "twice: {line}");
            present = Some(name.to_owned());
        } else if let Some(kind) = line.strip_prefix("# TYPE ") {
            let (name, kind) = kind.split_once(' ').expect(line);
            assert_eq!(present.as_deref(), Some(name), "HELP comes first");
            assert!(["counter", "gauge", "histogram"].contains(&kind), "{line}");
            let family = families.0.get_mut(name).expect(line);
            assert_eq!(family.kind, "", "{line}");
            family.kind = kind.to_owned();
        } else {
            let (name, labels, value) = sample(line);
            let of = present.as_deref().expect(line);
            let family = families.0.get_mut(of).expect(line);
            let suffix = name.strip_prefix(of).expect("a sample of another family");
            match family.kind.as_str() {
                "histogram" => assert!(["_bucket", "_sum", "_count"].contains(&suffix), "{line}"),
                "counter" => assert!(suffix.is_empty() && name.ends_with("_total"), "{line}"),
                "gauge" => assert!(suffix.is_empty() && !name.ends_with("_total"), "{line}"),
                other => panic!("{other}: {line}"),
            }
            let double = family.samples.insert((name, labels), value);
            assert!(double.is_none(), "twice: {line}");
        }
    }
    for (name, family) in &families.0 {
        assert!(!family.samples.is_empty(), "{name}");
        if family.kind == "histogram" {
            check_histogram(name, family);
        }
    }
    families
}

fn check_histogram(name: &str, family: &Family) {
    let value = |suffix: &str, le: Option<&str>| {
        let le = le.map(|le| ("le".to_owned(), le.to_owned()));
        let key = (format!("{name}{suffix}"), le.into_iter().collect());
        *family.samples.get(&key).expect(suffix)
    };
    let mut buckets: Vec<(f64, f64)> = family
        .samples
        .iter()
        .filter_map(|((_, labels), count)| Some((labels.get("le")?.parse().ok()?, *count)))
        .collect();
    buckets.sort_by(|a, b| a.0.total_cmp(&b.0));
    assert!(buckets.is_sorted_by(|a, b| a.1 <= b.1), "{name}");
    assert_eq!(value("_bucket", Some("+Inf")), value("_count", None));
    assert!(value("_sum", None) >= 0.0);
}

fn is_name(name: &str) -> bool {
    let of_name = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    name.bytes().all(of_name) && name.starts_with(|first: char| first.is_ascii_lowercase())
}

/// `name{label="value",...} number`, and no time.
fn sample(line: &str) -> (String, Labels, f64) {
    let end = line.find(['{', ' ']).expect(line);
    let (name, mut rest) = line.split_at(end);
    assert!(is_name(name), "{line}");
    let mut labels = Labels::new();
    if let Some(within) = rest.strip_prefix('{') {
        rest = within;
        loop {
            let (label, after) = rest.split_once("=\"").expect(line);
            assert!(is_name(label), "{line}");
            let (value, after) = quoted(after);
            let double = labels.insert(label.to_owned(), value);
            assert!(double.is_none(), "{line}");
            match after.strip_prefix(',') {
                Some(next) => rest = next,
                None => {
                    rest = after.strip_prefix('}').expect(line);
                    break;
                }
            }
        }
    }
    let value = rest.strip_prefix(' ').expect(line);
    (name.to_owned(), labels, value.parse().expect(line))
}

/// What stands before the closing quote, and what after it.
fn quoted(text: &str) -> (String, &str) {
    let mut value = String::new();
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return (value, &text[at + 1..]),
            '\\' => value.push(match characters.next().expect(text).1 {
                'n' => '\n',
                same @ ('\\' | '"') => same,
                other => panic!("\\{other}: {text}"),
            }),
            other => value.push(other),
        }
    }
    panic!("no end of a value: {text}")
}
