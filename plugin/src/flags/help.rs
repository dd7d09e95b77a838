//! The help on what virsh-hpc adds; virsh prints its own.

use std::fmt::Write;

use super::hpc::commands;
use super::migrate::option::Means;
use super::migrate::table::MIGRATE_OPTIONS;
use crate::laws;

/// What is asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Topic {
    /// All that virsh-hpc adds.
    Everything,
    /// The options `--hpc-*` of `migrate`.
    Migrate,
}

const INTRODUCTION: &str = "\
virsh-hpc is virsh with one addition: it controls live migrations of domains
that are marked as HPC, so that they end soon, with a pause that is weighed
against the time of pre-copy. All else goes to the real virsh as it was typed.
";

const LAWS: &str = "\
LAWS (virsh-hpc)
    NAME@FACTOR is the law with all its times multiplied by FACTOR.
";

const ENVIRONMENT: &str = "\
ENVIRONMENT (virsh-hpc)
    VIRSH_HPC_VIRSH  the real virsh, if it is not the first on PATH
";

const CONTROL: &str = "
    Any of these but --hpc-off asks for control of this migration even if the
    domain is not marked; they outrank the domain's own policy. They are
    understood where migrate is the only command of the line.
";

/// The text on a topic.
#[must_use]
pub fn text(topic: Topic) -> String {
    match topic {
        Topic::Migrate => migrate_options(),
        Topic::Everything => {
            let (options, commands, laws) = (migrate_options(), commands::long_help(), laws());
            format!(
                "{INTRODUCTION}\n{options}\nCOMMANDS (virsh-hpc)\n\n{commands}\n{laws}\n{ENVIRONMENT}"
            )
        }
    }
}

fn laws() -> String {
    let mut text = String::from(LAWS);
    for (usage, about) in laws::descriptions() {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "    {usage}\n        {about}");
    }
    text
}

fn migrate_options() -> String {
    let mut text = String::from("OPTIONS of migrate (virsh-hpc)\n");
    for opt in MIGRATE_OPTIONS {
        let Means::Hpc(option) = opt.means else {
            continue;
        };
        let value = opt
            .value_name()
            .map(|name| format!(" <{name}>"))
            .unwrap_or_default();
        // Writing to a String cannot fail.
        let _ = writeln!(text, "    --{}{value}  {}", opt.name, option.help());
    }
    text + CONTROL
}
