//! The version of this program.

/// As in the traces and in what is printed.
pub const OURS: &str = env!("CARGO_PKG_VERSION");
