//! A host's whole file system, to be compared.

use std::collections::{BTreeMap, BTreeSet};
use std::thread;

use anyhow::{Context, Result, anyhow, ensure};
use libvirt_hpc_tests::rig::{HOSTS, Rig};

use crate::hook::run;

/// The parts of a host's disk that are not compared, and why. Other file systems (/proc, /sys, /dev, /run) are not
/// entered.
const LEFT_OUT: [(&str, &str); 11] = [
    ("/tmp", "anybody's, until the next boot"),
    (
        "/var/tmp",
        "systemd keeps a folder here for each running service with PrivateTmp",
    ),
    (
        "/var/cache/apt",
        "apt's cache of what its lists and dpkg's database say",
    ),
    ("/var/cache/libvirt", "libvirt's cache of what QEMU can do"),
    (
        "/var/lib/apt/lists",
        "apt makes a folder of its own at its first run",
    ),
    (
        "/var/lib/dpkg/status-old",
        "dpkg's database before its last change",
    ),
    (
        "/var/lib/libvirt/qemu",
        "libvirt's files of the guests that run",
    ),
    ("/var/log/apt", "apt's logs"),
    ("/var/log/dpkg.log", "dpkg's log"),
    ("/var/log/journal", "the journal"),
    ("/var/log/libvirt", "libvirt's logs of the guests"),
];

/// Path to type, mode, owner, group, and size and hash of a file or target of a link.
pub(super) type Listing = BTreeMap<String, String>;

/// Both hosts' files.
pub(super) fn of_hosts(rig: &Rig) -> Result<Vec<Listing>> {
    thread::scope(|scope| {
        let threads = HOSTS.map(|host| scope.spawn(move || of(rig, host)));
        let listings =
            threads.map(|thread| thread.join().map_err(|_| anyhow!("a listing has died")));
        listings.into_iter().map(|listing| listing?).collect()
    })
}

fn of(rig: &Rig, host: &str) -> Result<Listing> {
    let left_out: Vec<_> = LEFT_OUT
        .iter()
        .map(|(path, _)| format!("-path {path}"))
        .collect();
    let find = format!("find / -xdev \\( {} \\) -prune -o", left_out.join(" -o "));
    let script = format!(
        "{find} -type f -printf '%p\\t%y %m %U:%G %s\\n' -o -printf '%p\\t%y %m %U:%G %l\\n'\n\
         {find} -type f -exec sha256sum {{}} + | sed -E 's/^([^ ]*) .(.*)$/\\2\\t\\1/'"
    );
    let mut listing = Listing::new();
    for line in run(rig, host, &["timeout", "60", "sh", "-c", &script])?.lines() {
        let (path, what) = line
            .split_once('\t')
            .with_context(|| format!("listing: '{line}'"))?;
        let entry = listing.entry(path.to_owned()).or_default();
        entry.push_str(what);
        entry.push(' ');
    }
    ensure!(listing.len() > 1000, "{host} has {} files", listing.len());
    Ok(listing)
}

/// Requires that two listings of a host are the same.
pub(super) fn are_the_same(host: &str, before: &Listing, after: &Listing) -> Result<()> {
    let paths: BTreeSet<_> = before.keys().chain(after.keys()).collect();
    let changed: Vec<_> = paths
        .into_iter()
        .filter(|path| before.get(*path) != after.get(*path))
        .map(|path| format!("{path}: {:?} -> {:?}", before.get(path), after.get(path)))
        .collect();
    println!(
        "{host}: {} files before, {} after",
        before.len(),
        after.len()
    );
    ensure!(changed.is_empty(), "{host} is not as before: {changed:#?}");
    Ok(())
}
