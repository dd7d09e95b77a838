//! Some of a peer's cases, one or more of each family: virsh-hpc does the same as virsh. `make virsh-cases` runs all.

use anyhow::{Result, ensure};
use libvirt_hpc_tests::peer::{Compared, Stand, families};

#[test]
#[ignore = "two minutes: make thorough, or all cases: make virsh-cases"]
fn virsh_hpc_does_as_virsh_with_a_peers_cases() -> Result<()> {
    let stand = Stand::up()?;
    let mut wrong = Vec::new();
    for case in families()?.iter().flat_map(|family| &family.case) {
        if !case.check {
            continue;
        }
        let both = Compared::run(&stand, case)?;
        let verdict = both.verdict(case);
        println!("{}: {verdict:?}", case.name);
        if !verdict.is_fine() {
            wrong.push(format!(
                "{}\nvirsh {:#?}\nvirsh-hpc {:#?}",
                case.name, both.virsh, both.hpc
            ));
        }
    }
    ensure!(wrong.is_empty(), "{}", wrong.join("\n"));
    Ok(())
}
