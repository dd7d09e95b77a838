//! `libvirt-hpc-pages`: writes the man pages and the completions that a package installs.
//!
//! What they say of options and commands comes from the tables that the programs read their command lines
//! by; the rest is in `packaging/man` and `packaging/completions`. The same sources give the same bytes.
#![forbid(unsafe_code)]

mod completions;
mod man;
mod table;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Parser;

/// Writes the man pages and the completions of libvirt-hpc.
#[derive(Debug, Parser)]
#[command(name = "libvirt-hpc-pages", version)]
struct Args {
    /// Write the man pages to DIR/man1, DIR/man7 and DIR/man8, with the date of SOURCE_DATE_EPOCH if it is set
    #[arg(long, value_name = "DIR", required_unless_present = "completions")]
    man: Option<PathBuf>,
    /// Write the completions to DIR/bash, DIR/zsh and DIR/fish
    #[arg(long, value_name = "DIR")]
    completions: Option<PathBuf>,
}

/// A file to be written.
struct Page {
    /// Where, below the folder asked for.
    path: &'static str,
    text: String,
}

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    if let Some(folder) = &args.man {
        write(folder, man::pages()?)?;
    }
    if let Some(folder) = &args.completions {
        write(folder, completions::scripts()?)?;
    }
    Ok(())
}

fn write(folder: &Path, pages: Vec<Page>) -> anyhow::Result<()> {
    for page in pages {
        let path = folder.join(page.path);
        let parent = path.parent().unwrap_or(folder);
        fs::create_dir_all(parent)
            .with_context(|| format!("cannot make the folder {}", parent.display()))?;
        fs::write(&path, page.text).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}
