//! virsh's options in front of the command, read as its `getopt_long` reads them.
//!
//! Source: `virshParseArgv` in `tools/virsh.c`. virsh acts on each option as it meets it, so the
//! first that ends virsh (help, version, a mistake) decides.

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use super::c_number;

/// What virsh's own options say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Globals {
    /// `-c`: the connection URI; else the environment's, which is the session's to read.
    pub connect: Option<OsString>,
    /// `-q`
    pub quiet: bool,
    /// `-r`
    pub readonly: bool,
    /// `-t`: print how long the command took.
    pub timing: bool,
    /// `-k`: the keepalive interval in seconds; 0 disables keepalive.
    pub keepalive_interval_s: Option<u32>,
    /// `-K`: how many keepalive messages may stay unanswered.
    pub keepalive_count: Option<u32>,
    /// `-d`: virsh's debug level.
    pub debug: Option<i32>,
    /// `-l`: the file virsh logs to.
    pub log: Option<OsString>,
}

impl Globals {
    /// The options given that only the real virsh can honour, for a message.
    #[must_use]
    pub fn only_in_virsh(&self) -> Vec<&'static str> {
        let debug = self.debug.map(|_| "--debug");
        let log = self.log.as_ref().map(|_| "--log");
        debug.into_iter().chain(log).collect()
    }
}

/// Where virsh's own options lead.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Start {
    /// Nothing for virsh-hpc: virsh ends here, or asks for commands on stdin.
    Forward,
    /// virsh prints its help.
    Help,
    /// The command starts at this argument.
    Command { globals: Globals, rest: usize },
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Takes {
    Nothing,
    Value,
    MaybeValue,
}

/// The long options, whether they take a value, and their letters.
pub(crate) const LONG: &[(&str, Takes, u8)] = &[
    ("connect", Takes::Value, b'c'),
    ("debug", Takes::Value, b'd'),
    ("escape", Takes::Value, b'e'),
    ("help", Takes::Nothing, b'h'),
    ("keepalive-interval", Takes::Value, b'k'),
    ("keepalive-count", Takes::Value, b'K'),
    ("log", Takes::Value, b'l'),
    ("quiet", Takes::Nothing, b'q'),
    ("readonly", Takes::Nothing, b'r'),
    ("timing", Takes::Nothing, b't'),
    ("version", Takes::MaybeValue, b'v'),
];

const SHORT_WITH_VALUE: &[u8] = b"cdekKl";
const SHORT: &[u8] = b"hqrtvV";

/// Why reading stops before the command.
enum End {
    Forward,
    Help,
}

/// Reads the arguments up to the command.
pub(crate) fn parse(args: &[OsString]) -> Start {
    let mut globals = Globals::default();
    match read(args, &mut globals) {
        Err(End::Help) => Start::Help,
        Err(End::Forward) => Start::Forward,
        Ok(rest) if rest == args.len() => Start::Forward,
        Ok(rest) => Start::Command { globals, rest },
    }
}

/// Reads the arguments up to where the command stands or would come next, and says where; `None` where a value
/// comes first, or virsh ends before any command.
pub(crate) fn command_at(args: &[OsString], globals: &mut Globals) -> Option<usize> {
    read(args, globals).ok()
}

fn read(args: &[OsString], globals: &mut Globals) -> Result<usize, End> {
    let mut at = 0;
    while let Some(arg) = args.get(at) {
        let arg = arg.as_bytes();
        at += 1;
        match arg {
            b"--" => return Ok(at),
            [b'-', b'-', long @ ..] => read_long(long, args, &mut at, globals)?,
            [b'-', cluster @ ..] if !cluster.is_empty() => {
                read_cluster(cluster, args, &mut at, globals)?;
            }
            _ => return Ok(at - 1),
        }
    }
    Ok(at)
}

fn read_long(
    long: &[u8],
    args: &[OsString],
    at: &mut usize,
    globals: &mut Globals,
) -> Result<(), End> {
    let equals = long.iter().position(|&byte| byte == b'=');
    let (name, attached) = match equals {
        Some(equals) => (&long[..equals], Some(&long[equals + 1..])),
        None => (long, None),
    };
    let (takes, letter) = find_long(name).ok_or(End::Forward)?;
    match takes {
        Takes::Nothing if attached.is_some() => Err(End::Forward),
        Takes::Nothing | Takes::MaybeValue => globals.apply(letter, attached.unwrap_or_default()),
        Takes::Value => {
            let value = attached.or_else(|| next(args, at)).ok_or(End::Forward)?;
            globals.apply(letter, value)
        }
    }
}

/// The option of that name, or the only one whose name starts so.
fn find_long(name: &[u8]) -> Option<(Takes, u8)> {
    if let Some(exact) = LONG.iter().find(|long| long.0.as_bytes() == name) {
        return Some((exact.1, exact.2));
    }
    let mut matches = LONG
        .iter()
        .filter(|long| long.0.as_bytes().starts_with(name));
    let first = matches.next()?;
    matches.next().is_none().then_some((first.1, first.2))
}

fn read_cluster(
    cluster: &[u8],
    args: &[OsString],
    at: &mut usize,
    globals: &mut Globals,
) -> Result<(), End> {
    for (i, &letter) in cluster.iter().enumerate() {
        if SHORT_WITH_VALUE.contains(&letter) {
            let attached = Some(&cluster[i + 1..]).filter(|rest| !rest.is_empty());
            let value = attached.or_else(|| next(args, at)).ok_or(End::Forward)?;
            return globals.apply(letter, value);
        }
        if !SHORT.contains(&letter) {
            return Err(End::Forward);
        }
        globals.apply(letter, b"")?;
    }
    Ok(())
}

fn next<'a>(args: &'a [OsString], at: &mut usize) -> Option<&'a [u8]> {
    let value = args.get(*at)?.as_bytes();
    *at += 1;
    Some(value)
}

impl Globals {
    fn apply(&mut self, letter: u8, value: &[u8]) -> Result<(), End> {
        let owned = || OsString::from_vec(value.to_vec());
        match letter {
            b'c' => self.connect = Some(owned()),
            b'd' => self.debug = Some(c_number::int(value, 10).ok_or(End::Forward)?),
            b'e' if is_escape(value) => {}
            b'h' => return Err(End::Help),
            b'k' => self.keepalive_interval_s = Some(not_negative(value)?),
            b'K' => self.keepalive_count = Some(not_negative(value)?),
            b'l' => self.log = Some(owned()),
            b'q' => self.quiet = true,
            b'r' => self.readonly = true,
            b't' => self.timing = true,
            // The version, and an escape sequence virsh refuses.
            _ => return Err(End::Forward),
        }
        Ok(())
    }
}

fn not_negative(value: &[u8]) -> Result<u32, End> {
    c_number::int(value, 0)
        .and_then(|number| u32::try_from(number).ok())
        .ok_or(End::Forward)
}

/// `virshAllowedEscapeChar`: the console's escape is of no use to a migration, but must be valid.
fn is_escape(value: &[u8]) -> bool {
    match value {
        [b'^', letter] => matches!(letter, b'@'..=b'_' | b'a'..=b'z'),
        [letter] => *letter != b'^',
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args_of(line: &str) -> Vec<OsString> {
        line.split(' ').map(OsString::from).collect()
    }

    fn command(line: &str) -> (Globals, usize) {
        match parse(&args_of(line)) {
            Start::Command { globals, rest } => (globals, rest),
            other => panic!("{line}: {other:?}"),
        }
    }

    #[test]
    fn a_uri_in_every_spelling() {
        for (line, rest) in [
            ("-c U list", 2),
            ("-cU list", 1),
            ("--connect=U list", 1),
            ("--connect U list", 2),
            ("--conn U list", 2),
            ("--c=U list", 1),
            ("-qc U list", 2),
            ("-qcU list", 1),
            ("-c X -c U -- list", 5),
        ] {
            let (globals, found) = command(line);
            assert_eq!(globals.connect.as_deref(), Some("U".as_ref()), "{line}");
            assert_eq!(found, rest, "{line}");
        }
    }

    #[test]
    fn options_after_the_command_are_the_commands() {
        let (globals, rest) = command("-t list -q --connect=U");
        assert_eq!(rest, 1);
        assert!(globals.timing && !globals.quiet && globals.connect.is_none());
        assert_eq!(command("- -q").1, 0);
    }

    #[test]
    fn numbers_are_virshs() {
        let (globals, _) = command("-k 0x10 -K010 -d 9 -l F list");
        assert_eq!(globals.keepalive_interval_s, Some(16));
        assert_eq!(globals.keepalive_count, Some(8));
        assert_eq!(globals.only_in_virsh(), ["--debug", "--log"]);
    }

    #[test]
    fn help_and_mistakes_count_in_the_order_they_come() {
        assert_eq!(parse(&args_of("-qh -z")), Start::Help);
        assert_eq!(parse(&args_of("--he list")), Start::Help);
        for line in [
            "-z -h",
            "-k x list",
            "-k -1 list",
            "-d x list",
            "-e ab list",
            "-e ^! list",
            "-v list",
            "-V -h",
            "--version=long",
            "--k 1 list",
            "--quiet=1 list",
            "-c",
            "--connect",
            "-q",
            "--",
            "-: list",
            "--nonsense list",
        ] {
            assert_eq!(parse(&args_of(line)), Start::Forward, "{line}");
        }
        assert_eq!(parse(&[]), Start::Forward);
    }

    #[test]
    fn the_escape_sequence_is_checked_as_virsh_does() {
        for line in ["-e ^] list", "-e ^a list", "-ex list"] {
            assert_eq!(command(line).0, Globals::default(), "{line}");
        }
    }
}
