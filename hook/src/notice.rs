//! One datagram from the hook to the agent: libvirt's operation on a domain. It makes the agent poll, and is not
//! trusted.

use std::io;
use std::os::unix::net::UnixDatagram;
use std::path::Path;

use serde::{Deserialize, Serialize};

/// Where the agent listens, for root alone; under systemd the socket is there before the agent.
pub const SOCKET: &str = "/run/libvirt-hpc/hook.sock";

/// The longest datagram. A receiver's buffer needs one byte more, to tell one that is too long.
pub const MAX_BYTES: usize = 4096;

/// The longest name of a domain that is sent whole, in bytes. libvirt sets no bound, but keeps a running
/// domain in a file of its name (`virDomainObjSave` in src/conf/domain_conf.c): there is none above 251.
pub const MAX_NAME_BYTES: usize = 512;

/// The longest operation and sub-operation sent whole, in bytes; libvirt's longest has 9.
pub const MAX_WORD_BYTES: usize = 32;

/// JSON writes a byte in six at most (`\u0000`), and names and punctuation take less than a hundred.
const _: () = assert!(6 * (MAX_NAME_BYTES + 2 * MAX_WORD_BYTES) + 100 <= MAX_BYTES);

/// libvirt's call of the hook, of a marked domain. The words are those of docs/hooks.rst of libvirt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// `started`, `stopped`, `migrate` ...
    pub operation: String,
    /// `begin`, `end` ...
    pub sub_operation: String,
    /// The domain's name.
    pub domain: String,
}

impl Notice {
    /// The datagram, of [`MAX_BYTES`] at most: parts longer than [`MAX_NAME_BYTES`] or [`MAX_WORD_BYTES`] are cut.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let bounded = Self {
            operation: cut(&self.operation, MAX_WORD_BYTES),
            sub_operation: cut(&self.sub_operation, MAX_WORD_BYTES),
            domain: cut(&self.domain, MAX_NAME_BYTES),
        };
        // Strings in memory cannot fail to be written to memory; an empty datagram is no notice.
        serde_json::to_vec(&bounded).unwrap_or_default()
    }

    /// The notice in a datagram; none if it is no notice, or longer than [`MAX_BYTES`]. Unknown fields are ignored, so
    /// that a hook may be newer than the agent.
    #[must_use]
    pub fn decode(datagram: &[u8]) -> Option<Self> {
        if datagram.len() > MAX_BYTES {
            return None;
        }
        serde_json::from_slice(datagram).ok()
    }
}

/// Sends `notice` to the socket at `path` as one datagram, at once or not at all.
///
/// # Errors
/// If nobody listens there, or the listener has too much to read: `WouldBlock`. Neither is reported to the hook's
/// caller.
pub fn send(path: &Path, notice: &Notice) -> io::Result<()> {
    let socket = UnixDatagram::unbound()?;
    socket.set_nonblocking(true)?;
    socket.send_to(&notice.encode(), path)?;
    Ok(())
}

fn cut(text: &str, max_bytes: usize) -> String {
    let mut ends = (0..=max_bytes.min(text.len())).rev();
    let end = ends.find(|end| text.is_char_boundary(*end));
    text[..end.unwrap_or(0)].to_owned()
}

#[cfg(test)]
mod tests;
