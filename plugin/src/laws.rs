//! The laws by name.

use libvirt_hpc_control::law::{Adaptive, Decision, Law, Slowdown, Stock, View};
use serde::{Deserialize, Serialize};

use crate::flags;

/// Which law decides, as options and traces name it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LawName {
    /// [`Adaptive`].
    #[default]
    Adaptive,
    /// [`Stock`].
    Stock,
}

impl LawName {
    /// The name as it is written.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Adaptive => "adaptive",
            Self::Stock => "stock",
        }
    }

    /// The law of that name, for an application that pre-copy slows down by `slowdown_ppm` parts per
    /// million.
    #[must_use]
    pub fn build(self, slowdown_ppm: u64) -> AnyLaw {
        match self {
            Self::Adaptive => AnyLaw::Adaptive(Adaptive::new(Slowdown::from_ppm(slowdown_ppm))),
            Self::Stock => AnyLaw::Stock(Stock),
        }
    }
}

impl From<flags::Law> for LawName {
    fn from(law: flags::Law) -> Self {
        match law {
            flags::Law::Adaptive => Self::Adaptive,
            flags::Law::Stock => Self::Stock,
        }
    }
}

/// Any of the laws.
#[derive(Clone, Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "one of them exists in a process, for its whole life"
)]
pub enum AnyLaw {
    /// See [`Adaptive`].
    Adaptive(Adaptive),
    /// See [`Stock`].
    Stock(Stock),
}

impl Law for AnyLaw {
    fn name(&self) -> &'static str {
        match self {
            Self::Adaptive(law) => law.name(),
            Self::Stock(law) => law.name(),
        }
    }

    fn decide(&mut self, view: &View) -> Decision {
        match self {
            Self::Adaptive(law) => law.decide(view),
            Self::Stock(law) => law.decide(view),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_law_goes_by_its_own_name() {
        for name in [LawName::Adaptive, LawName::Stock] {
            assert_eq!(name.build(100_000).name(), name.as_str());
            let written = serde_json::to_string(&name).expect("a name");
            assert_eq!(written, format!("\"{}\"", name.as_str()));
        }
    }
}
