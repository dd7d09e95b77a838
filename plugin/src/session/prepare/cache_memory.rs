//! How much memory there is on the source's host for the cache of XBZRLE.
//!
//! The domain may bound its QEMU, or the host may: by the memory limit of a cgroup, of the guest's own or of one above
//! it, which a manager sets without libvirt. A QEMU that exceeds it is killed.

use std::fs;
use std::path::Path;

use libvirt_hpc_control::estimate::CACHE_DEFAULT;
use libvirt_hpc_xml_schemas as xml;

/// The largest cache: it is taken as pages are sent again, and hosts of HPC guests have little to spare.
const MOST_BYTES: u64 = 1 << 30;

/// A cache may take one part in so many of the free memory: a migration has other needs, and the host other guests.
const SHARE: u64 = 2;

/// Where a privileged libvirt writes the process of each of its QEMUs (`virPidFileConstructPath`,
/// `src/util/virpidfile.c`).
const PID_FILES: &str = "run/libvirt/qemu";

/// Where the hierarchy of cgroups is, version 2, which is systemd's default since 243 and EL's since 9.
const CGROUPS: &str = "sys/fs/cgroup";

/// The files of a cgroup that bound its memory: above the first it is killed, above the second it is made to wait for
/// pages.
const LIMITS: [&str; 2] = ["memory.max", "memory.high"];

/// The largest cache that a domain of this name and XML may have, bytes; none if it is better off without. `is_local`:
/// its QEMU runs on this host, and what the system says of it counts.
#[must_use]
pub fn most_bytes(name: &str, domain: &str, is_local: bool) -> Option<u64> {
    if xml::memory_is_bounded(domain) {
        return None;
    }
    let left = is_local.then(|| left(Path::new("/"), name)).flatten();
    cache(left)
}

fn cache(left_bytes: Option<u64>) -> Option<u64> {
    let most = left_bytes.map_or(MOST_BYTES, |left| MOST_BYTES.min(left / SHARE));
    (most >= CACHE_DEFAULT).then_some(most)
}

/// What the QEMU of the domain called `name` may still take, bytes: the least that its cgroups and the host have left.
/// None where neither says.
fn left(root: &Path, name: &str) -> Option<u64> {
    let host = read(&root.join("proc/meminfo"), "MemAvailable:");
    let host = host.map(|kib| kib.saturating_mul(1024));
    host.into_iter().chain(left_in_cgroups(root, name)).min()
}

fn left_in_cgroups(root: &Path, name: &str) -> Option<u64> {
    let pid = fs::read_to_string(root.join(PID_FILES).join(format!("{name}.pid"))).ok()?;
    let pid: u32 = pid.trim().parse().ok()?;
    let groups = fs::read_to_string(root.join(format!("proc/{pid}/cgroup"))).ok()?;
    let group = groups.lines().find_map(|line| line.strip_prefix("0::/"))?;
    let top = root.join(CGROUPS);
    let group = top.join(group);
    let groups = group.ancestors().take_while(|at| at.starts_with(&top));
    groups.filter_map(left_in).min()
}

/// What a cgroup has left: pages of files that were not used lately are given up first.
fn left_in(group: &Path) -> Option<u64> {
    let number = |file| {
        fs::read_to_string(group.join(file))
            .ok()?
            .trim()
            .parse()
            .ok()
    };
    let limit: u64 = LIMITS.into_iter().filter_map(number).min()?;
    let used = number("memory.current")?;
    let files = read(&group.join("memory.stat"), "inactive_file").unwrap_or(0);
    Some(limit.saturating_sub(used.saturating_sub(files)))
}

/// The number beside `key` in a file of such lines.
fn read(file: &Path, key: &str) -> Option<u64> {
    let text = fs::read_to_string(file).ok()?;
    let mut lines = text.lines().map(str::split_whitespace);
    lines.find_map(|mut words| match words.next() {
        Some(word) if word == key => words.next()?.parse().ok(),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;
    const GROUP: &str = "machine.slice/machine-qemu.scope/libvirt/emulator";

    /// A host with 4 GiB free and one QEMU, each file in its cgroups as given.
    fn host(files: &[(&str, &str)]) -> tempfile::TempDir {
        let root = tempfile::tempdir().expect("folder");
        let base = [
            (
                "proc/meminfo",
                "MemTotal: 9 kB\nMemAvailable:  4194304 kB\n",
            ),
            ("run/libvirt/qemu/vm.pid", "77"),
            ("proc/77/cgroup", &format!("1:cpu:/x\n0::/{GROUP}\n")),
        ];
        let in_groups = files
            .iter()
            .map(|&(file, text)| (format!("{CGROUPS}/{file}"), text));
        let base = base.into_iter().map(|(file, text)| (file.to_owned(), text));
        for (file, text) in base.chain(in_groups) {
            let path = root.path().join(file);
            fs::create_dir_all(path.parent().expect("a file")).expect("folder");
            fs::write(path, text).expect("written");
        }
        root
    }

    #[test]
    fn the_least_that_is_left_counts_whoever_set_the_limit() {
        let scope = "machine.slice/machine-qemu.scope";
        let of = |files: &[(&str, &str)]| left(host(files).path(), "vm");
        assert_eq!(of(&[]), Some(4096 * MIB), "the host's");
        let file = |group: &str, name| format!("{group}/{name}");
        let (max, current) = (file(scope, "memory.max"), file(scope, "memory.current"));
        let used = (current.as_str(), "500000000\n");
        assert_eq!(of(&[(&max, "max\n"), used]), Some(4096 * MIB));
        let limited = [(max.as_str(), "540000000\n"), used];
        assert_eq!(of(&limited), Some(40_000_000));
        let stat = file(scope, "memory.stat");
        let cached = [limited[0], used, (&stat, "anon 7\ninactive_file 9000000\n")];
        assert_eq!(of(&cached), Some(49_000_000));
        let high = file(scope, "memory.high");
        assert_eq!(
            of(&[limited[0], used, (&high, "510000000")]),
            Some(10_000_000)
        );
        let slice = [
            ("machine.slice/memory.max", "7\n"),
            ("machine.slice/memory.current", "9"),
        ];
        assert_eq!(
            of(&[limited[0], used, slice[0], slice[1]]),
            Some(0),
            "one above it"
        );
        assert_eq!(left(host(&limited).path(), "another"), Some(4096 * MIB));
    }

    #[test]
    fn what_is_not_known_bounds_nothing_and_what_is_little_is_left_alone() {
        let nothing = tempfile::tempdir().expect("folder");
        assert_eq!(left(nothing.path(), "vm"), None);
        for (left, most) in [
            (None, Some(1024)),
            (Some(100_000), Some(1024)),
            (Some(512), Some(256)),
            (Some(128), Some(64)),
            (Some(127), None),
            (Some(0), None),
        ] {
            let most = most.map(|mib: u64| mib * MIB);
            assert_eq!(cache(left.map(|mib: u64| mib * MIB)), most, "{left:?}");
        }
        assert_eq!(
            most_bytes(
                "vm",
                "<domain><memoryBacking><hugepages/></memoryBacking></domain>",
                false
            ),
            None
        );
        assert_eq!(most_bytes("vm", "<domain/>", false), Some(MOST_BYTES));
    }
}
