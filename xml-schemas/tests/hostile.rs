//! Documents made to do harm: an answer for each, never a panic.

use std::fs;
use std::path::Path;

use libvirt_hpc_xml_schemas::{
    MAX_DEPTH, MAX_DOCUMENT_BYTES, MAX_WARNINGS, PolicyError, Reading, read_domain, read_metadata,
};
use proptest::prelude::*;

fn reason(result: Result<Reading, PolicyError>) -> String {
    result.expect_err("must be refused").to_string()
}

fn nested(depth: usize) -> String {
    let (open, close) = ("<a>".repeat(depth), "</a>".repeat(depth));
    format!("<domain>{open}{close}</domain>")
}

#[test]
fn ten_mebibytes_are_refused_unread() {
    let huge = vec![b' '; 10 * 1024 * 1024];
    let expected = "line 1: the document is longer than 4194304 bytes";
    assert_eq!(reason(read_domain(&huge)), expected);
    assert_eq!(reason(read_metadata(&huge)), expected);
}

#[test]
fn the_largest_document_is_read() {
    let mut xml = b"<domain><metadata/></domain>".to_vec();
    xml.resize(MAX_DOCUMENT_BYTES, b'\n');
    assert_eq!(read_domain(&xml), Ok(Reading::default()));
}

#[test]
fn depth_is_bounded() {
    let deepest = nested(MAX_DEPTH - 1);
    assert_eq!(read_domain(deepest.as_bytes()), Ok(Reading::default()));
    for depth in [MAX_DEPTH, 10_000, 100_000] {
        let answer = reason(read_domain(nested(depth).as_bytes()));
        assert_eq!(answer, "line 1: elements are nested deeper than 256");
    }
    let ours = format!("<migration>{}", "<downtime max='1'>".repeat(10_000));
    let answer = reason(read_metadata(ours.as_bytes()));
    assert_eq!(answer, "line 1: elements are nested deeper than 256");
}

#[test]
fn entities_are_never_expanded() {
    let types = [
        "<!DOCTYPE domain [<!ENTITY a 'b'>]><domain/>",
        "<!DOCTYPE domain SYSTEM 'file:///etc/passwd'><domain/>",
    ];
    for xml in types {
        let answer = reason(read_domain(xml.as_bytes()));
        assert_eq!(answer, "line 1: a domain has no document type");
    }
    let answer = reason(read_domain(b"<domain>\n<title>&lol;</title></domain>"));
    assert_eq!(answer, "line 2: reference to the unknown entity \"lol\"");
}

#[test]
fn characters_that_are_not_xml_are_refused() {
    let answer = reason(read_domain(b"<domain>\n\0</domain>"));
    assert_eq!(answer, "line 2: U+0000 is no character of XML");
    let utf16: Vec<u8> = "<domain/>"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    assert!(read_domain(&utf16).is_err());
    let answer = reason(read_domain(b"<domain>\n\n\xff</domain>"));
    assert_eq!(
        answer,
        "line 3: not UTF-8, which is all that libvirt writes"
    );
}

#[test]
fn nothing_is_no_document() {
    for xml in [
        "",
        " \n",
        "<!-- -->",
        "<?xml version='1.0'?>",
        "text",
        "<",
        "<domain",
    ] {
        assert!(read_domain(xml.as_bytes()).is_err(), "{xml}");
        assert!(read_metadata(xml.as_bytes()).is_err(), "{xml}");
    }
}

#[test]
fn warnings_are_bounded() {
    let xml = format!("<migration>{}</migration>", "\n<x/>".repeat(100_000));
    let reading = read_metadata(xml.as_bytes()).expect("warnings only");
    assert_eq!(reading.warnings.len(), MAX_WARNINGS);
    assert_eq!(reading.warnings[0].line, 2);
}

#[test]
fn attributes_and_names_are_bounded() {
    let attributes: String = (0..100_000).map(|n| format!(" a{n}='1'")).collect();
    let answer = reason(read_metadata(
        format!("<migration{attributes}/>").as_bytes(),
    ));
    assert_eq!(answer, "line 1: <migration> has more than 32 attributes");

    let bindings: String = (0..100_000).map(|n| format!(" xmlns:a{n}='u'")).collect();
    assert!(read_domain(format!("<domain{bindings}/>").as_bytes()).is_err());

    let long = "x".repeat(1_000_000);
    let answer = reason(read_metadata(format!("<{long}/>").as_bytes()));
    assert!(answer.len() < 200, "{answer}");
    let element = format!("<migration><downtime max='{long}'/></migration>");
    let answer = reason(read_metadata(element.as_bytes()));
    assert!(answer.len() < 200, "{answer}");
}

#[test]
fn a_message_is_one_line_for_any_value() {
    let xml = b"<migration><job id='a&#10;b&#27;[31m' members='1'/></migration>";
    let answer = reason(read_metadata(xml));
    assert!(!answer.contains(char::is_control), "{answer:?}");
}

#[test]
fn a_document_cut_anywhere_is_refused() {
    let whole = include_bytes!("../valid/domain-own-prefix.xml");
    let end = whole.trim_ascii_end().len();
    for cut in 0..end {
        assert!(read_domain(&whole[..cut]).is_err(), "cut at {cut}");
    }
}

fn documents() -> Vec<Vec<u8>> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let files = ["valid", "invalid", "warned"].map(|folder| fs::read_dir(here.join(folder)));
    let entries = files.into_iter().flat_map(|files| files.expect("folder"));
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("entry").path()).collect();
    paths.sort();
    paths
        .iter()
        .map(|path| fs::read(path).expect("document"))
        .collect()
}

/// One change of a document: bytes replaced by some others.
fn mutate(mut bytes: Vec<u8>, at: usize, length: usize, with: &[u8]) -> Vec<u8> {
    let start = at % (bytes.len() + 1);
    let end = (start + length).min(bytes.len());
    bytes.splice(start..end, with.iter().copied());
    bytes
}

fn snippets() -> impl Strategy<Value = Vec<u8>> {
    let markup = [
        "<",
        ">",
        "/>",
        "&",
        ";",
        "]]>",
        "<![CDATA[",
        "<!--",
        "<!D",
        "<?",
        "\"",
        ":",
        "=",
    ];
    prop_oneof![
        prop::sample::select(markup.to_vec()).prop_map(|text| text.as_bytes().to_vec()),
        prop::collection::vec(any::<u8>(), 0..4),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = read_domain(&bytes);
        let _ = read_metadata(&bytes);
    }

    #[test]
    fn arbitrary_markup_never_panics(parts in prop::collection::vec(snippets(), 0..40)) {
        let text = parts.concat();
        let _ = read_domain(&[b"<domain><metadata>".as_slice(), &text].concat());
        let _ = read_metadata(&[b"<migration>".as_slice(), &text].concat());
    }

    #[test]
    fn a_changed_document_never_panics(
        document in prop::sample::select(documents()),
        changes in prop::collection::vec((any::<usize>(), 0..5_usize, snippets()), 1..5),
    ) {
        let change = |bytes, (at, length, with): (usize, usize, Vec<u8>)| {
            mutate(bytes, at, length, &with)
        };
        let changed = changes.into_iter().fold(document, change);
        let lines = changed.split(|byte| *byte == b'\n').count() as u64;
        for error in [read_domain(&changed), read_metadata(&changed)].into_iter().filter_map(Result::err) {
            prop_assert!((1..=lines).contains(&error.line), "{error} of {lines} lines");
        }
    }
}
