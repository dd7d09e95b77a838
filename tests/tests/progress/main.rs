//! Percentage and remaining time of all recorded runs, and of runs of the plant: they never run backwards, and the interval
//! holds the true end.
//!
//! ```text
//! cargo test -p libvirt-hpc-tests --test progress -- --nocapture      prints the tables
//! ```
#![expect(clippy::expect_used, reason = "a test ends at what it does not expect")]

mod recorded;
mod simulated;
mod watched;
