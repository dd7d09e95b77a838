//! How one `migrate` is read.
//!
//! ```text
//! words -> separate: options --hpc-* | virsh's words -> typed_options -> checks -> request
//!             by the table of options
//! ```

mod checks;
pub mod migrate_flags;
pub(super) mod option;
pub(super) mod request;
pub(super) mod separate;
pub(super) mod table;
pub(super) mod typed_options;
