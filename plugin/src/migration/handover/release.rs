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

#[cfg(test)]
mod tests {
    use super::ReleaseCause::{Asked, Leaving};

    #[test]
    fn leaving_outranks_what_was_asked_for_and_only_what_was_asked_for_is_for_good() {
        for (before, then, counts) in [
            (None, Asked, Asked),
            (None, Leaving, Leaving),
            (Some(Asked), Leaving, Leaving),
            (Some(Leaving), Asked, Leaving),
        ] {
            assert_eq!(then.after(before), counts, "{before:?}, then {then:?}");
        }
        assert!(Asked.is_for_good() && !Leaving.is_for_good());
    }
}
