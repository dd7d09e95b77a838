//! The options of `migrate`, in virsh's order: the order positional values fill them in.
//!
//! Source: `opts_migrate` and `doMigrate` in `tools/virsh-domain.c` of libvirt 9.0.0 and 11.3.0.
//! What virsh says of them is not repeated here: virsh prints its own help.

use super::migrate_flags as bits;
use super::option::Means::{
    Destination, Direct, Domain, Flag, Hpc, Int, IntUnlessZero, List, PersistentXml,
    PostcopyAfterPrecopy, Text, Timeout, TimeoutPostcopy, TimeoutSuspend, UnsignedLong, Verbose,
    Xml,
};
use super::option::Position::{Early, Never, Required, Tolerated};
use super::option::{Means, Opt, Position};
use crate::flags::hpc::options::HpcOption;
use crate::flags::virsh::release::Virsh;

/// Every option of `migrate`: virsh's, then `--hpc-*`.
pub const MIGRATE_OPTIONS: &[Opt] = &[
    value("domain", Required, Domain),
    value("desturi", Required, Destination),
    flag("live", bits::LIVE),
    flag("offline", bits::OFFLINE),
    flag("p2p", bits::PEER2PEER),
    switch("direct", Direct),
    flag("tunnelled", bits::TUNNELLED),
    flag("persistent", bits::PERSIST_DEST),
    flag("undefinesource", bits::UNDEFINE_SOURCE),
    flag("suspend", bits::PAUSED),
    flag("copy-storage-all", bits::NON_SHARED_DISK),
    flag("copy-storage-inc", bits::NON_SHARED_INC),
    flag(
        "copy-storage-synchronous-writes",
        bits::NON_SHARED_SYNCHRONOUS_WRITES,
    ),
    flag("change-protection", bits::CHANGE_PROTECTION),
    flag("unsafe", bits::UNSAFE),
    switch("verbose", Verbose),
    flag("compressed", bits::COMPRESSED),
    flag("auto-converge", bits::AUTO_CONVERGE),
    flag("rdma-pin-all", bits::RDMA_PIN_ALL),
    flag("abort-on-error", bits::ABORT_ON_ERROR),
    flag("postcopy", bits::POSTCOPY),
    switch("postcopy-after-precopy", PostcopyAfterPrecopy),
    flag("postcopy-resume", bits::POSTCOPY_RESUME),
    flag("zerocopy", bits::ZEROCOPY),
    value("migrateuri", Tolerated, Text("migrate_uri")),
    value("graphicsuri", Tolerated, Text("graphics_uri")),
    value("listen-address", Tolerated, Text("listen_address")),
    value("dname", Tolerated, Text("destination_name")),
    value("timeout", Tolerated, Timeout),
    switch("timeout-suspend", TimeoutSuspend),
    switch("timeout-postcopy", TimeoutPostcopy),
    value("xml", Tolerated, Xml),
    value("migrate-disks", Tolerated, List("migrate_disks")),
    value(
        "migrate-disks-detect-zeroes",
        Never,
        List("migrate_disks_detect_zeroes"),
    )
    .since(10, 9),
    value("disks-port", Tolerated, IntUnlessZero("disks_port")),
    value("disks-uri", Early, Text("disks_uri")),
    value("comp-methods", Early, List("compression")),
    value("comp-mt-level", Early, Int("compression.mt.level")),
    value("comp-mt-threads", Early, Int("compression.mt.threads")),
    value("comp-mt-dthreads", Early, Int("compression.mt.dthreads")),
    value(
        "comp-xbzrle-cache",
        Early,
        UnsignedLong("compression.xbzrle.cache"),
    ),
    value("auto-converge-initial", Early, Int("auto_converge.initial")),
    value(
        "auto-converge-increment",
        Early,
        Int("auto_converge.increment"),
    ),
    value("persistent-xml", Early, PersistentXml),
    flag("tls", bits::TLS),
    value(
        "postcopy-bandwidth",
        Early,
        UnsignedLong("bandwidth.postcopy"),
    ),
    flag("parallel", bits::PARALLEL),
    value("parallel-connections", Early, Int("parallel.connections")),
    value("bandwidth", Early, UnsignedLong("bandwidth")),
    value("tls-destination", Early, Text("tls.destination")),
    value("comp-zlib-level", Early, Int("compression.zlib.level")).since(9, 4),
    value("comp-zstd-level", Early, Int("compression.zstd.level")).since(9, 4),
    value(
        "available-switchover-bandwidth",
        Never,
        UnsignedLong("bandwidth.avail.switchover"),
    )
    .since(11, 1),
    hpc("hpc-law", HpcOption::Law),
    hpc("hpc-observe", HpcOption::Observe),
    hpc("hpc-off", HpcOption::Off),
    hpc("hpc-trace", HpcOption::Trace),
    hpc("hpc-slowdown", HpcOption::Slowdown),
    hpc("hpc-max-downtime", HpcOption::MaxDowntime),
    hpc("hpc-deadline", HpcOption::Deadline),
    hpc("hpc-compression", HpcOption::Compression),
    hpc("hpc-sync-time", HpcOption::SyncTime),
    hpc("hpc-prior", HpcOption::Prior),
    hpc("hpc-estimate", HpcOption::Estimate),
];

/// Other spellings that virsh takes for an option.
const ALIASES: &[(&str, &str)] = &[("tunneled", "tunnelled")];

/// The option of that name which virsh has had since `virsh`, aliases resolved.
pub(crate) fn of_virsh(name: &[u8], virsh: Virsh) -> Option<&'static Opt> {
    let alias = ALIASES.iter().find(|(alias, _)| alias.as_bytes() == name);
    let name = alias.map_or(name, |(_, name)| name.as_bytes());
    virshs(virsh).find(|option| option.name.as_bytes() == name)
}

/// virsh's own options in that release, in order.
pub(crate) fn virshs(virsh: Virsh) -> impl Iterator<Item = &'static Opt> {
    MIGRATE_OPTIONS
        .iter()
        .filter(move |option| !option.is_hpc() && option.since <= virsh)
}

/// The option `--hpc-*` of that name.
pub(crate) fn of_hpc(name: &[u8]) -> Option<(&'static Opt, HpcOption)> {
    MIGRATE_OPTIONS
        .iter()
        .find_map(|option| match option.means {
            Hpc(hpc) if option.name.as_bytes() == name => Some((option, hpc)),
            _ => None,
        })
}

const fn flag(name: &'static str, bit: u32) -> Opt {
    switch(name, Flag(bit))
}

const fn switch(name: &'static str, means: Means) -> Opt {
    value(name, Never, means)
}

const fn value(name: &'static str, position: Position, means: Means) -> Opt {
    Opt {
        name,
        position,
        since: Virsh::OLDEST,
        means,
    }
}

const fn hpc(name: &'static str, option: HpcOption) -> Opt {
    value(name, Never, Hpc(option))
}

impl Opt {
    const fn since(self, major: u32, minor: u32) -> Self {
        Self {
            since: Virsh::new(major, minor),
            ..self
        }
    }
}
