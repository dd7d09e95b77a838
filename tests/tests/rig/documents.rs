//! README.md and docs are true: their commands are run as they stand, their configuration is read by the programs, and
//! the messages they explain are printed.

mod blocks;
mod configuration;
mod messages;
mod polkit;
mod table;
mod walk;

use std::collections::BTreeSet;

use anyhow::{Result, ensure};

use blocks::{blocks_of, commands};
use table::NOT_RUN;
use walk::Walk;

#[test]
fn every_command_is_run() -> Result<()> {
    let walk = Walk::begin()?;
    let mut left_out = BTreeSet::new();
    for block in blocks_of("sh")? {
        for command in commands(&block)? {
            let left = NOT_RUN
                .iter()
                .find(|(begin, _)| command.text.starts_with(begin));
            if let Some((begin, why)) = left {
                println!("{}: {begin}: not run: {why}", command.place);
                left_out.insert(*begin);
                continue;
            }
            let repairs = command.text.starts_with("chmod -x ");
            if repairs {
                walk.break_the_hook()?;
            }
            walk.follow(&command)?;
            if repairs {
                walk.guests_start()?;
            }
            if command.text.starts_with("ln -s /usr/bin/virsh-hpc") {
                walk.callers_get_virsh_hpc()?;
            }
        }
    }
    let stale: Vec<_> = NOT_RUN
        .iter()
        .filter(|(begin, _)| !left_out.contains(begin))
        .collect();
    ensure!(stale.is_empty(), "in no document any more: {stale:?}");
    Ok(())
}
