//! What the agent has done, as metrics for Prometheus: node_exporter's textfile collector reads them from a file.
//!
//! ```text
//!   takeover: a decision, an end --> counters --+
//!   supervisor: a snapshot now and then --------+--> the publisher's thread --> libvirt-hpc.prom
//! ```
//! | where | the question it answers |
//! |---|---|
//! | `counters` | what is counted, of all migrations since the agent began? |
//! | `decision` | what is a decision called? |
//! | `gauges` | how is each migration that runs now? |
//! | `publisher` | when is the file written? |
//! | `file` | how is it replaced, so that nobody reads half of it? |
//!
//! The format is Prometheus' text format 0.0.4, for that is what node_exporter reads. Counting takes no lock that is
//! held over a write, and whoever hands over a snapshot never waits for the disk.

mod counters;
mod decision;
mod family;
mod file;
mod gauges;
mod publisher;
mod snapshot;

pub(crate) use counters::{CountedMigration, Counters};
pub(crate) use publisher::Publisher;
pub(crate) use snapshot::Snapshot;

#[cfg(test)]
pub(crate) mod tests;
