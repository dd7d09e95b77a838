//! What a `migrate` asks of libvirt.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

use libvirt_hpc_libvirt::parameter::{Parameter, Value};

use super::option::Means;
use super::typed_options::{Refused, TypedOption, TypedOptions};
use super::{checks, migrate_flags};
use crate::flags::virsh::c_number;
use crate::flags::virsh::release::Virsh;

/// How the migration is asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Transport {
    /// `virDomainMigrateToURI3`: `--p2p` or `--direct`.
    PeerToPeer,
    /// `virDomainMigrate3`: the client connects to the destination itself.
    #[default]
    Managed,
}

/// What happens when the timeout ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeoutAction {
    /// Suspend the guest, so that the rest of its memory can be sent: the default.
    Suspend,
    /// Switch to post-copy.
    Postcopy,
}

/// `--timeout`, one shot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeout {
    /// Seconds, at least 1.
    pub seconds: u32,
    /// What then.
    pub action: TimeoutAction,
}

/// What one `migrate` asks of libvirt, as virsh would ask it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MigrateRequest {
    /// Name, id or UUID of the domain.
    pub domain: String,
    /// The destination's connection URI.
    pub dest_uri: String,
    /// Bits of [`migrate_flags`].
    pub flags: u32,
    /// The parameters, without the two XML documents.
    pub parameters: Vec<Parameter>,
    /// Which call virsh would make.
    pub transport: Transport,
    /// `--timeout` with a value above 0.
    pub timeout: Option<Timeout>,
    /// `--postcopy-after-precopy`: switch to post-copy at iteration 2.
    pub postcopy_after_precopy: bool,
    /// `--verbose`: progress on stderr.
    pub verbose: bool,
    /// `--xml`: the file whose text becomes the parameter `destination_xml`.
    pub xml_file: Option<PathBuf>,
    /// `--persistent-xml`: the file whose text becomes the parameter `persistent_xml`.
    pub persistent_xml_file: Option<PathBuf>,
}

impl MigrateRequest {
    /// Reads the values; what virsh would refuse is refused.
    pub(crate) fn from_typed(typed: &TypedOptions, virsh: Virsh) -> Result<Self, Refused> {
        checks::check(typed, virsh)?;
        let mut request = Self::default();
        for given in &typed.given {
            request.apply(given)?;
        }
        if request.flags & migrate_flags::PEER2PEER != 0 {
            request.transport = Transport::PeerToPeer;
        }
        if typed.has_named("timeout-postcopy")
            && let Some(timeout) = &mut request.timeout
        {
            timeout.action = TimeoutAction::Postcopy;
        }
        Ok(request)
    }

    /// Whether the guest's memory is copied while it may run: there is something to control.
    pub(crate) fn has_precopy(&self) -> bool {
        self.flags & (migrate_flags::OFFLINE | migrate_flags::POSTCOPY_RESUME) == 0
    }

    fn apply(&mut self, given: &TypedOption) -> Result<(), Refused> {
        let value = given.value.as_slice();
        match given.opt.means {
            Means::Flag(bit) => self.flags |= bit,
            Means::Direct => self.transport = Transport::PeerToPeer,
            Means::Verbose => self.verbose = true,
            Means::PostcopyAfterPrecopy => self.postcopy_after_precopy = true,
            Means::Domain => self.domain = text(value)?,
            Means::Destination => self.dest_uri = text(value)?,
            Means::Timeout => self.timeout = timeout(value)?,
            Means::Xml => self.xml_file = Some(file(value)?),
            Means::PersistentXml => self.persistent_xml_file = Some(file(value)?),
            Means::Text(name) => self.push(name, Value::Text(text(value)?)),
            Means::List(name) => self.push(name, Value::TextList(list(value)?)),
            Means::Int(name) => self.push(name, Value::Int(int(value)?)),
            Means::IntUnlessZero(name) => match int(value)? {
                0 => {}
                number => self.push(name, Value::Int(number)),
            },
            Means::UnsignedLong(name) => {
                let number = c_number::unsigned_long(value).ok_or(Refused)?;
                self.push(name, Value::UnsignedLong(number));
            }
            // The action is read once the timeout is known; options --hpc-* are not among virsh's.
            Means::TimeoutSuspend | Means::TimeoutPostcopy | Means::Hpc(_) => {}
        }
        Ok(())
    }

    fn push(&mut self, name: &'static str, value: Value) {
        self.parameters.push(Parameter { name, value });
    }
}

/// A string as libvirt's calls take it here: not empty (virsh refuses that), and UTF-8.
///
/// Bytes that are no UTF-8 go to the real virsh, which passes them on as they are.
fn text(value: &[u8]) -> Result<String, Refused> {
    match str::from_utf8(value) {
        Ok(text) if !text.is_empty() => Ok(text.to_owned()),
        _ => Err(Refused),
    }
}

/// `g_strsplit(value, ",", 0)`: empty items stay.
fn list(value: &[u8]) -> Result<Vec<String>, Refused> {
    Ok(text(value)?.split(',').map(str::to_owned).collect())
}

fn file(value: &[u8]) -> Result<PathBuf, Refused> {
    if value.is_empty() {
        return Err(Refused);
    }
    Ok(OsString::from_vec(value.to_vec()).into())
}

fn int(value: &[u8]) -> Result<i32, Refused> {
    c_number::int(value, 10).ok_or(Refused)
}

/// 0 is no timeout.
fn timeout(value: &[u8]) -> Result<Option<Timeout>, Refused> {
    let seconds = c_number::unsigned(value).ok_or(Refused)?;
    Ok((seconds > 0).then_some(Timeout {
        seconds,
        action: TimeoutAction::Suspend,
    }))
}
