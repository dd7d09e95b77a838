//! The page as a browser and a reader of XML see it.

use quick_xml::Reader;
use quick_xml::events::Event;

use super::*;

/// The attributes that the page has: none of them loads or runs anything.
const ATTRIBUTES: [&str; 36] = [
    "charset",
    "class",
    "content",
    "cx",
    "cy",
    "data-label",
    "dy",
    "fill",
    "font-family",
    "font-size",
    "height",
    "http-equiv",
    "lang",
    "name",
    "opacity",
    "points",
    "r",
    "scope",
    "stroke",
    "stroke-width",
    "style",
    "text-anchor",
    "transform",
    "viewBox",
    "width",
    "x",
    "x1",
    "x2",
    "xmlns",
    "y",
    "y1",
    "y2",
    "d",
    "rx",
    "ry",
    "font-weight",
];

/// Well-formed, and without anything that is loaded or run.
pub(super) fn assert_sound(page: &str) {
    let mut reader = Reader::from_str(page);
    let mut open = Vec::new();
    loop {
        match reader.read_event().expect("well-formed") {
            Event::Eof => break,
            Event::Start(tag) => {
                assert_attributes(&tag);
                open.push(tag.name().as_ref().to_owned());
            }
            Event::End(_) => assert!(open.pop().is_some()),
            Event::Empty(tag) => assert_attributes(&tag),
            _ => {}
        }
    }
    assert!(open.is_empty(), "{open:?}");
    for outside in [
        "<script", "<link", "<img", "<iframe", "<object", "@import", "url(", "//",
    ] {
        let page = page
            .replace("http://www.w3.org/2000/svg", "")
            .replace("qemu+tcp://", "");
        assert!(!page.contains(outside), "{outside}");
    }
}

fn assert_attributes(tag: &quick_xml::events::BytesStart<'_>) {
    for attribute in tag.attributes() {
        let attribute = attribute.expect("well-formed");
        let name = attribute.key.as_ref();
        assert!(ATTRIBUTES.contains(&name), "{name}");
    }
}

#[test]
fn a_page_is_well_formed_and_needs_no_other_file() {
    let cut = made(&precopy(30));
    assert_sound(&rendered(Format::Html, &[flat()]));
    assert_sound(&rendered(
        Format::Html,
        &[flat(), counted(), cut, made(&precopy(0))],
    ));
}

#[test]
fn a_page_may_load_nothing_and_suits_a_phone_and_the_dark() {
    let page = rendered(Format::Html, &[flat()]);
    for needed in [
        "<title>Migration of flat-law-10</title>",
        "content=\"default-src 'none'; style-src 'unsafe-inline'\"",
        "width=device-width",
        "prefers-color-scheme: dark",
        "@media print",
    ] {
        assert!(page.contains(needed), "{needed}");
    }
    assert_eq!(
        page.matches("<svg").count(),
        2,
        "for a page, and for a phone"
    );
}

#[test]
fn several_migrations_have_a_table_of_them_first() {
    let page = rendered(Format::Html, &[flat(), counted()]);
    let (head, each) = page.split_once("<section>").expect("each after it");
    assert_eq!(head.matches("<td data-label=\"Domain\">").count(), 2);
    assert_eq!(each.matches("<h2>").count(), 2);
    assert!(!rendered(Format::Html, &[flat()]).contains("data-label=\"Domain\""));
}

#[test]
fn a_trace_without_precopy_has_no_picture() {
    let page = rendered(Format::Html, &[made(&precopy(0))]);
    assert!(!page.contains("<svg") && page.contains("no pre-copy to draw"));
    assert!(render(Format::Svg, &[made(&precopy(0))]).is_err());
}
