//! Other stacks' programs that migrate guests and know nothing of libvirt-hpc: each with the agent on the source,
//! compared with virsh-hpc in the same run. Their behaviour is in `tests/rig/clients`.

mod managers;
mod nova;
mod pacemaker;

use std::path::Path;

use anyhow::{Context, Result, ensure};
use libvirt_hpc_tests::rig::Move;
use serde::de::DeserializeOwned;

use crate::control::stage::{GUEST, Stage};
use crate::seconds;

/// Such a program takes no longer than this many times what virsh-hpc takes.
const WITHIN: f64 = 1.2;

/// The agent of a site whose manager changes limits by a timer.
const INSIST: &str = "insist = true\n";

/// Puts a program of `tests/rig/clients` into both hosts.
fn install(stage: &Stage, program: &str) -> Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("rig/clients");
    stage.rig.install(&folder.join(program))
}

/// One move by virsh-hpc, in seconds. Without XBZRLE, which the others have not started with: the control is compared.
fn virsh_hpc(stage: &mut Stage) -> Result<f64> {
    let destination = stage.destination();
    let command = ["virsh-hpc", "migrate", "--live", GUEST, &destination];
    let command = [&command[..], &["--hpc-compression", "no"]].concat();
    let moved = stage.by(stage.here(), &command, |_| Ok(()))?;
    stage.arrived("virsh-hpc", &moved)?;
    Ok(seconds(moved.total))
}

/// Moves the guest twice by `client`, between two moves by virsh-hpc, and compares the quicker of each two: other load
/// on the machine only adds.
fn as_quick_as_virsh_hpc(
    stage: &mut Stage,
    who: &str,
    client: impl Fn(&mut Stage) -> Result<f64>,
) -> Result<()> {
    let mut least = [f64::INFINITY; 2];
    for is_hpc in [true, false, false, true] {
        let took = if is_hpc {
            virsh_hpc(stage)?
        } else {
            client(stage)?
        };
        let least = &mut least[usize::from(is_hpc)];
        *least = least.min(took);
    }
    let [client, hpc] = least;
    let ratio = client / hpc;
    println!("{who}: {client:.2} s, virsh-hpc {hpc:.2} s, {ratio:.2}x");
    ensure!(ratio <= WITHIN, "{who} takes {ratio:.2} times as long");
    Ok(())
}

/// The last line that one of libvirt-hpc's programs has printed.
fn last_line<T: DeserializeOwned>(moved: &Move) -> Result<T> {
    let out = String::from_utf8_lossy(&moved.output.stdout);
    let line = out.lines().last().unwrap_or_default();
    serde_json::from_str(line).with_context(|| format!("{out}\n{}", moved.stderr()))
}
