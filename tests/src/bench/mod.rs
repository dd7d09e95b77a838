//! The benchmark: guests on the real test bed, moved under every law, and the report of it.
//!
//! ```text
//! guests x links x laws -> plan -> runs on the test bed -> results.jsonl, results.csv -> the report
//!                            ^                              |
//!                            +------- existing results ------+
//! ```
//!
//! The file of results is the whole state: it may be gathered over days and machines.

mod block;
mod budget;
mod compare;
mod csv_export;
mod digest;
pub mod estimate;
mod forced;
mod guests;
mod laws;
pub(crate) mod machine;
mod plan;
mod progress;
mod record;
pub mod report;
mod run;
mod sets;
mod slowdown;
pub(crate) mod stats;
mod store;
mod summary;
#[cfg(test)]
mod tests;
mod verdict;
mod work;

pub use sets::Set;
pub use store::Store;
pub use work::Bench;
