//! Options and commands as roff, from the tables that the programs read their command lines by.

use anyhow::Context;
use clap::{Arg, ArgAction, Command, CommandFactory};
use clap_mangen::Man;
use libvirt_hpc_plugin::agent::process::args::Args;
use libvirt_hpc_plugin::flags::{MIGRATE_OPTIONS, Opt, hpc_commands};

/// What clap_mangen writes in front of the options; the template has the heading.
const HEADING: &str = ".SH OPTIONS\n";

/// The options of `libvirt-hpcd`.
///
/// # Errors
/// As [`options`].
pub(crate) fn of_the_agent() -> anyhow::Result<String> {
    options(Args::command())
}

/// The options of ours on `migrate`.
///
/// # Errors
/// As [`options`].
pub(crate) fn of_migrate() -> anyhow::Result<String> {
    let ours = MIGRATE_OPTIONS.iter().filter(|opt| opt.is_hpc());
    let command = Command::new("migrate").disable_help_flag(true);
    options(command.args(ours.map(argument)))
}

/// The commands of ours, each with a heading and its options.
///
/// # Errors
/// As [`options`].
pub(crate) fn of_commands() -> anyhow::Result<String> {
    let mut text = String::new();
    for mut command in hpc_commands::commands() {
        let usage = command.render_usage().to_string();
        let usage = usage.trim_start_matches("Usage: ");
        let about = command.get_about().map(ToString::to_string);
        let about = about.unwrap_or_default();
        text += &format!(".SS {}\n{}.\n", escaped(usage), escaped(&about));
        // Every command has this one: the page says so once.
        let is_help = |arg: &Arg| arg.get_id() == "help";
        text += &options(command.mut_args(|arg| {
            let hidden = is_help(&arg);
            arg.hide(hidden)
        }))?;
    }
    Ok(text)
}

fn argument(opt: &Opt) -> Arg {
    let arg = Arg::new(opt.name)
        .long(opt.name)
        .help(opt.help().unwrap_or_default());
    match opt.value_name() {
        Some(name) => arg.value_name(name).action(ArgAction::Set),
        None => arg.action(ArgAction::SetTrue),
    }
}

/// The list of `command`'s options, without a heading.
///
/// # Errors
/// What clap_mangen writes has another form.
fn options(command: Command) -> anyhow::Result<String> {
    let name = command.get_name().to_owned();
    let mut roff = Vec::new();
    Man::new(command).render_options_section(&mut roff)?;
    let roff = String::from_utf8(roff)?;
    let (_, list) = roff
        .split_once(HEADING)
        .with_context(|| format!("the options of {name} have no heading"))?;
    // The macro for an apostrophe would have to be defined in each page; groff and mandoc know this one.
    Ok(list.replace("\\*(Aq", "\\(aq"))
}

/// Text in the middle of a line of roff, where a dash is typed as one.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\e")
        .replace('-', "\\-")
        .replace('\'', "\\(aq")
}
