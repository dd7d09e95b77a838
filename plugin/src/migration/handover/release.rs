//! Control that is ended from outside, while the migration goes on.

/// Why a migration is to be released.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ReleaseCause {
    /// A user asks for it (`hpc-release`): nobody is to steer it any more.
    Asked,
    /// The agent leaves: a successor may take it.
    Leaving,
}

impl ReleaseCause {
    /// The cause that counts, if this one comes after `before`: leaving outranks what was asked for.
    #[must_use]
    pub fn after(self, before: Option<Self>) -> Self {
        match before {
            Some(Self::Leaving) => Self::Leaving,
            _ => self,
        }
    }

    /// Whether a successor is to leave the migration alone, too.
    #[must_use]
    pub fn is_for_good(self) -> bool {
        self == Self::Asked
    }
}
