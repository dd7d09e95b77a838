//! Commands around a migration: their host, and the stage of the migration at which they run.

use std::fmt;
use std::str::FromStr;

use serde::de::Error;
use serde::{Deserialize, Deserializer};

use crate::rig::HOSTS;

/// `HOST[@STAGE]: COMMAND`, a shell command on a host once the migration has come to a stage; or `rig: VERB …`, one
/// of the rig's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// None: the rig.
    pub(super) host: Option<&'static str>,
    /// None: at once.
    pub(super) stage: Option<String>,
    pub(super) command: String,
}

/// The rig itself.
const RIG: &str = "rig";

impl<'de> Deserialize<'de> for Step {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(D::Error::custom)
    }
}

impl FromStr for Step {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("'{text}' is not 'HOST[@STAGE]: COMMAND'");
        let (place, command) = text.split_once(": ").ok_or_else(wrong)?;
        let (host, stage) = match place.split_once('@') {
            Some((host, stage)) => (host, Some(stage)),
            None => (place, None),
        };
        let known = HOSTS.into_iter().find(|known| *known == host);
        if known.is_none() && host != RIG || stage.is_some_and(|s| condition(s).is_none()) {
            return Err(wrong());
        }
        Ok(Self {
            host: known,
            stage: stage.map(str::to_owned),
            command: command.to_owned(),
        })
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.host.unwrap_or(RIG))?;
        if let Some(stage) = &self.stage {
            write!(f, "@{stage}")?;
        }
        write!(f, ": {}", self.command)
    }
}

/// The shell condition that holds on the source from a stage on.
///
/// Stages are recognised by libvirt's output, so that virsh and virsh-hpc are met at the same one.
fn condition(stage: &str) -> Option<String> {
    let job = "virsh -q domjobinfo g";
    let iteration = |least: &str| format!("{job} | grep -q 'Iteration: *{least}'");
    Some(match stage {
        // Memory flows.
        "copying" => iteration("[1-9]"),
        "second" => iteration("\\([2-9]\\|[1-9][0-9]\\)"),
        "storage" => format!("{job} | grep -q 'File processed: *[1-9]'"),
        // Some job: from the first moment on.
        "begun" => format!("{job} | grep -q 'Job type: *[BU]'"),
        "paused" => "virsh -q domstate g | grep -q paused".to_owned(),
        "postcopy" => "virsh -q domstate --reason g | grep -q post-copy".to_owned(),
        "failed" => "virsh -q domstate --reason g | grep -q 'post-copy failed'".to_owned(),
        _ => return None,
    })
}

/// How long a stage is waited for.
const PATIENCE_S: u32 = 60;

/// A command that waits for a stage on the host of the source; its status tells whether that came.
pub(super) fn wait_for(stage: &str) -> String {
    let condition = condition(stage).unwrap_or_else(|| "true".to_owned());
    format!(
        "timeout {PATIENCE_S} sh -c \"until {{ {condition}; }} 2>/dev/null; do sleep 0.05; done\""
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_names_its_host_and_perhaps_a_stage() {
        let step = |text: &str| text.parse::<Step>();
        let parsed = step("beta@copying: virsh list: all").expect("a step");
        assert_eq!(parsed.host, Some("beta"));
        assert_eq!(parsed.stage.as_deref(), Some("copying"));
        assert_eq!(parsed.command, "virsh list: all");
        assert_eq!(step("rig: link cut").expect("a step").host, None);
        for wrong in ["gamma: ls", "alpha@nowhere: ls", "ls"] {
            assert!(step(wrong).is_err(), "{wrong}");
        }
    }
}
