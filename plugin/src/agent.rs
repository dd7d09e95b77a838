//! `libvirt-hpcd`, the source-side agent: takes over migrations of marked domains that any other client began.
//!
//! ```text
//!   libvirt's events, a poll ------> domains --+
//!   the hook's datagrams ----------------------+--> main loop --> one thread for each migration: takeover
//!   hpc-status, -release, -adopt --> api ------+    supervisor
//!   signals -----------------------> process --+             both --> metrics: a file for node_exporter
//! ```
//! | question | wing |
//! |---|---|
//! | How does the process run: options, `agent.toml`, log, signals, sockets, service manager? | [`process`] |
//! | What do users ask of it, and what is answered? | [`api`] |
//! | Which domains are on this host, and which of them are marked? | `domains` |
//! | What has been done, for Prometheus? | `metrics` |
//! | Whose migration is it, from when, and how is it steered? | `takeover` |
//!
//! A wing uses those above it in this table, never one below.

pub mod api;
mod domains;
mod main_loop;
mod message;
mod metrics;
pub mod process;
mod supervisor;
mod takeover;

pub use main_loop::main;
