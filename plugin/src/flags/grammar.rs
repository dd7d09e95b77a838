//! Which way a single command goes.

use super::defs::{Grammar, Virsh};
use super::error::UsageError;
use super::help::Topic;
use super::lowargs::{self, LowArgs, Sorted};
use super::words::{Line, Word};
use super::{Globals, HpcOptions, Invocation, Migrate, MigrateRequest, own};

/// Said where an option of ours asks for control that plain virsh will not give.
const PLAIN: &str = "plain virsh runs this command, without the control that --hpc options ask for";

/// One `migrate`.
pub(super) fn migrate(
    globals: Globals,
    line: &Line<'_>,
    command: &[Word],
    virsh: Virsh,
    grammar: Grammar,
) -> Result<Invocation, UsageError> {
    let Sorted {
        ours,
        our_words,
        virsh_words,
    } = lowargs::sort(&command[1..])?;
    let hpc = HpcOptions::from_given(&ours)?;
    let virsh_args = line.without(&our_words);
    let low = LowArgs::parse(&virsh_words, virsh, grammar);
    if low.as_ref().is_ok_and(|low| low.help) {
        return Ok(Invocation::Help {
            virsh_args,
            topic: Topic::Migrate,
        });
    }
    let request = low.and_then(|low| MigrateRequest::from_low(&low, virsh));
    Ok(match request {
        Ok(request) if !hpc.off && !globals.readonly && request.has_precopy() => {
            Invocation::Migrate(Box::new(Migrate {
                globals,
                request,
                hpc,
                virsh_args,
            }))
        }
        _ => Invocation::Forward {
            virsh_args,
            note: hpc.asks_for_control().then_some(PLAIN),
        },
    })
}

/// One `help`: of everything, of `migrate`, of a command of ours, or virsh's business.
pub(super) fn help(line: &Line<'_>, command: &[Word]) -> Invocation {
    let virsh_args = line.without(&[]);
    let topic = match command {
        [_] => Topic::Everything,
        [_, name] if name.text == b"migrate" => Topic::Migrate,
        [_, name] if own::is_name(&name.text) || name.text == b"hpc" => {
            let words = vec!["hpc-help".into()];
            return Invocation::Own {
                globals: Globals::default(),
                words,
            };
        }
        _ => {
            return Invocation::Forward {
                virsh_args,
                note: None,
            };
        }
    };
    Invocation::Help { virsh_args, topic }
}
