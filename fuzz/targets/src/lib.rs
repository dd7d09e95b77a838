//! What is fuzzed: each target takes any bytes, gives them to a reader of the product as its users' input arrives there, and
//! panics if a property does not hold. [docs/fuzzing.md](../../../docs/fuzzing.md) lists the properties.
//!
//! `fuzz/fuzz_targets` has a libFuzzer program for each, and `tests/corpus.rs` gives each the committed inputs and changes of
//! them, without a fuzzer.
#![forbid(unsafe_code)]

pub mod agent_config;
pub mod agent_protocol;
pub mod command_line;
pub mod hook;
pub mod job_statistics;
pub mod lease;
pub mod policy;
mod scratch;
mod text;
pub mod trace;
pub mod typed_parameters;

/// A target: its name, as of its folder in `fuzz/corpus`, and what it does with an input.
pub type Target = (&'static str, fn(&[u8]));

/// All of them.
pub const TARGETS: [Target; 9] = [
    ("agent_config", agent_config::run),
    ("agent_protocol", agent_protocol::run),
    ("command_line", command_line::run),
    ("hook", hook::run),
    ("job_statistics", job_statistics::run),
    ("lease", lease::run),
    ("policy", policy::run),
    ("trace", trace::run),
    ("typed_parameters", typed_parameters::run),
];
