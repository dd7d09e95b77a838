//! libvirt's calls of the hook.

use std::ffi::OsString;

use crate::notice::Notice;

/// The start of an incoming migration, on the destination.
const ARRIVAL: (&str, &str) = ("migrate", "begin");

/// The operations that change where a guest is: it arrives, runs, was found running by a daemon that starts, or is
/// gone. `attach` is documented but was never called in libvirt 9.0 to 11.3.
const NOTIFIED: [(&str, &str); 5] = [
    ARRIVAL,
    ("started", "begin"),
    ("reconnect", "begin"),
    ("attach", "begin"),
    ("stopped", "end"),
];

/// The longest domain name repeated in a message, in characters: libvirt sets
/// no bound, and a datagram to syslog has one.
const MAX_NAME_CHARS: usize = 200;

/// The notice to the agent about this call if its domain is marked; none for operations that change nothing for it,
/// among them all unknown ones.
#[must_use]
pub fn notice_of(arguments: impl Iterator<Item = OsString>) -> Option<Notice> {
    let arguments: Vec<_> = arguments.take(3).collect();
    let [domain, operation, sub_operation] = arguments.as_slice() else {
        return None;
    };
    let call = (operation.to_str()?, sub_operation.to_str()?);
    NOTIFIED.contains(&call).then(|| Notice {
        operation: call.0.to_owned(),
        sub_operation: call.1.to_owned(),
        domain: domain.to_string_lossy().into_owned(),
    })
}

/// Whether the domain comes from another host.
#[must_use]
pub fn is_arrival(notice: &Notice) -> bool {
    (notice.operation.as_str(), notice.sub_operation.as_str()) == ARRIVAL
}

/// The warning to the administrator about the policy of `domain`, as one line.
#[must_use]
pub fn warning(domain: &str, remark: &str) -> String {
    let name: String = domain.chars().take(MAX_NAME_CHARS).collect();
    let name = name.escape_debug();
    format!("domain {name}: migration policy: {remark}")
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;

    use super::*;

    fn tells(arguments: &[&str]) -> bool {
        notice_of(arguments.iter().map(OsString::from)).is_some()
    }

    #[test]
    fn only_operations_that_say_where_a_guest_is_are_told() {
        for (operation, sub_operation) in NOTIFIED {
            assert!(tells(&["rank0", operation, sub_operation, "-"]));
            assert!(!tells(&["rank0", operation, "no-such-sub-operation", "-"]));
        }
        for operation in [
            "prepare",
            "start",
            "restore",
            "release",
            "no-such-operation",
        ] {
            assert!(!tells(&["rank0", operation, "begin", "-"]));
            assert!(!tells(&["rank0", operation, "end", "-"]));
        }
    }

    #[test]
    fn too_few_arguments_are_no_call_and_more_do_no_harm() {
        let all = ["rank0", "migrate", "begin", "-", "one", "more"];
        for count in 0..=all.len() {
            assert_eq!(tells(&all[..count]), count >= 3, "{count}");
        }
    }

    #[test]
    fn a_name_that_is_not_text_is_sent_as_far_as_possible() {
        let arguments = [b"a\xff".as_slice(), b"migrate", b"begin"];
        let arguments = arguments.map(|bytes| OsStr::from_bytes(bytes).to_owned());
        let notice = notice_of(arguments.into_iter()).expect("a call");
        assert_eq!(notice.domain, "a\u{fffd}");
        assert!(is_arrival(&notice));
    }

    #[test]
    fn a_name_cannot_forge_a_line_of_the_log_nor_fill_it() {
        let line = warning("a\nb", "bad");
        assert_eq!(line, "domain a\\nb: migration policy: bad");
        let line = warning(&"x".repeat(100_000), "bad");
        assert!(line.len() < 300, "{}", line.len());
    }
}
