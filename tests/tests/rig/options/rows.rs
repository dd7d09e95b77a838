//! The options of `virsh migrate` (11.3 and 9.0), together where they do not touch each other: a move takes its
//! seconds. `ADDRESS` is the destination's address, `THERE` its name.
//!
//! Not here, because other tests use them: `--timeout` and related options, `--verbose`. Nor `--tls --tunnelled`: the
//! source's libvirtd of 11.3 crashes with any client; nor `--zerocopy --parallel`, which may lock memory on some
//! machines.

/// Options that these hosts grant.
pub(super) const GRANTED: &[&str] = &[
    "--bandwidth 80 --migrateuri tcp://ADDRESS --listen-address ADDRESS --graphicsuri spice://ADDRESS:5900",
    "--p2p --disks-uri tcp://ADDRESS:49301 --listen-address 0.0.0.0",
    "--p2p --tunnelled --postcopy-bandwidth 100",
    "--compressed --comp-methods xbzrle --comp-xbzrle-cache 16777216",
    "--auto-converge --auto-converge-initial 10 --auto-converge-increment 20 --disks-port 49300",
    "--abort-on-error --unsafe --change-protection --rdma-pin-all",
    "--postcopy --postcopy-after-precopy --postcopy-bandwidth 100",
    "--tls --p2p --tls-destination THERE",
];

/// Options that 11.3 grants and 9.0 does not know.
pub(super) const SINCE_9_0: &[&str] = &[
    "--parallel --parallel-connections 2 --compressed --comp-methods zstd --comp-zstd-level 1",
    "--available-switchover-bandwidth 100",
];

/// Options that virsh, libvirt or QEMU refuse.
pub(super) const REFUSED: &[&str] = &[
    "--listen-address 203.0.113.9",
    "--listen-address nonsense",
    "--migrateuri rdma://ADDRESS",
    "--migrateuri tcp://203.0.113.9:bad",
    "--compressed --comp-methods mt",
    "--comp-methods mt --comp-mt-level 3 --comp-mt-threads 2 --comp-mt-dthreads 2",
    "--compressed --comp-methods zstd",
    "--comp-zlib-level 3",
    "--comp-methods nonsense",
    "--parallel-connections 2",
    "--auto-converge-initial 10",
    "--postcopy-after-precopy",
    "--postcopy-resume",
    "--postcopy --postcopy-resume",
    "--zerocopy",
    "--tls --tls-destination elsewhere",
    "--tunnelled",
    "--timeout-suspend",
    "--timeout 5 --timeout-postcopy",
    "--timeout 5 --timeout-postcopy --timeout-suspend",
    "--xml /nonexistent",
    "--persistent-xml /nonexistent",
    "--copy-storage-all --copy-storage-inc",
    "--copy-storage-synchronous-writes",
    "--migrate-disks vda",
    "--migrate-disks-detect-zeroes vda",
    "--offline",
];

/// With disks that each host has for itself.
pub(super) const WITH_STORAGE: &[&str] = &[
    "",
    "--copy-storage-all --migrate-disks vdz",
    "--copy-storage-all --migrate-disks vdz --unsafe",
    "--copy-storage-all --p2p --tunnelled",
    "--copy-storage-all --postcopy --postcopy-after-precopy",
    "--copy-storage-all --copy-storage-synchronous-writes --disks-port 49310",
    "--copy-storage-inc --disks-uri tcp://ADDRESS:49311",
    "--copy-storage-all --p2p --tls",
    "--copy-storage-all --unsafe --migrate-disks vdb --migrate-disks-detect-zeroes vdb",
];
