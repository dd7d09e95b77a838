//! The package of `make deb`, and a later version of it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use libvirt_hpc_tests::rig::Rig;

use super::agent::shell;

/// Where the packages are in both hosts: in memory, so that they are in no listing.
const FOLDER: &str = "/run/rig-package";

/// The package that is built.
pub(super) fn built() -> Result<PathBuf> {
    let name = file_name(1);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/package");
    let path = path.join(name);
    ensure!(path.is_file(), "no {}: run 'make deb'", path.display());
    Ok(path)
}

/// The same with a higher version and another default configuration, made in `folder`.
pub(super) fn later(folder: &Path) -> Result<PathBuf> {
    let (tree, package) = (folder.join("tree"), folder.join(file_name(2)));
    dpkg_deb(&["-R".as_ref(), &built()?, &tree])?;
    let control = tree.join("DEBIAN/control");
    let text = fs::read_to_string(&control).context("reading the package's control file")?;
    let versions = [1, 2].map(|revision| format!("Version: {}\n", version(revision)));
    ensure!(text.contains(&versions[0]), "another version: {text}");
    fs::write(&control, text.replace(&versions[0], &versions[1]))?;
    let configuration = tree.join("etc/libvirt-hpc/agent.toml");
    let text = fs::read_to_string(&configuration)?;
    fs::write(&configuration, format!("{text}\n# Of a later version.\n"))?;
    dpkg_deb(&["-b".as_ref(), &tree, &package])?;
    Ok(package)
}

/// Where a package of that name is in the hosts.
pub(super) fn in_host(revision: u8) -> String {
    format!("{FOLDER}/{}", file_name(revision))
}

/// The folder itself.
pub(super) fn folder() -> &'static str {
    FOLDER
}

/// The package's version as dpkg writes it.
pub(super) fn version(revision: u8) -> String {
    format!("{}-{revision}", env!("CARGO_PKG_VERSION"))
}

fn file_name(revision: u8) -> String {
    format!("libvirt-hpc_{}_amd64.deb", version(revision))
}

fn dpkg_deb(arguments: &[&Path]) -> Result<()> {
    let mut command = Command::new("dpkg-deb");
    let output = command.args(arguments).output();
    let output = output.context("starting dpkg-deb")?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{command:?}: {said}");
    Ok(())
}

/// dpkg's message about a folder in which a site has a hook of its own.
const KEPT: &str = "directory '/etc/libvirt/hooks/qemu.d' not empty so not removed";

/// apt-get as an administrator's script calls it: nobody is asked, a changed configuration stays. It has to
/// do its work without a complaint.
pub(super) fn apt(rig: &Rig, host: &str, what: &str) -> Result<()> {
    let begin = rig.now()?;
    let options = "-q -y -o Dpkg::Options::=--force-confold";
    let script = format!("DEBIAN_FRONTEND=noninteractive apt-get {options} {what} 2>&1");
    let said = shell(rig, host, &script)?;
    let took = rig.now()?.saturating_sub(begin);
    println!("{host}: apt-get {what}: {took:.1?}");
    let complains = |line: &&str| {
        let line = line.to_lowercase();
        ["warning", "error", "failed"]
            .iter()
            .any(|word| line.contains(word))
    };
    let mut lines = said.lines().filter(|line| !line.contains(KEPT));
    ensure!(
        !lines.any(|line| complains(&line)),
        "{host}: {what}: {said}"
    );
    Ok(())
}
