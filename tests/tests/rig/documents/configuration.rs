//! Every block of configuration is valid for the programs that read it.

use std::path::Path;
use std::process::{Command, Output};
use std::{env, fs};

use anyhow::{Context, Result, ensure};

use super::blocks::{Block, blocks_of, project};

/// Refuses a block that `check`, given it as a file, does not take.
fn validate(block: &Block, check: impl Fn(&Path) -> Result<Output>) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("block");
    let text = match block.language.as_str() {
        // The site's policy is the element alone.
        "xml" if block.text.starts_with("<metadata>") => format!("<domain>{}</domain>", block.text),
        _ => block.text.clone(),
    };
    fs::write(&file, text)?;
    let output = check(&file)?;
    let said = String::from_utf8_lossy(&output.stderr);
    let place = format!("{}:{}", block.document, block.line);
    ensure!(output.status.success(), "{place}: {said}");
    Ok(())
}

/// `agent.toml`, by the agent.
fn by_the_agent(file: &Path) -> Result<Output> {
    // Built beside the test's own folder.
    let own = env::current_exe()?;
    let mut programs = own
        .ancestors()
        .skip(1)
        .map(|folder| folder.join("libvirt-hpcd"));
    let agent = programs.find(|program| program.is_file());
    let mut agent = Command::new(agent.context("libvirt-hpcd is not built")?);
    agent.arg("--check").arg("--config").arg(file);
    agent.output().context("starting libvirt-hpcd")
}

/// Blocks of a domain's XML, by the schema, which accepts what the programs accept.
fn by_the_schema(file: &Path) -> Result<Output> {
    let schema = project().join("xml-schemas/policy.rng");
    let mut xmllint = Command::new("xmllint");
    xmllint.args(["--noout", "--relaxng"]).arg(schema).arg(file);
    xmllint.output().context("starting xmllint")
}

#[test]
fn every_configuration_is_valid() -> Result<()> {
    let toml = blocks_of("toml")?;
    ensure!(!toml.is_empty(), "no toml in the documents");
    for block in &toml {
        validate(block, by_the_agent)?;
    }
    let xml = blocks_of("xml")?;
    ensure!(!xml.is_empty(), "no xml in the documents");
    for block in &xml {
        // Of a domain's other elements the schema says nothing.
        ensure!(
            block.text.contains("urn:libvirt-hpc:domain:1.0"),
            "{block:?}"
        );
        validate(block, by_the_schema)?;
    }
    Ok(())
}

#[test]
fn a_wrong_configuration_is_noticed() -> Result<()> {
    let block = |language: &str, text: &str| Block {
        document: "d.md".to_owned(),
        line: 1,
        language: language.to_owned(),
        text: text.to_owned(),
    };
    let wrong = block("toml", "[policy]\ndowntime_max = 5\n");
    ensure!(validate(&wrong, by_the_agent).is_err());
    let metadata =
        "<metadata><m:migration xmlns:m='urn:libvirt-hpc:domain:1.0'><m:downtime max='0'/>";
    let wrong = block("xml", &format!("{metadata}</m:migration></metadata>"));
    ensure!(validate(&wrong, by_the_schema).is_err());
    Ok(())
}
