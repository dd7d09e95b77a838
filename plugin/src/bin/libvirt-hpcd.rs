//! `libvirt-hpcd`: takes over migrations of marked domains, whoever began them.
#![forbid(unsafe_code)]
#![deny(clippy::print_stdout, clippy::print_stderr)]

use std::process::ExitCode;

use clap::Parser;
use libvirt_hpc_plugin::agent::{self, process::args::Args};

fn main() -> ExitCode {
    agent::main(&Args::parse())
}
