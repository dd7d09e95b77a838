//! Connections as virsh opens them.

use std::env;
use std::ffi::OsString;

use anyhow::{Result, anyhow};
use libvirt_hpc_libvirt::connect::{KeepAlive, Options};

use crate::flags::Globals;

/// virsh's own default (`virshConnect`, `tools/virsh.c`): seconds of silence before a question.
const INTERVAL_S: u32 = 5;

/// The same: questions without an answer before the connection is given up.
const COUNT: u32 = 6;

/// The URI that virsh would open: `-c`, else `VIRSH_DEFAULT_CONNECT_URI`, else libvirt's choice (`None`).
///
/// # Errors
/// The URI is not text: only virsh can pass it on as it is.
pub fn uri(globals: &Globals) -> Result<Option<String>> {
    let given = globals
        .connect
        .clone()
        .or_else(|| env::var_os("VIRSH_DEFAULT_CONNECT_URI"));
    given
        .filter(|uri| !uri.is_empty())
        .map(OsString::into_string)
        .transpose()
        .map_err(|uri| anyhow!("the connection URI is not text: {}", uri.display()))
}

/// How virsh would open it: `-k 0` is no keepalive, and one that was asked for must be had.
#[must_use]
pub fn options(globals: &Globals) -> Options {
    let interval_s = globals.keepalive_interval_s.unwrap_or(INTERVAL_S);
    let required = globals.keepalive_interval_s.is_some() || globals.keepalive_count.is_some();
    let keepalive = (interval_s > 0).then(|| KeepAlive {
        interval_s: i32::try_from(interval_s).unwrap_or(i32::MAX),
        count: globals.keepalive_count.unwrap_or(COUNT),
        required,
    });
    Options {
        keepalive,
        read_only: globals.readonly,
    }
}

/// Whether the daemon behind `uri`, as libvirt resolved it, is this host's own: no server is named, nor a
/// socket, at the other end of which anybody may be.
#[must_use]
pub fn is_this_host(uri: &str) -> bool {
    let path = uri.split_once("://").map(|(_, path)| path);
    path.is_some_and(|path| path.starts_with('/') && !path.contains("socket="))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn globals(interval: Option<u32>, count: Option<u32>) -> Globals {
        Globals {
            keepalive_interval_s: interval,
            keepalive_count: count,
            ..Globals::default()
        }
    }

    #[test]
    fn keepalive_is_virshs() {
        let keepalive = |interval, count| options(&globals(interval, count)).keepalive;
        let kept = |interval_s, count, required| {
            Some(KeepAlive {
                interval_s,
                count,
                required,
            })
        };
        assert_eq!(keepalive(None, None), kept(5, 6, false));
        assert_eq!(keepalive(Some(0), None), None);
        assert_eq!(keepalive(Some(1), None), kept(1, 6, true));
        assert_eq!(keepalive(None, Some(2)), kept(5, 2, true));
    }

    #[test]
    fn a_uri_that_is_no_text_is_virshs() {
        use std::os::unix::ffi::OsStringExt;
        let bytes = OsString::from_vec(vec![b'q', 0xff]);
        let globals = Globals {
            connect: Some(bytes),
            ..Globals::default()
        };
        assert!(uri(&globals).is_err());
    }

    #[test]
    fn a_server_or_a_socket_may_be_another_host() {
        for uri in ["qemu:///system", "qemu+unix:///system", "test:///default"] {
            assert!(is_this_host(uri), "{uri}");
        }
        for uri in [
            "qemu+ssh://root@alpha/system",
            "qemu://localhost/system",
            "qemu+unix:///system?socket=/tmp/forwarded",
            "",
        ] {
            assert!(!is_this_host(uri), "{uri}");
        }
    }
}
