//! The completions: those of `virsh-hpc` ask the program and are kept as files, those of `libvirt-hpcd`
//! hold its few options.

use anyhow::Context;
use clap::CommandFactory;
use clap_complete::{Shell, generate};
use libvirt_hpc_plugin::agent::process::args::Args;

use crate::Page;

/// Kept as files.
const VIRSH_HPC: [(&str, &str); 3] = [
    (
        "bash/virsh-hpc",
        include_str!("../../completions/virsh-hpc.bash"),
    ),
    (
        "zsh/_virsh-hpc",
        include_str!("../../completions/_virsh-hpc"),
    ),
    (
        "fish/virsh-hpc.fish",
        include_str!("../../completions/virsh-hpc.fish"),
    ),
];

const LIBVIRT_HPCD: [(&str, Shell); 3] = [
    ("bash/libvirt-hpcd", Shell::Bash),
    ("zsh/_libvirt-hpcd", Shell::Zsh),
    ("fish/libvirt-hpcd.fish", Shell::Fish),
];

/// Every script.
///
/// # Errors
/// clap's, should it write something that is not text.
pub(crate) fn scripts() -> anyhow::Result<Vec<Page>> {
    let kept = VIRSH_HPC.map(|(path, text)| Page {
        path,
        text: text.to_owned(),
    });
    let mut pages = Vec::from(kept);
    for (path, shell) in LIBVIRT_HPCD {
        let mut script = Vec::new();
        generate(shell, &mut Args::command(), "libvirt-hpcd", &mut script);
        let text = String::from_utf8(script).with_context(|| format!("{path} is not text"))?;
        pages.push(Page { path, text });
    }
    Ok(pages)
}
