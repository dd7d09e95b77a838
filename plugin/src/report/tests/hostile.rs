//! Traces of strangers: cut, foreign, or made to harm whoever reads the report.

use super::*;

const ALL: [Format; 4] = [Format::Markdown, Format::Html, Format::Csv, Format::Json];

/// A name that a terminal, a page, a table and a spreadsheet would each take for something else.
const NAME: &str =
    "=1+<script>alert('x')</script>\u{1b}]0;x\u{7}\u{9b}2J\u{202e}\"|[a](b)\n\\`,&amp;";

pub(super) fn hostile() -> Migration {
    let mut records = precopy(30);
    records[0] = Record::Begin(Box::new(Begin {
        domain: NAME.to_owned(),
        uuid: NAME.to_owned(),
        destination: Some(NAME.to_owned()),
        versions: trace::Versions {
            libvirt_hpc: NAME.to_owned(),
            ..trace::Versions::default()
        },
        ..plain_begin()
    }));
    records.push(Record::Outcome {
        at_ns: 0,
        target: (&Target::NONE).into(),
        error: Some(NAME.to_owned()),
    });
    records.push(Record::Abort {
        at_ns: 0,
        error: Some(NAME.to_owned()),
    });
    records.push(end(End {
        moved: false,
        error: Some(NAME.to_owned()),
        totals: Totals::default(),
    }));
    let text = written(&records);
    let read = summarise(NAME.to_owned(), None, trace::read(&text[..]));
    read.expect("a trace")
}

#[test]
fn nothing_of_a_trace_drives_a_terminal_or_a_page() {
    let hostile = [hostile(), hostile()];
    for format in ALL {
        let text = rendered(format, &hostile);
        let harmful = |c: char| crate::harmless::is_unprintable(c) && !"\r\n".contains(c);
        assert_eq!(text.find(harmful), None, "{format:?}");
    }
    let page = rendered(Format::Html, &hostile);
    assert!(!page.contains("<script") && page.contains("&lt;script&gt;"));
    page::assert_sound(&page);
    let picture = rendered(Format::Svg, &hostile[..1]);
    assert!(!picture.contains("<script") && !picture.contains('\u{1b}'));
}

#[test]
fn a_cell_of_markdown_stays_one() {
    let text = rendered(Format::Markdown, &[hostile()]);
    assert!(
        !text.contains("<script>") && !text.contains("[a](b)"),
        "{text}"
    );
    let bars = |line: &str| {
        line.replace("\\\\", "")
            .replace("\\|", "")
            .matches('|')
            .count()
    };
    let wrong = text
        .lines()
        .find(|line| line.starts_with('|') && ![3, 4, 9].contains(&bars(line)));
    assert_eq!(wrong, None);
}

#[test]
fn a_cell_of_a_table_is_no_formula_and_stays_one() {
    let text = rendered(Format::Csv, &[hostile()]);
    assert!(text.contains(",\"'=1+<script>"), "{text}");
    assert_eq!(text.lines().count(), 2, "{text}");
}

#[test]
fn no_name_becomes_a_formula() {
    for sign in "=+-@＝＋－＠".chars() {
        let mut records = precopy(3);
        records[0] = Record::Begin(Box::new(Begin {
            domain: format!("{sign}1"),
            ..plain_begin()
        }));
        let text = rendered(Format::Csv, &[made(&records)]);
        assert!(text.contains(&format!(",'{sign}1,")), "{text}");
    }
}

#[test]
fn a_picture_holds_nothing_that_xml_cannot_hold() {
    let mut records = precopy(3);
    records[0] = Record::Begin(Box::new(Begin {
        domain: "a\u{fffe}b\u{ffff}".to_owned(),
        ..plain_begin()
    }));
    let picture = rendered(Format::Svg, &[made(&records)]);
    assert!(picture.contains("a?b?, law"), "{picture}");
}

#[test]
fn json_holds_what_the_trace_holds() {
    let text = rendered(Format::Json, &[hostile()]);
    let json: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(json["migrations"][0]["domain"], NAME);
}

#[test]
fn what_was_read_before_a_fault_is_reported_with_the_fault() {
    let whole = written(&precopy(30));
    let lines: Vec<_> = whole.split_inclusive(|byte| *byte == b'\n').collect();
    let ended = lines[..20].concat();
    let half = [&ended[..], &lines[20][..9]].concat();
    let bad = [&ended[..], b"{\"type\":\"\x5cu001b[2J\"}\n"].concat();
    let lost = [
        &ended[..],
        b"{\"type\":\"lost\",\"data\":{\"records\":7}}\n",
    ]
    .concat();
    for (text, said) in [
        (&ended, "line 20: the trace ends here without a result"),
        (&half, "line 20: the trace ends here without a result"),
        (&bad, "line 21 is not a record of a trace: unknown variant"),
        (&lost, "line 21: 7 records are missing here"),
    ] {
        let read = summarise(String::new(), None, trace::read(&text[..]));
        let migration = read.expect("what was before");
        let problem = migration.problem.as_ref().expect("a fault").to_string();
        assert!(problem.starts_with(said), "{problem}");
        assert!(migration.numbers.precopy_ms.is_some());
        let text = rendered(Format::Markdown, &[migration]);
        assert!(
            text.contains("**This report is incomplete: line 2"),
            "{text}"
        );
        assert!(!text.contains('\u{1b}'));
    }
}
