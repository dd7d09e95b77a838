//! What virsh-hpc adds to virsh's command line: the options `--hpc-*` of `migrate`, and the commands `hpc-*`.

pub mod commands;
pub(super) mod moment;
pub(super) mod options;
pub(super) mod usage_error;
pub(super) mod values;
