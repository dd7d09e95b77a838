//! The adapter's own tests that need two hosts, run where two hosts are.

use std::path::PathBuf;
use std::time::SystemTime;

use anyhow::{Context, Result, ensure};
use libvirt_hpc_tests::rig::{DESTINATION, HOSTS, Rig};

/// The newest `two_hosts` test program beside this one: `cargo test` names it by a hash.
fn test_program() -> Result<PathBuf> {
    let own = std::env::current_exe()?;
    let folder = own.parent().context("a test program lies in a folder")?;
    let mut found: Vec<(SystemTime, PathBuf)> = Vec::new();
    for entry in folder.read_dir()? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with("two_hosts-") && !name.contains('.') {
            found.push((entry.metadata()?.modified()?, entry.path()));
        }
    }
    let (_, newest) = found
        .into_iter()
        .max()
        .context("no two_hosts test program: run 'make rig-test'")?;
    Ok(newest)
}

#[test]
fn the_adapter_meets_two_hosts() -> Result<()> {
    let rig = Rig::up(&["--rate", "200mbit"])?;
    let folder = tempfile::tempdir()?;
    let program = folder.path().join("two_hosts");
    std::fs::copy(test_program()?, &program)?;
    rig.install(&program)?;
    rig.guest(
        "adapter",
        &[
            "--memory",
            "256",
            "--fill",
            "80",
            "--workload",
            "rate:64@40",
        ],
    )?;
    let guest = "LIBVIRT_HPC_TEST_GUEST=adapter";
    let destination = format!("LIBVIRT_HPC_TEST_DESTINATION={DESTINATION}");
    let command = [
        "env",
        guest,
        &destination,
        "two_hosts",
        "--ignored",
        "--test-threads=1",
    ];
    let output = rig.run(HOSTS[0], &command)?;
    println!("{}", String::from_utf8_lossy(&output.stdout));
    ensure!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    rig.whole("adapter")
}
