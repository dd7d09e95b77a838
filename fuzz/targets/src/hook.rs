//! The hook: its arguments, the domain on its standard input, and its datagram. An input is the arguments, separated by NUL
//! and ended by the first line's end, and then what libvirt writes.
//!
//! * A domain that the reader reads is marked if the reader finds a policy there, and what is said is what it says: the
//!   excerpt that is read instead changes nothing. In doubt it is marked.
//! * What goes into the system's log is one printable line.
//! * A datagram fits into its bound, and is read back equal.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

use libvirt_hpc_hook::call;
use libvirt_hpc_hook::domain::Domain;
use libvirt_hpc_hook::notice::{MAX_BYTES, MAX_NAME_BYTES, MAX_WORD_BYTES, Notice};
use libvirt_hpc_xml_schemas::{NAMESPACE, read_domain};

use crate::text::assert_one_line;

/// Calls the hook as libvirt does.
pub fn run(data: &[u8]) {
    let mut halves = data.splitn(2, |byte| *byte == b'\n');
    let (arguments, xml) = (
        halves.next().unwrap_or_default(),
        halves.next().unwrap_or_default(),
    );
    let domain = domain(xml);
    let arguments: Vec<_> = arguments
        .split(|byte| *byte == 0)
        .map(|argument| OsString::from_vec(argument.to_vec()))
        .collect();
    let count = arguments.len();
    if let Some(notice) = call::notice_of(arguments.into_iter()) {
        assert!(count >= 3);
        sent(&notice);
        if let Some(remark) = &domain.remark {
            let line = call::warning(&notice.domain, remark);
            assert_one_line("a line of the log", &line);
        }
    }
    if let Some(notice) = Notice::decode(data) {
        sent(&notice);
    }
}

fn domain(xml: &[u8]) -> Domain {
    let domain = Domain::read(xml);
    let whole = read_domain(xml);
    let names_us = contains(xml, NAMESPACE.as_bytes());
    match whole {
        Ok(reading) => {
            assert_eq!(domain.marked, reading.policy.is_some(), "{domain:?}");
            assert_eq!(domain.remark.is_some(), !reading.warnings.is_empty());
            for warning in &reading.warnings {
                let said = format!("line {}: {}", warning.line, warning.reason);
                let remark = domain.remark.as_deref().unwrap_or_default();
                assert!(remark.contains(&said), "{said} is not in {remark}");
            }
        }
        Err(_) if !names_us => assert_eq!(domain, Domain::default()),
        // It is marked, or only its metadata was read, which are sound.
        Err(_) => {}
    }
    if let Some(remark) = &domain.remark {
        assert_one_line("a remark", remark);
    }
    domain
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}

/// The datagram of `notice`.
fn sent(notice: &Notice) {
    let datagram = notice.encode();
    assert!(datagram.len() <= MAX_BYTES);
    let arrived = Notice::decode(&datagram).expect("a notice");
    assert!(notice.domain.starts_with(&arrived.domain));
    let fits = notice.domain.len() <= MAX_NAME_BYTES
        && notice.operation.len() <= MAX_WORD_BYTES
        && notice.sub_operation.len() <= MAX_WORD_BYTES;
    assert_eq!(&arrived == notice, fits);
    assert_eq!(Notice::decode(&arrived.encode()), Some(arrived));
}
