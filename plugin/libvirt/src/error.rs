//! Errors of the adapter to libvirt.

use core::time::Duration;
use std::ffi::CString;

use virt_sys as sys;

/// A call to libvirt that failed.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// libvirt answered, and refused.
    #[error("{call}{}: {message}", on(.domain.as_deref()))]
    Refused {
        /// The function of libvirt's API.
        call: &'static str,
        /// The domain it was about, if any.
        domain: Option<String>,
        /// `virErrorNumber`, libvirt's `include/libvirt/virterror.h`.
        code: u32,
        /// `virErrorDomain`: the part of libvirt that refused.
        origin: u32,
        /// libvirt's own words, in the language of the process.
        message: String,
    },
    /// libvirt has not answered within the deadline; the call may still have its effect.
    #[error("{call} on domain '{domain}': libvirt has not answered for {} s", .waited.as_secs())]
    NotAnswering {
        /// The function of libvirt's API that is outstanding.
        call: &'static str,
        /// The domain it is about.
        domain: String,
        /// How long it has been outstanding.
        waited: Duration,
    },
    /// A string holds a NUL byte, which no C string can carry.
    #[error("{what} holds a NUL byte, which libvirt cannot take")]
    NulByte {
        /// The string's meaning, in the user's terms.
        what: String,
    },
    /// A thread of the adapter could not be started.
    #[error("cannot start the {name} thread: {cause}")]
    Thread {
        /// Which one.
        name: &'static str,
        /// The system's words.
        cause: String,
    },
}

/// The longest message that is kept, bytes. libvirt's own are below 1 KiB (`VIR_ERROR_MAX_LENGTH`, `src/util/virerror.h`), but
/// a destination may send 4 MiB: neither a log, a line of a trace nor a terminal is for that.
const MAX_MESSAGE_BYTES: usize = 8 * 1024;

fn bounded(message: &str) -> String {
    if message.len() <= MAX_MESSAGE_BYTES {
        return message.to_owned();
    }
    let mut ends = (0..=MAX_MESSAGE_BYTES).rev();
    let end = ends.find(|&end| message.is_char_boundary(end));
    format!("{}…", &message[..end.unwrap_or(0)])
}

fn on(domain: Option<&str>) -> String {
    domain
        .map(|name| format!(" on domain '{name}'"))
        .unwrap_or_default()
}

impl Error {
    /// The answer of `call` on `domain`, from the `virt` crate's error.
    pub(crate) fn refused(
        call: &'static str,
        domain: Option<&str>,
        cause: &virt::error::Error,
    ) -> Self {
        Self::Refused {
            call,
            domain: domain.map(str::to_owned),
            code: cause.code().to_raw(),
            origin: cause.domain().to_raw(),
            message: bounded(cause.message()),
        }
    }

    /// libvirt's `virErrorNumber`, if libvirt answered.
    #[must_use]
    pub fn code(&self) -> Option<u32> {
        match self {
            Self::Refused { code, .. } => Some(*code),
            _ => None,
        }
    }

    /// libvirt's message alone, if libvirt answered: virsh prints this.
    #[must_use]
    pub fn libvirt_message(&self) -> Option<&str> {
        match self {
            Self::Refused { message, .. } => Some(message),
            _ => None,
        }
    }

    /// There is no such domain (any more).
    #[must_use]
    pub fn is_no_domain(&self) -> bool {
        self.code() == Some(sys::VIR_ERR_NO_DOMAIN)
    }

    /// The domain has no metadata under the URI asked for.
    #[must_use]
    pub fn is_no_metadata(&self) -> bool {
        self.code() == Some(sys::VIR_ERR_NO_DOMAIN_METADATA)
    }

    /// The domain is not in a state for it: not running, or without a job.
    #[must_use]
    pub fn is_operation_invalid(&self) -> bool {
        self.code() == Some(sys::VIR_ERR_OPERATION_INVALID)
    }

    /// The domain, or its run, is over: settings that come after the end are not missed.
    #[must_use]
    pub fn is_gone(&self) -> bool {
        self.is_no_domain() || self.is_operation_invalid()
    }

    /// Somebody aborted the migration. An abort may also come back as a broken channel, if QEMU notices that first: the
    /// one who aborted must know it without this.
    #[must_use]
    pub fn is_aborted(&self) -> bool {
        self.code() == Some(sys::VIR_ERR_OPERATION_ABORTED)
    }

    /// This driver, daemon or library cannot do it at all.
    #[must_use]
    pub fn is_unsupported(&self) -> bool {
        const CODES: [u32; 3] = [
            sys::VIR_ERR_NO_SUPPORT,
            sys::VIR_ERR_OPERATION_UNSUPPORTED,
            sys::VIR_ERR_ARGUMENT_UNSUPPORTED,
        ];
        self.code().is_some_and(|code| CODES.contains(&code))
    }

    /// libvirt has not answered in time; it may yet.
    #[must_use]
    pub fn is_not_answering(&self) -> bool {
        matches!(self, Self::NotAnswering { .. })
    }
}

/// Adds the call and the domain to an error of the `virt` crate.
pub(crate) trait Named<T> {
    /// The failure as a refusal of `call` on `domain`.
    fn named(self, call: &'static str, domain: Option<&str>) -> Result<T, Error>;
}

impl<T> Named<T> for Result<T, virt::error::Error> {
    fn named(self, call: &'static str, domain: Option<&str>) -> Result<T, Error> {
        self.map_err(|cause| Error::refused(call, domain, &cause))
    }
}

/// `text` as a C string; `what` names it in the error.
pub(crate) fn c_string(what: &str, text: &str) -> Result<CString, Error> {
    CString::new(text).map_err(|_| Error::NulByte {
        what: what.to_owned(),
    })
}

/// Refuses a `text` on which the `virt` crate would panic.
pub(crate) fn without_nul(what: &str, text: &str) -> Result<(), Error> {
    c_string(what, text).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_of_any_length_is_kept_within_bounds() {
        assert_eq!(bounded("refused"), "refused");
        let longest = "é".repeat(MAX_MESSAGE_BYTES / 2);
        assert_eq!(bounded(&longest), longest);
        let cut = bounded(&format!("x{}", "é".repeat(1 << 21)));
        assert!(cut.starts_with("xé") && cut.ends_with("é…"));
        assert!(cut.len() <= MAX_MESSAGE_BYTES + '…'.len_utf8());
    }
}
