//! virsh's options of `migrate` under our control, with virsh's meaning.

use anyhow::{Context, Result, ensure};
use libvirt_hpc_tests::rig::{DESTINATION, HOSTS, Move, Rig};

use crate::shuttle::Shuttle;

const ALPHA: &str = HOSTS[0];
const BETA: &str = HOSTS[1];

/// A small guest, so that a migration takes a second or two.
const SMALL: [&str; 7] = [
    "--memory",
    "256",
    "--fill",
    "64",
    "--workload",
    "rate:16@20",
    "--marked",
];

/// A small guest that plain pre-copy does not end for.
const SATURATED: [&str; 7] = [
    "--memory",
    "256",
    "--fill",
    "64",
    "--workload",
    "flat:64",
    "--marked",
];

/// The guest of the tests here.
const GUEST: &str = "options";

#[test]
fn transports_and_capabilities_of_virsh_work_under_control() -> Result<()> {
    let rig = Rig::up(&[])?;
    let mut shuttle = Shuttle::start(&rig, GUEST, &SMALL)?;
    for options in [
        // The first leads to beta.
        &["--bandwidth", "80", "--migrateuri", "tcp://10.77.0.2"][..],
        &["--p2p"],
        &["--p2p", "--tunnelled"],
        &["--compressed", "--comp-methods", "xbzrle"],
        &["--auto-converge", "--auto-converge-initial", "10"],
        &["--parallel", "--parallel-connections", "2"],
        &["--abort-on-error", "--unsafe", "--change-protection"],
        &["--postcopy", "--postcopy-after-precopy"],
    ] {
        shuttle.ours(options)?;
    }
    Ok(())
}

#[test]
fn the_timer_suspends_or_goes_over_as_virshs() -> Result<()> {
    let rig = Rig::up(&[])?;
    // A pause that the policy forbids would be waited for; the timer does not wait.
    let never = ["--hpc-max-downtime", "50"];
    let mut shuttle = Shuttle::start(&rig, GUEST, &SATURATED)?;
    for timer in [
        &["--timeout", "3"][..],
        &["--timeout", "3", "--timeout-postcopy", "--postcopy"],
    ] {
        shuttle.ours(&[&never, timer].concat())?;
    }
    Ok(())
}

#[test]
fn persistent_undefine_and_xml_do_what_they_say() -> Result<()> {
    let rig = Rig::up(&[])?;
    let guest = [&SMALL[..], &["--persistent"]].concat();
    rig.guest(GUEST, &guest)?;
    let dump = "virsh dumpxml --migratable options > /tmp/options.xml";
    ensure!(
        rig.run(ALPHA, &["sh", "-c", dump])?.status.success(),
        "no XML"
    );
    let options = [
        "--persistent",
        "--undefinesource",
        "--xml",
        "/tmp/options.xml",
    ];
    let moved = rig.migrate_live("virsh-hpc", GUEST, &options)?;
    ensure!(moved.output.status.success(), "{}", moved.stderr());
    ensure!(!moved.stderr().contains("mark"), "{}", moved.stderr());
    ensure!(
        rig.state(ALPHA, GUEST).is_empty(),
        "still defined on the source"
    );
    let info = rig.run(BETA, &["virsh", "dominfo", "options"])?.stdout;
    let info = String::from_utf8(info)?;
    ensure!(
        info.lines()
            .any(|l| l.starts_with("Persistent:") && l.ends_with("yes")),
        "{info}"
    );
    rig.whole(GUEST)?;
    a_document_takes_the_mark_away(&rig)
}

/// What replaces the domain's definition on the destination replaces its mark: that is said before, and nothing else done.
fn a_document_takes_the_mark_away(rig: &Rig) -> Result<()> {
    let marks = |host, what| -> Result<String> {
        let output = rig.run(host, &["virsh-hpc", "hpc-policy", GUEST, what])?;
        Ok(String::from_utf8(output.stdout)?)
    };
    let lost = |host, what| -> Result<bool> { Ok(marks(host, what)?.contains("not marked")) };
    ensure!(!lost(BETA, "--live")?, "the mark has not come along");
    let dump = "virsh dumpxml --migratable options | sed '/hpc:/d' > /tmp/bare.xml";
    rig.run(BETA, &["sh", "-c", dump])?;
    let home = format!("qemu+tcp://{ALPHA}/system");
    let command = [
        "virsh-hpc",
        "migrate",
        "--live",
        GUEST,
        &home,
        "--persistent",
        "--xml",
        "/tmp/bare.xml",
    ];
    let moved = rig.migrate_from(BETA, GUEST, &command, |_| Ok(()))?;
    println!("{}", moved.stderr().trim());
    ensure!(moved.output.status.success(), "{}", moved.stderr());
    let told = moved.stderr().contains("the document of --xml has no mark");
    ensure!(lost(ALPHA, "--live")? && told, "{}", moved.stderr());
    ensure!(!lost(ALPHA, "--config")?, "the definition was not replaced");
    rig.whole(GUEST)
}

/// A QEMU whose differences have another name has none for libvirt.
#[test]
fn a_host_without_differences_takes_the_guest_all_the_same() -> Result<()> {
    let rig = Rig::up(&[])?;
    let rename = "sed -i s/xbzrle/xbzrlf/g /usr/bin/qemu-system-x86_64";
    rig.run(BETA, &["sh", "-c", rename])?;
    rig.guest(GUEST, &SMALL)?;
    let asked = rig.migrate_live("virsh", GUEST, &["--compressed"])?;
    println!("virsh --compressed: {}", asked.stderr().trim());
    ensure!(
        asked.stderr().contains("xbzrle"),
        "differences are not refused: {asked:?}"
    );
    let moved = rig.migrate_live("virsh-hpc", GUEST, &[])?;
    println!("virsh-hpc: {}", moved.stderr().trim());
    ensure!(moved.output.status.success(), "{}", moved.stderr());
    ensure!(
        moved.stderr().contains("begun again without"),
        "{}",
        moved.stderr()
    );
    rig.whole(GUEST)
}

#[test]
fn progress_never_runs_backwards_and_ends_at_a_hundred() -> Result<()> {
    let rig = Rig::up(&[])?;
    let mut shuttle = Shuttle::start(&rig, GUEST, &SATURATED)?;
    let shown = shuttle.ours(&["--verbose"])?.stderr();
    let percents = shown
        .split("Migration: [")
        .skip(1)
        .map(|text| {
            text.split(" %]")
                .next()
                .unwrap_or_default()
                .trim()
                .parse::<f64>()
        })
        .collect::<Result<Vec<_>, _>>()
        .with_context(|| shown.clone())?;
    ensure!(percents.len() > 2 && percents.is_sorted(), "{percents:?}");
    ensure!(percents.last() == Some(&100.0), "{percents:?}");
    Ok(())
}

#[test]
fn our_own_options_hold() -> Result<()> {
    let rig = Rig::up(&[])?;
    let mut shuttle = Shuttle::start(&rig, GUEST, &SATURATED)?;
    let aborts = ["--hpc-max-downtime", "50", "--hpc-deadline", "4,abort"];
    let aborted = shuttle.go("virsh-hpc", &aborts, |_| Ok(()))?;
    println!("{}", aborted.stderr().trim());
    ensure!(
        aborted.output.status.code() == Some(1),
        "{:?}",
        aborted.output.status
    );
    ensure!(
        rig.state(ALPHA, GUEST) == "running",
        "not left where it was"
    );
    let deadline = shuttle.ours(&["--hpc-max-downtime", "50", "--hpc-deadline", "4"])?;
    println!("{}", deadline.stderr().trim());
    let bad = rig.run(
        ALPHA,
        &[
            "virsh-hpc",
            "migrate",
            "--live",
            GUEST,
            DESTINATION,
            "--hpc-slowdown",
            "much",
        ],
    )?;
    ensure!(
        bad.status.code() == Some(1) && String::from_utf8_lossy(&bad.stderr).contains("slowdown"),
        "{bad:?}"
    );
    the_sites_policy_holds(&rig, &mut shuttle)
}

/// It fills what the domain's policy leaves open, and the command line outranks it; a broken one stops nothing.
fn the_sites_policy_holds(rig: &Rig, shuttle: &mut Shuttle<'_>) -> Result<()> {
    let write = |host, policy: &str| {
        let element = format!("<migration xmlns='urn:libvirt-hpc:domain:1.0'>{policy}</migration>");
        let script = format!(
            "mkdir -p /etc/libvirt-hpc && echo \"{element}\" > /etc/libvirt-hpc/policy.xml"
        );
        rig.run(host, &["sh", "-c", &script]).map(drop)
    };
    let site = "<downtime max='50'/><deadline seconds='4' then='abort'/>";
    write(shuttle.host(), site)?;
    let aborted = shuttle.go("virsh-hpc", &[], |_| Ok(()))?;
    ensure!(
        aborted.output.status.code() == Some(1),
        "{}",
        aborted.stderr()
    );
    let outranks = ["--hpc-deadline", "4,switchover"];
    let outranked = shuttle.ours(&outranks)?;
    ensure!(
        outranked.stderr().contains("the policy allows 50 ms"),
        "{}",
        outranked.stderr()
    );
    write(shuttle.host(), "<downtime max='soon'/>")?;
    let broken = shuttle.ours(&[])?;
    let said = broken.stderr();
    ensure!(
        said.contains("/etc/libvirt-hpc/policy.xml is broken") && said.contains("line 1"),
        "{said}"
    );
    Ok(())
}

/// What is left takes 2.7 s over this link; the owner decides whether it may follow the guest.
#[test]
fn where_its_owner_allows_postcopy_the_law_goes_over_to_it() -> Result<()> {
    let rig = Rig::up(&[])?;
    rig.link("200mbit")?;
    let stopped = Shuttle::start(&rig, GUEST, &SATURATED)?.ours(&["--postcopy"])?;
    let allowed = [&SATURATED[..], &["<hpc:postcopy allowed=\"yes\"/>"]].concat();
    let fetched = Shuttle::start(&rig, GUEST, &allowed)?.ours(&[])?;
    let pause = |moved: &Move| moved.report.pause_ms.context("no pause was seen");
    let (stopped, fetched) = (pause(&stopped)?, pause(&fetched)?);
    ensure!(
        fetched < stopped / 2.0,
        "paused {fetched:.0} ms with post-copy allowed, {stopped:.0} ms without"
    );
    Ok(())
}
