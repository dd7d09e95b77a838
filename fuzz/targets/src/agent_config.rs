//! The agent's configuration, `agent.toml`.
//!
//! * A mistake is one printable line about a line of the file.
//! * What was read is within the documented bounds; the policy is one that a domain may hold; what is said of it is
//!   printable.

use libvirt_hpc_plugin::agent::process::config::{Config, ConfigError};

use crate::scratch;
use crate::text::{assert_line_of, assert_one_line, assert_printable};

/// Reads `data` as the file.
pub fn run(data: &[u8]) {
    match Config::read(Some(&scratch::file("agent.toml", data))) {
        Ok(config) => check(&config),
        Err(ConfigError::Invalid { line, reason, .. }) => {
            // A mistake may be that the file ends.
            assert_line_of(&[data, b"\n"].concat(), line as u64);
            assert_one_line("a mistake", &reason);
        }
        Err(ConfigError::Read { .. }) => {
            assert!(std::str::from_utf8(data).is_err(), "it is not too long");
        }
    }
}

fn check(config: &Config) {
    assert_eq!(config.policy.check(), Ok(()));
    assert!(!config.uri.is_empty());
    assert_one_line("the configuration in one line", &config.describe());
    assert_printable("the configuration", &config.to_string());
    if let Some(traces) = &config.traces {
        assert!(traces.directory.is_absolute());
        assert!(traces.keep_files > 0 && traces.keep_bytes > 0 && traces.keep_days > 0);
    }
    assert!(
        config
            .metrics
            .as_ref()
            .is_none_or(|path| path.is_absolute())
    );
    for pattern in &config.mark.names {
        // A name that is marked by itself is a pattern for itself, unless it holds one.
        let name = pattern.as_str();
        let is_plain = !name.contains(['*', '?', '[', ']']);
        assert!(!is_plain || config.marks(name), "{name:?}");
        let _ = config.marks("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab");
    }
}
