//! The command line of `libvirt-hpcd`.

use std::path::{Path, PathBuf};

use clap::Parser;

use super::config::{Config, ConfigError};
use crate::migration::site;

/// The agent of libvirt-hpc: takes migrations of HPC domains that leave this host under control, whoever
/// began them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Parser)]
#[command(name = "libvirt-hpcd", version)]
pub struct Args {
    /// Read the configuration from FILE, which must exist [default: /etc/libvirt-hpc/agent.toml, if it is
    /// there]
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Connect to libvirt at URI, whatever the configuration says
    #[arg(long, value_name = "URI", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    pub connect: Option<String>,
    /// Only observe: record what would be done and change nothing, whatever the configuration says
    #[arg(long)]
    pub observe: bool,
    /// Log to stderr, not to the system's log
    #[arg(long)]
    pub stderr: bool,
    /// Say what the configuration means, or what is wrong with it, and exit with 0 or 1
    #[arg(long)]
    pub check: bool,
}

impl Args {
    /// The configuration as it stands now: the file's, and what the command line says instead. For the
    /// start and for SIGHUP.
    ///
    /// # Errors
    /// As [`Config::read`].
    pub fn configuration(&self) -> Result<Config, ConfigError> {
        let site = site::read(Path::new(site::FILE));
        let mut config = Config::read(self.config.as_deref())?.under(site);
        if let Some(uri) = &self.connect {
            config.uri.clone_from(uri);
        }
        config.observe |= self.observe;
        Ok(config)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use clap::CommandFactory;

    use super::*;
    use crate::agent::process::config;

    fn args(line: &str) -> Result<Args, clap::Error> {
        Args::try_parse_from(line.split_whitespace())
    }

    #[test]
    fn the_command_line_is_read() {
        Args::command().debug_assert();
        assert_eq!(args("libvirt-hpcd").expect("valid"), Args::default());
        let all = args("libvirt-hpcd --config=/a --connect test:///d --observe --stderr --check");
        let expected = Args {
            config: Some(PathBuf::from("/a")),
            connect: Some("test:///d".to_owned()),
            observe: true,
            stderr: true,
            check: true,
        };
        assert_eq!(all.expect("valid"), expected);
        for line in [
            "libvirt-hpcd --connect=",
            "libvirt-hpcd x",
            "libvirt-hpcd --observ",
        ] {
            args(line).expect_err(line);
        }
    }

    #[test]
    fn the_help_names_the_default_file() {
        let help = Args::command().render_long_help().to_string();
        let words: Vec<_> = help.split_whitespace().collect();
        assert!(
            words
                .join(" ")
                .contains(&format!("[default: {}", config::FILE)),
            "{help}"
        );
    }

    #[test]
    fn the_command_line_outranks_the_file_as_often_as_it_is_read() {
        let folder = tempfile::tempdir().expect("folder");
        let file = folder.path().join("agent.toml");
        let path = file.display();
        let plain = args(&format!("libvirt-hpcd --config {path}")).expect("valid");
        let strict = args(&format!(
            "libvirt-hpcd --config {path} --observe --connect x:///y"
        ))
        .expect("valid");
        plain
            .configuration()
            .expect_err("an explicit file must exist");
        for (text, observe) in [("observe = true", true), ("observe = false", false)] {
            fs::write(&file, text).expect("written");
            let config = plain.configuration().expect("valid");
            assert_eq!(
                (config.observe, config.uri.as_str()),
                (observe, config::URI)
            );
            let config = strict.configuration().expect("valid");
            assert_eq!((config.observe, config.uri.as_str()), (true, "x:///y"));
        }
    }
}
