//! The command line: virsh's grammar and what is added to it. An input is the arguments, separated by NUL.
//!
//! * Without an option `--hpc-*`, a line that is virsh's goes to virsh as it was typed, and nothing is a mistake.
//! * The arguments for virsh hold none of those options that we have read; read again, they are the same line.
//! * A migration that the session takes over is one that the front door has passed on to it, in every release.

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use libvirt_hpc_plugin::flags::{
    self, HpcOptions, Invocation, Migrate, UsageError, Virsh, hpc_commands, migrate_flags,
};

/// The most arguments of one line.
const MOST: usize = 64;

/// A release of each grammar and of each set of options.
const RELEASES: [Virsh; 8] = [
    Virsh::OLDEST,
    Virsh::new(9, 4),
    Virsh::new(10, 0),
    Virsh::new(10, 3),
    Virsh::new(10, 9),
    Virsh::new(11, 1),
    Virsh::new(11, 3),
    Virsh::NEWEST,
];

/// Reads the line as the front door does, and as the session does in every release.
pub fn run(data: &[u8]) {
    let args: Vec<OsString> = data
        .split(|byte| *byte == 0)
        .take(MOST)
        .map(|arg| OsString::from_vec(arg.to_vec()))
        .collect();
    let routed = flags::route(&args);
    check(&args, &routed, flags::route);
    for virsh in RELEASES {
        let parsed = flags::parse(&args, virsh);
        check(&args, &parsed, |args| flags::parse(args, virsh));
        let forwarded = matches!(routed, Ok(Invocation::Forward { .. }));
        if let Ok(Invocation::Migrate(_)) = parsed {
            assert!(!forwarded, "the front door keeps it from the session");
        }
    }
}

type Read = Result<Invocation, UsageError>;

fn check(args: &[OsString], read: &Read, again: impl Fn(&[OsString]) -> Read) {
    let ours = asks_for_ours(args);
    let same = |virsh_args: &[OsString]| {
        assert!(ours || virsh_args == args, "changed: {virsh_args:?}");
        let args = match again(virsh_args) {
            Ok(Invocation::Forward { virsh_args, .. } | Invocation::Help { virsh_args, .. }) => {
                virsh_args
            }
            Ok(Invocation::Migrate(migrate)) => migrate.virsh_args,
            other => panic!("virsh's line becomes {other:?}"),
        };
        assert_eq!(args, virsh_args);
    };
    match read {
        Err(error) => {
            assert!(ours, "{error}");
            assert!(!error.to_string().is_empty());
        }
        Ok(Invocation::Forward { virsh_args, note }) => {
            assert!(ours || note.is_none());
            same(virsh_args);
        }
        Ok(Invocation::Help { virsh_args, .. }) => same(virsh_args),
        Ok(Invocation::Migrate(migrate)) => {
            same(&migrate.virsh_args);
            taken_over(migrate, again(&migrate.virsh_args));
        }
        Ok(Invocation::HpcCommand { words, .. }) => {
            assert!(hpc_commands::is_name(words[0].as_bytes()));
            if let Err(error) = hpc_commands::parse(words) {
                assert!(!error.to_string().is_empty());
            }
        }
        Ok(Invocation::Complete(completion)) => {
            let lines = completion.ours.iter().map(|word| word.lines().count());
            assert!(lines.into_iter().all(|count| count == 1));
        }
    }
}

/// Whether an option of ours may be in the line, quoted in some way or not.
fn asks_for_ours(args: &[OsString]) -> bool {
    let plain = |arg: &OsString| -> Vec<u8> {
        let bytes = arg.as_bytes().iter().copied();
        bytes.filter(|byte| !b"'\"\\\n".contains(byte)).collect()
    };
    let option = b"--hpc-";
    args.iter()
        .any(|arg| plain(arg).windows(option.len()).any(|word| word == option))
}

/// Plain virsh is asked for the same migration, and it is one that virsh has.
fn taken_over(migrate: &Migrate, plain: Read) {
    let Ok(Invocation::Migrate(plain)) = plain else {
        panic!("plain virsh would not migrate: {plain:?}");
    };
    assert_eq!(plain.request, migrate.request);
    assert_eq!(plain.globals, migrate.globals);
    assert_eq!(plain.hpc, HpcOptions::default());
    let both = |one: u32, other: u32| migrate.request.flags & (one | other) == one | other;
    assert!(!both(migrate_flags::LIVE, migrate_flags::OFFLINE));
    assert!(migrate.request.timeout.is_none() || migrate.request.flags & migrate_flags::LIVE != 0);
    assert!(
        migrate
            .request
            .timeout
            .is_none_or(|timeout| timeout.seconds > 0)
    );
    assert!(!migrate.globals.readonly && !migrate.hpc.off);
}
