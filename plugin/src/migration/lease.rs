//! One controller for one job, on one host: the controller holds a locked file, and writes into it what a
//! successor needs to know.
//!
//! The lock is the kernel's (`flock`), so that it ends with its holder, however that dies; what is written
//! stays. `virsh-hpc` takes the lease before it begins a migration, the agent when it finds one. A second controller
//! waits. A controller on another host cannot take it: see `session::attempt::who_controls`.
//!
//! A successor recognises the job of a lease by what does not change while it goes on: see `lease/identity.rs`.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use libvirt_hpc_control::target::Target;
use serde::{Deserialize, Serialize};

use super::bounds::Bounds;
use super::settings::Set;
use crate::trace::{ControllerName, SettingsRecord};
pub use identity::{Identity, Job, wall_ms};

mod identity;

/// Where the leases are, for root alone.
pub const DIRECTORY: &str = "/run/libvirt-hpc/leases";

/// The longest lease that is read, bytes; a record has some hundred.
const MAX_BYTES: u64 = 64 * 1024;

/// How often a file that was removed between opening and locking is opened again.
const TRIES: u32 = 8;

/// What is written in a lease.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeaseRecord {
    /// Who steers, or did.
    pub controller: ControllerName,
    /// Its process.
    pub pid: u32,
    /// When the lease was taken, on the host's monotonic clock, nanoseconds.
    pub taken_at_ns: u64,
    /// When the job began, on the same clock; none if it had not yet.
    pub job_began_ns: Option<u64>,
    /// By what the job is recognised.
    #[serde(default)]
    pub identity: Identity,
    /// What libvirt held before.
    pub settings_before: SettingsRecord,
    /// What its controllers have set since, as far as it stands.
    #[serde(default)]
    pub set: Set,
    /// Within what it is steered.
    pub bounds: Bounds,
    /// Why nobody is to steer this job any more; none while somebody should.
    pub released: Option<String>,
}

impl LeaseRecord {
    /// A target is about to be carried out. Whoever only observes carries out none.
    pub fn intend(&mut self, target: &Target) {
        if !self.bounds.policy.observes {
            self.set.intend(target);
        }
    }

    /// A target was carried out.
    pub fn apply(&mut self, target: &Target) {
        if !self.bounds.policy.observes {
            self.set.apply(target);
        }
    }

    /// Somebody has set another speed limit, which is his order for a successor too.
    pub fn order_speed(&mut self, mib_per_s: u64) {
        self.bounds = self.bounds.under_speed(mib_per_s);
    }

    /// Nobody is to steer this job any more, and why: a successor leaves it alone.
    pub fn release(&mut self, why: &str) {
        self.released = Some(why.to_owned());
    }
}

/// What follows from an attempt to lock the file of a lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Attempt {
    /// The lease is taken.
    Holds,
    /// Its last holder has removed the file meanwhile: another one is opened.
    Again,
    /// Somebody holds it.
    StandsBy,
}

impl Attempt {
    /// Of a file whose lock was had, or not, and which is still the one of that name, or not. Only the kernel's lock says
    /// whether a holder lives: a process's number may be another's by now.
    #[must_use]
    pub const fn of(is_locked: bool, is_linked: bool) -> Self {
        match (is_locked, is_linked) {
            (true, true) => Self::Holds,
            (true, false) => Self::Again,
            (false, _) => Self::StandsBy,
        }
    }
}

/// A lease that is held; it ends when this is dropped, and what was written stays for a successor.
#[derive(Debug)]
pub struct Lease {
    file: File,
    path: PathBuf,
}

/// The answer to [`take`].
#[derive(Debug)]
pub enum Taken {
    /// It is taken, and this is what its last holder left, if it did not end well.
    Ours(Lease, Option<Box<LeaseRecord>>),
    /// Somebody holds it, who has written this, if it could be read.
    Held(Option<Box<LeaseRecord>>),
}

/// Takes the lease of the domain with `uuid`, if nobody holds it; waits for nobody.
///
/// # Errors
/// When the file cannot be made or locked: without the right to, or without a place.
pub fn take(directory: &Path, uuid: &str) -> io::Result<Taken> {
    let path = path(directory, uuid)?;
    make(directory)?;
    for _ in 0..TRIES {
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)?;
        let is_locked = match file.try_lock() {
            Ok(()) => true,
            Err(TryLockError::WouldBlock) => false,
            Err(TryLockError::Error(error)) => return Err(error),
        };
        match Attempt::of(is_locked, is_linked(&file, &path)) {
            Attempt::Holds => {
                let left = read(&mut file);
                return Ok(Taken::Ours(Lease { file, path }, left));
            }
            Attempt::Again => {}
            Attempt::StandsBy => return Ok(Taken::Held(read(&mut file))),
        }
    }
    Err(io::Error::other(
        "others take and end the lease all the time",
    ))
}

impl Lease {
    /// Writes what a successor needs.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&mut self, record: &LeaseRecord) -> io::Result<()> {
        let text = serde_json::to_vec(record)?;
        self.file.rewind()?;
        self.file.write_all(&text)?;
        // Whoever reads before this passes over the rest of the one before.
        self.file.set_len(text.len() as u64)
    }

    /// Ends it for good: the job is over.
    pub fn end(self) {
        // What stays is found to be of no job that runs, and swept.
        let _ = fs::remove_file(&self.path);
    }
}

/// A lease that is held, and what is written in it.
#[derive(Debug)]
pub struct HeldLease {
    lease: Lease,
    record: LeaseRecord,
}

impl HeldLease {
    /// Begins: `record` is written. Where it cannot be, the lease is held all the same, but a successor
    /// will know nothing: the second part of the answer.
    pub fn begin(mut lease: Lease, record: LeaseRecord) -> (Self, io::Result<()>) {
        let written = lease.write(&record);
        (Self { lease, record }, written)
    }

    /// A target is about to be carried out: a successor must know it for ours.
    ///
    /// # Errors
    /// When that cannot be written.
    pub fn intend(&mut self, target: &Target) -> io::Result<()> {
        self.record.intend(target);
        self.lease.write(&self.record)
    }

    /// A target was carried out.
    ///
    /// # Errors
    /// When that cannot be written.
    pub fn apply(&mut self, target: &Target) -> io::Result<()> {
        self.record.apply(target);
        self.lease.write(&self.record)
    }

    /// What was set last.
    #[must_use]
    pub const fn set(&self) -> Set {
        self.record.set
    }

    /// Somebody has set another speed limit, which is his order for a successor too.
    ///
    /// # Errors
    /// When that cannot be written.
    pub fn order_speed(&mut self, mib_per_s: u64) -> io::Result<()> {
        self.record.order_speed(mib_per_s);
        self.lease.write(&self.record)
    }

    /// Nobody is to steer this job any more, and why: a successor leaves it alone.
    ///
    /// # Errors
    /// When that cannot be written.
    pub fn release(&mut self, why: &str) -> io::Result<()> {
        self.record.release(why);
        self.lease.write(&self.record)
    }

    /// The job is over.
    pub fn end(self) {
        self.lease.end();
    }
}

/// Whether there is a lease of the domain with `uuid`, held or left.
#[must_use]
pub fn exists(directory: &Path, uuid: &str) -> bool {
    path(directory, uuid).is_ok_and(|path| path.exists())
}

/// Removes the leases that nobody holds of domains that are not `busy`: their jobs are over.
///
/// # Errors
/// When the directory cannot be read; that it is not there is no error.
pub fn sweep(directory: &Path, busy: impl Fn(&str) -> bool) -> io::Result<()> {
    let entries = match fs::read_dir(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let name = entry?.file_name();
        let Some(uuid) = name.to_str().filter(|uuid| !busy(uuid)) else {
            continue;
        };
        if let Ok(Taken::Ours(lease, _)) = take(directory, uuid) {
            lease.end();
        }
    }
    Ok(())
}

fn path(directory: &Path, uuid: &str) -> io::Result<PathBuf> {
    let is_uuid = !uuid.is_empty() && uuid.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-');
    if is_uuid {
        Ok(directory.join(uuid))
    } else {
        let what = format!("\"{}\" is no UUID", uuid.escape_debug());
        Err(io::Error::new(io::ErrorKind::InvalidInput, what))
    }
}

fn make(directory: &Path) -> io::Result<()> {
    if let Some(parent) = directory.parent() {
        DirBuilder::new()
            .recursive(true)
            .mode(0o755)
            .create(parent)?;
    }
    match DirBuilder::new().mode(0o700).create(directory) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        made => made,
    }
}

fn is_linked(file: &File, path: &Path) -> bool {
    let inode = |found: fs::Metadata| (found.dev(), found.ino());
    let (opened, linked) = (
        file.metadata().map(inode),
        fs::symlink_metadata(path).map(inode),
    );
    matches!((opened, linked), (Ok(opened), Ok(linked)) if opened == linked)
}

fn read(file: &mut File) -> Option<Box<LeaseRecord>> {
    let mut text = Vec::new();
    file.take(MAX_BYTES).read_to_end(&mut text).ok()?;
    let mut values = serde_json::Deserializer::from_slice(&text).into_iter();
    values.next()?.ok()
}

#[cfg(test)]
mod tests;
