//! Whole command lines, in both grammars.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

use libvirt_hpc_libvirt::parameter::{Parameter, Value};

use super::*;

mod hpc;

const V9_0: Virsh = Virsh::new(9, 0);
const V11_3: Virsh = Virsh::new(11, 3);

fn args(words: &[&str]) -> Vec<OsString> {
    words.iter().map(OsString::from).collect()
}

fn migrate(line: &str, virsh: Virsh) -> Option<Migrate> {
    let words: Vec<_> = line.split(' ').collect();
    match parse(&args(&words), virsh).unwrap() {
        Invocation::Migrate(migrate) => Some(*migrate),
        _ => None,
    }
}

fn request(line: &str, virsh: Virsh) -> MigrateRequest {
    migrate(line, virsh)
        .unwrap_or_else(|| panic!("not taken over: {line}"))
        .request
}

fn forwarded(words: &[&str], virsh: Virsh) -> (Vec<OsString>, bool) {
    match parse(&args(words), virsh).unwrap() {
        Invocation::Forward { virsh_args, note } => (virsh_args, note.is_some()),
        other => panic!("{words:?}: {other:?}"),
    }
}

fn text(name: &'static str, value: &str) -> Parameter {
    Parameter {
        name,
        value: Value::Text(value.to_owned()),
    }
}

#[test]
fn flags_and_parameters_get_libvirts_names_and_types() {
    let line = "migrate --live --p2p --tls --tls-destination h vm qemu://d/system --bandwidth 100 \
                --disks-port 0 --comp-methods=xbzrle,mt --comp-mt-level 3 --comp-xbzrle-cache 65536 \
                --persistent --persistent-xml p.xml --xml x.xml --dname new --verbose";
    let request = request(line, V9_0);
    assert_eq!(
        (request.domain.as_str(), request.dest_uri.as_str()),
        ("vm", "qemu://d/system")
    );
    let flags = migrate_flags::LIVE
        | migrate_flags::PEER2PEER
        | migrate_flags::TLS
        | migrate_flags::PERSIST_DEST;
    assert_eq!(request.flags, flags);
    assert_eq!(request.transport, Transport::PeerToPeer);
    let list = ["xbzrle", "mt"].map(str::to_owned).to_vec();
    let expected = [
        text("tls.destination", "h"),
        Parameter {
            name: "bandwidth",
            value: Value::UnsignedLong(100),
        },
        Parameter {
            name: "compression",
            value: Value::TextList(list),
        },
        Parameter {
            name: "compression.mt.level",
            value: Value::Int(3),
        },
        Parameter {
            name: "compression.xbzrle.cache",
            value: Value::UnsignedLong(65536),
        },
        text("destination_name", "new"),
    ];
    assert_eq!(request.parameters, expected);
    assert_eq!(request.xml_file.as_deref(), Some("x.xml".as_ref()));
    assert_eq!(
        request.persistent_xml_file.as_deref(),
        Some("p.xml".as_ref())
    );
    assert!(request.verbose);
}

#[test]
fn the_transport_is_virshs() {
    assert_eq!(request("migrate vm d", V9_0).transport, Transport::Managed);
    assert_eq!(
        request("migrate vm d --tunneled", V9_0).transport,
        Transport::Managed
    );
    let direct = request("migrate vm d --direct", V9_0);
    assert_eq!((direct.transport, direct.flags), (Transport::PeerToPeer, 0));
}

#[test]
fn positions_fill_in_virshs_order() {
    for virsh in [V9_0, V11_3] {
        let request = request("migrate --desturi d vm u g l n --live 60 x.xml", virsh);
        assert_eq!(
            (request.domain.as_str(), request.dest_uri.as_str()),
            ("vm", "d")
        );
        let names = [
            "migrate_uri",
            "graphics_uri",
            "listen_address",
            "destination_name",
        ];
        let values = ["u", "g", "l", "n"];
        let expected: Vec<_> = names
            .into_iter()
            .zip(values)
            .map(|(n, v)| text(n, v))
            .collect();
        assert_eq!(request.parameters, expected);
        let timeout = Timeout {
            seconds: 60,
            action: TimeoutAction::Suspend,
        };
        assert_eq!(request.timeout, Some(timeout));
        assert_eq!(request.xml_file.as_deref(), Some("x.xml".as_ref()));
    }
}

#[test]
fn the_grammars_differ_in_positions_and_in_what_an_option_is() {
    let disks = "migrate --copy-storage-all vm d u g l n 0 x vda,vdb 7 disksuri";
    let last = request(disks, V9_0).parameters.pop();
    assert_eq!(last, Some(text("disks_uri", "disksuri")));
    assert_eq!(migrate(disks, V11_3), None);
    assert_eq!(migrate(disks, Virsh::new(10, 3)), None);
    assert_eq!(request("migrate --_vm d", V9_0).domain, "--_vm");
    assert_eq!(migrate("migrate --_vm d", V11_3), None);
    assert_eq!(request("migrate -- --vm --live", V11_3).domain, "--vm");
}

#[test]
fn the_front_door_takes_what_any_release_takes() {
    let taken = |line: &str| {
        let words: Vec<_> = line.split(' ').collect();
        matches!(route(&args(&words)).unwrap(), Invocation::Migrate(_))
    };
    assert!(taken("migrate vm d --available-switchover-bandwidth 9"));
    assert!(taken("migrate --_vm d"));
    assert!(taken(
        "migrate vm d u g l n 0 x a 7 disksuri --copy-storage-inc"
    ));
    assert!(!taken("migrate vm d --nonsense"));
    assert!(!taken("migrate vm"));
}

#[test]
fn options_are_known_since_their_release() {
    for (option, since) in [
        ("--comp-zstd-level 3", Virsh::new(9, 4)),
        (
            "--migrate-disks-detect-zeroes a --copy-storage-all",
            Virsh::new(10, 9),
        ),
        ("--available-switchover-bandwidth 3", Virsh::new(11, 1)),
    ] {
        let line = format!("migrate vm d {option}");
        assert!(migrate(&line, since).is_some(), "{line}");
        let before = Virsh::new(since.major, since.minor.saturating_sub(1));
        let before = if before < since { before } else { V9_0 };
        assert_eq!(migrate(&line, before), None, "{line}");
    }
}

#[test]
fn what_virsh_refuses_is_virshs() {
    for line in [
        "migrate",
        "migrate vm",
        "migrate --desturi d",
        "migrate vm d --nonsense",
        "migrate vm d --liv",
        "migrate vm d --live=1",
        "migrate vm d --live --live",
        "migrate vm d --domain vm",
        "migrate vm d --tunneled --tunnelled",
        "migrate vm d --bandwidth",
        "migrate vm d --bandwidth -1",
        "migrate vm d --bandwidth 1M",
        "migrate vm d --bandwidth=",
        "migrate vm d --disks-port 2147483648",
        "migrate vm d --comp-mt-level x",
        "migrate vm d --xml=",
        "migrate vm d --live --offline",
        "migrate vm d --live --timeout 0 --timeout-suspend",
        "migrate vm d --timeout 5",
        "migrate vm d --live --timeout -5",
        "migrate vm d --live --timeout 5 --timeout-postcopy",
        "migrate vm d --live --timeout 5 --timeout-suspend --timeout-postcopy --postcopy",
        "migrate vm d --postcopy-after-precopy",
        "migrate vm d --persistent-xml f",
        "migrate vm d --tls-destination h",
        "migrate vm d --copy-storage-all --copy-storage-inc",
        "migrate vm d --copy-storage-synchronous-writes",
        "-r migrate vm d",
        "migrate vm d --offline --persistent",
        "migrate vm d --postcopy --postcopy-resume",
    ] {
        for virsh in [V9_0, Virsh::new(10, 2), V11_3] {
            let words: Vec<_> = line.split(' ').collect();
            assert_eq!(forwarded(&words, virsh), (args(&words), false), "{line}");
        }
    }
}

#[test]
fn a_storage_list_needs_a_storage_copy_where_virsh_says_so() {
    assert!(migrate("migrate vm d --migrate-disks a", V9_0).is_some());
    assert!(migrate("migrate vm d --migrate-disks a", V11_3).is_none());
    let words = args(&["migrate", "vm", "d", "--migrate-disks", "a"]);
    let passed_on = route(&words).expect("a line of virsh's");
    assert!(matches!(passed_on, Invocation::Migrate(_)), "9.0 takes it");
    assert!(migrate("migrate vm d --migrate-disks a --copy-storage-inc", V11_3).is_some());
}

#[test]
fn a_string_is_one_migrate_or_virshs() {
    for (string, taken) in [
        ("migrate vm d", true),
        (" ;migrate 'vm' \"d\" # why\n;", true),
        ("migrate vm d; list", false),
        ("list\nmigrate vm d", false),
        ("migrate vm d \\", false),
        ("'#' migrate vm d", false),
        ("#migrate vm d", false),
        ("", false),
    ] {
        let invocation = parse(&args(&["-q", string]), V9_0).unwrap();
        assert_eq!(
            matches!(invocation, Invocation::Migrate(_)),
            taken,
            "{string:?}"
        );
    }
}

#[test]
fn bytes_that_are_no_text_are_virshs() {
    let domain = OsString::from_vec(vec![0xff, 0xfe]);
    let words = ["migrate".into(), domain, "d".into()];
    let expected = Invocation::Forward {
        virsh_args: words.to_vec(),
        note: None,
    };
    assert_eq!(route(&words), Ok(expected));
}
