//! What a command line asks for.

use std::ffi::OsString;

use super::help::Topic;
use super::{Completion, Globals, HpcOptions, MigrateRequest};

/// What a command line asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Invocation {
    /// The real virsh's business.
    Forward {
        /// The arguments for virsh, without options `--hpc-*`.
        virsh_args: Vec<OsString>,
        /// Said on stderr where the user asked for control that plain virsh will not give.
        note: Option<&'static str>,
    },
    /// One `migrate` that virsh would accept.
    Migrate(Box<Migrate>),
    /// A command `hpc-*`: the words from its name on, for [`crate::flags::hpc_commands::parse`].
    HpcCommand {
        /// virsh's options in front of the command.
        globals: Globals,
        /// The command's name and its arguments.
        words: Vec<OsString>,
    },
    /// Help that virsh prints and virsh-hpc completes.
    Help {
        /// The arguments for virsh, without options `--hpc-*`.
        virsh_args: Vec<OsString>,
        /// What is appended.
        topic: Topic,
    },
    /// What may come next on a command line: virsh's candidates, and virsh-hpc's.
    Complete(Completion),
}

/// One `migrate`, and the way back to plain virsh.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Migrate {
    /// virsh's options in front of the command.
    pub globals: Globals,
    /// What the user asked virsh for.
    pub request: MigrateRequest,
    /// What the user asked virsh-hpc for.
    pub hpc: HpcOptions,
    /// The arguments for the real virsh, without options `--hpc-*`, should virsh run it after all.
    pub virsh_args: Vec<OsString>,
}
