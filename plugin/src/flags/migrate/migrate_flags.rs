//! The bits of `virDomainMigrateFlags`.
//!
//! Source: `include/libvirt/libvirt-domain.h`. They are part of libvirt's ABI and repeated here so
//! that whoever parses a command line need not load the library.

/// `VIR_MIGRATE_LIVE`: do not pause the guest while it migrates.
pub const LIVE: u32 = 1 << 0;
/// `VIR_MIGRATE_PEER2PEER`: the source's daemon talks to the destination's.
pub const PEER2PEER: u32 = 1 << 1;
/// `VIR_MIGRATE_TUNNELLED`: memory travels through the daemons' connection.
pub const TUNNELLED: u32 = 1 << 2;
/// `VIR_MIGRATE_PERSIST_DEST`: define the domain at the destination.
pub const PERSIST_DEST: u32 = 1 << 3;
/// `VIR_MIGRATE_UNDEFINE_SOURCE`: undefine the domain at the source.
pub const UNDEFINE_SOURCE: u32 = 1 << 4;
/// `VIR_MIGRATE_PAUSED`: leave the guest paused at the destination.
pub const PAUSED: u32 = 1 << 5;
/// `VIR_MIGRATE_NON_SHARED_DISK`: copy whole disks.
pub const NON_SHARED_DISK: u32 = 1 << 6;
/// `VIR_MIGRATE_NON_SHARED_INC`: copy disks above a shared base image.
pub const NON_SHARED_INC: u32 = 1 << 7;
/// `VIR_MIGRATE_CHANGE_PROTECTION`: no change of the configuration meanwhile.
pub const CHANGE_PROTECTION: u32 = 1 << 8;
/// `VIR_MIGRATE_UNSAFE`: migrate even if it may be unsafe.
pub const UNSAFE: u32 = 1 << 9;
/// `VIR_MIGRATE_OFFLINE`: migrate the definition of an inactive domain.
pub const OFFLINE: u32 = 1 << 10;
/// `VIR_MIGRATE_COMPRESSED`: compress memory.
pub const COMPRESSED: u32 = 1 << 11;
/// `VIR_MIGRATE_ABORT_ON_ERROR`: abort on soft errors.
pub const ABORT_ON_ERROR: u32 = 1 << 12;
/// `VIR_MIGRATE_AUTO_CONVERGE`: throttle the guest's CPUs.
pub const AUTO_CONVERGE: u32 = 1 << 13;
/// `VIR_MIGRATE_RDMA_PIN_ALL`: pin all memory before RDMA.
pub const RDMA_PIN_ALL: u32 = 1 << 14;
/// `VIR_MIGRATE_POSTCOPY`: allow post-copy.
pub const POSTCOPY: u32 = 1 << 15;
/// `VIR_MIGRATE_TLS`: encrypt memory.
pub const TLS: u32 = 1 << 16;
/// `VIR_MIGRATE_PARALLEL`: several connections.
pub const PARALLEL: u32 = 1 << 17;
/// `VIR_MIGRATE_NON_SHARED_SYNCHRONOUS_WRITES`: guest writes reach both disks.
pub const NON_SHARED_SYNCHRONOUS_WRITES: u32 = 1 << 18;
/// `VIR_MIGRATE_POSTCOPY_RESUME`: resume a failed post-copy.
pub const POSTCOPY_RESUME: u32 = 1 << 19;
/// `VIR_MIGRATE_ZEROCOPY`: send pages without copying them.
pub const ZEROCOPY: u32 = 1 << 20;
