//! Which migrations are told of.

use std::time::SystemTime;

use crate::flags::Ended;
use crate::report::fields::result;
use crate::report::read::iso;
use crate::report::summary::{Migration, Recorded};
use crate::trace::Begin;

/// All of what is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// The domain's name or UUID.
    pub domain: Option<String>,
    /// Recorded then or later, in UTC.
    pub since: Option<SystemTime>,
    /// Recorded earlier, in UTC.
    pub until: Option<SystemTime>,
    /// A part of the destination's URI.
    pub destination: Option<String>,
    /// How it ended.
    pub result: Option<Ended>,
}

impl Filter {
    /// Whether a migration recorded then is wanted; one of an unknown time is, unless a time is asked for.
    #[must_use]
    pub fn wants_time(&self, recorded: Option<&Recorded>) -> bool {
        if self.since.is_none() && self.until.is_none() {
            return true;
        }
        // Times as text sort as times do. One that has no text is before or after all.
        let text = |time: Option<SystemTime>| time.and_then(iso);
        recorded.is_some_and(|recorded| {
            text(self.since).is_none_or(|since| recorded.at >= since)
                && text(self.until).is_none_or(|until| recorded.at < until)
        })
    }

    /// Whether a migration that begins so is wanted, its end left open.
    #[must_use]
    pub fn wants_begin(&self, begin: &Begin) -> bool {
        let is_domain = |wanted: &String| *wanted == begin.domain || *wanted == begin.uuid;
        let goes_there = |wanted: &String| {
            let destination = begin.destination.as_ref();
            destination.is_some_and(|uri| uri.contains(wanted))
        };
        self.domain.as_ref().is_none_or(is_domain)
            && self.destination.as_ref().is_none_or(goes_there)
    }

    /// Whether a migration that ended so is wanted.
    #[must_use]
    pub fn wants_end(&self, migration: &Migration) -> bool {
        self.result
            .is_none_or(|wanted| wanted.as_str() == result(migration))
    }
}
