//! The plan, the resumption, the statistics and the report, from made-up runs.

mod estimating;
mod fixture;
mod judging;
mod planning;
mod resuming;
