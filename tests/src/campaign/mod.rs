//! The fault campaign: migrations on the test bed, one or two faults in each, and what must hold after it.
//!
//! ```text
//! seed, number -> plan -> run on the test bed -> what was found -> what must hold -> campaign.jsonl, campaign.md
//! ```
//!
//! The file of results is the whole state: a campaign that is begun again makes the runs that are missing.

mod ask;
mod check;
mod draw;
mod field;
mod found;
mod plan;
mod run;
mod store;
mod strike;
#[cfg(test)]
mod tests;
mod work;

pub use work::Campaign;
