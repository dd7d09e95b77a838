//! What can be wrong with options `--hpc-*`; what is wrong with virsh's is said by virsh.

/// A mistake in an option `--hpc-*`; nothing has been started.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UsageError {
    /// An option with that prefix that does not exist.
    #[error("virsh-hpc has no option --{name}; see: virsh-hpc hpc-help")]
    UnknownOption {
        /// Its name, without the dashes.
        name: String,
    },
    /// The value is missing.
    #[error("option --{name} needs a value: {expected}")]
    MissingValue {
        /// Its name, without the dashes.
        name: &'static str,
        /// What it takes.
        expected: &'static str,
    },
    /// A value where none is taken.
    #[error("option --{name} takes no value, so no '=' may follow it")]
    UnexpectedValue {
        /// Its name, without the dashes.
        name: &'static str,
    },
    /// A value that cannot be.
    #[error("option --{name}: '{value}' is not {expected}")]
    BadValue {
        /// Its name, without the dashes.
        name: &'static str,
        /// The value given.
        value: String,
        /// What it takes.
        expected: &'static str,
    },
    /// The same option twice.
    #[error("option --{name} already seen")]
    Repeated {
        /// Its name, without the dashes.
        name: &'static str,
    },
    /// Options `--hpc-*` in a list of commands.
    #[error(
        "options --hpc-* are understood where migrate is the only command: run this migrate in a \
         virsh-hpc of its own"
    )]
    NotAlone,
}
