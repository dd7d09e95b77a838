//! virsh's options of `migrate` under virsh-hpc, with virsh's meaning.

use anyhow::{Context, Result, ensure};
use libvirt_hpc_tests::rig::{DESTINATION, HOSTS, Move, Rig, marked, words};

mod rows;
mod table;

use crate::SMALL_SATURATED;
use crate::shuttle::Shuttle;
use rows::{GRANTED, REFUSED, SINCE_9_0, WITH_STORAGE};
use table::Table;

const ALPHA: &str = HOSTS[0];
const BETA: &str = HOSTS[1];

/// A small guest, so that a migration takes a second or two.
const SMALL: [&str; 7] = marked("256", "64", "rate:8@8");

/// The guest of the tests here.
const GUEST: &str = "options";

/// Where a document is, on both hosts.
const DOCUMENT: &str = "/tmp/options.xml";

/// Every option of `virsh migrate`, where it is granted and where it is refused.
#[test]
fn every_option_of_virsh_means_the_same() -> Result<()> {
    let rig = Rig::up(&["--tls"])?;
    rig.guest(GUEST, &[&SMALL[..], &["--persistent"]].concat())?;
    let mut table = Table::of(&rig, GUEST);
    for options in REFUSED {
        table.row(options)?;
    }
    for options in GRANTED.iter().chain(SINCE_9_0) {
        table.row(options)?;
    }
    // These are plain virsh's.
    table.bare_row(&["--persistent", "--undefinesource"])?;
    table.bare_row(&["--offline", "--persistent"])?;
    // Its definition stays on the source, where it is the next time.
    table.bare_row(&["--live", "--persistent"])?;
    table.row("--suspend")?;
    rig.run(ALPHA, &["virsh", "resume", GUEST])?;
    table.row_with_name("renamed", &[])?;
    table.row_with_name("renamed", &["--p2p"])?;
    documents(&rig, &mut table)?;
    table.over("qemu+tls");
    table.row("--tls")?;
    table.finish()
}

#[test]
#[ignore = "a minute: make thorough"]
fn options_that_libvirt_9_refuses_are_refused_alike() -> Result<()> {
    let rig = Rig::up(&["--old", "--tls"])?;
    rig.guest(GUEST, &[&SMALL[..], &["--persistent"]].concat())?;
    let mut table = Table::of(&rig, GUEST);
    for options in REFUSED.iter().chain(SINCE_9_0) {
        table.row(options)?;
    }
    table.row("--tls")?;
    table.finish()
}

/// A user's document defines the guest on the destination.
fn documents(rig: &Rig, table: &mut Table<'_>) -> Result<()> {
    let dump = rig.run(ALPHA, &["virsh", "dumpxml", "--migratable", GUEST])?;
    let xml = String::from_utf8(dump.stdout)?;
    let told = xml.replacen("</name>", "</name><title>told</title>", 1);
    for host in HOSTS {
        rig.run(host, &["sh", "-c", "echo \"$0\" >\"$1\"", &told, DOCUMENT])?;
    }
    table.row(&format!("--xml {DOCUMENT}"))?;
    table.row(&format!("--xml {DOCUMENT} --persistent-xml {DOCUMENT}"))?;
    for inactive in [&[][..], &["--inactive"]] {
        let ask = [&["virsh", "dumpxml", GUEST], inactive].concat();
        let xml = String::from_utf8(rig.run(ALPHA, &ask)?.stdout)?;
        ensure!(xml.contains("<title>told</title>"), "{ask:?}: {xml}");
    }
    Ok(())
}

/// The disks are qcow2 files that each host has for itself.
#[test]
#[ignore = "half a minute: make thorough"]
fn storage_is_copied_as_virsh_copies_it() -> Result<()> {
    let rig = Rig::up(&["--tls"])?;
    let disks = ["--persistent", "--disk", "16", "--disk", "16"];
    rig.guest(GUEST, &[&SMALL[..], &disks].concat())?;
    let mut table = Table::of(&rig, GUEST).with_disk("vdb");
    for options in WITH_STORAGE {
        table.row(options)?;
    }
    table.finish()
}

/// A new definition on the destination replaces the mark: that is reported before, and nothing else done.
#[test]
fn a_document_takes_the_mark_away() -> Result<()> {
    let rig = Rig::up(&[])?;
    rig.guest(GUEST, &[&SMALL[..], &["--persistent"]].concat())?;
    let is_marked = |host, what| -> Result<bool> {
        let output = rig.run(host, &["virsh-hpc", "hpc-policy", GUEST, what])?;
        Ok(!String::from_utf8(output.stdout)?.contains("not marked"))
    };
    let there = rig.migrate_live("virsh-hpc", GUEST, &["--persistent", "--undefinesource"])?;
    ensure!(!there.stderr().contains("mark"), "{}", there.stderr());
    ensure!(is_marked(BETA, "--live")?, "the mark has not come along");
    let dump = "virsh dumpxml --migratable options | sed '/hpc:/d' > /tmp/bare.xml";
    rig.run(BETA, &["sh", "-c", dump])?;
    let home = format!("{GUEST} qemu+tcp://{ALPHA}/system");
    let command = format!("virsh-hpc migrate --live {home} --persistent --xml /tmp/bare.xml");
    let moved = rig.migrate_from(BETA, GUEST, &words(&command), |_| Ok(()))?;
    println!("{}", moved.stderr().trim());
    ensure!(moved.output.status.success(), "{}", moved.stderr());
    let told = moved.stderr().contains("the document of --xml has no mark");
    ensure!(!is_marked(ALPHA, "--live")? && told, "{}", moved.stderr());
    ensure!(is_marked(ALPHA, "--config")?, "the definition was replaced");
    rig.whole(GUEST)
}

/// A QEMU whose XBZRLE has another name has none for libvirt.
#[test]
fn a_host_without_xbzrle_takes_the_guest_all_the_same() -> Result<()> {
    let rig = Rig::up(&[])?;
    let rename = "sed -i s/xbzrle/xbzrlf/g /usr/bin/qemu-system-x86_64";
    rig.run(BETA, &["sh", "-c", rename])?;
    rig.guest(GUEST, &SMALL)?;
    let asked = rig.migrate_live("virsh", GUEST, &["--compressed"])?;
    println!("virsh --compressed: {}", asked.stderr().trim());
    ensure!(
        asked.stderr().contains("xbzrle"),
        "XBZRLE is not refused: {asked:?}"
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
fn a_guest_that_does_not_converge_obeys_virshs_options_and_hpc_options() -> Result<()> {
    let rig = Rig::up(&[])?;
    let mut shuttle = Shuttle::start(&rig, GUEST, &SMALL_SATURATED)?;
    the_hpc_options_hold(&rig, &mut shuttle)?;
    the_timer_suspends_or_switches_to_post_copy_as_virshs(&mut shuttle)?;
    progress_never_runs_backwards_and_ends_at_a_hundred(&mut shuttle)
}

fn the_timer_suspends_or_switches_to_post_copy_as_virshs(shuttle: &mut Shuttle<'_>) -> Result<()> {
    // A pause that the policy forbids would be waited for; the timer does not wait.
    let never = ["--hpc-max-downtime", "50"];
    for timer in [
        &["--timeout", "3"][..],
        &["--timeout", "3", "--timeout-postcopy", "--postcopy"],
    ] {
        shuttle.virsh_hpc(&[&never, timer].concat())?;
    }
    Ok(())
}

fn progress_never_runs_backwards_and_ends_at_a_hundred(shuttle: &mut Shuttle<'_>) -> Result<()> {
    let shown = shuttle.virsh_hpc(&["--verbose"])?.stderr();
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

fn the_hpc_options_hold(rig: &Rig, shuttle: &mut Shuttle<'_>) -> Result<()> {
    let aborts = ["--hpc-max-downtime", "200", "--hpc-deadline", "4,abort"];
    let aborted = shuttle.go("virsh-hpc", &aborts, |_| Ok(()))?;
    println!("{}", aborted.stderr().trim());
    ensure!(
        aborted.output.status.code() == Some(1),
        "{:?}",
        aborted.output.status
    );
    ensure!(
        shuttle.host() == ALPHA && rig.state(ALPHA, GUEST) == "running",
        "not where it was"
    );
    let deadline = shuttle.virsh_hpc(&["--hpc-max-downtime", "50", "--hpc-deadline", "4"])?;
    println!("{}", deadline.stderr().trim());
    let bad = format!("virsh-hpc migrate --live {GUEST} {DESTINATION} --hpc-slowdown much");
    let bad = rig.run(ALPHA, &words(&bad))?;
    ensure!(
        bad.status.code() == Some(1) && String::from_utf8_lossy(&bad.stderr).contains("slowdown"),
        "{bad:?}"
    );
    Ok(())
}

/// The remainder takes 2.7 s over this link; the owner decides whether it may follow the guest.
#[test]
#[ignore = "a minute: make thorough"]
fn where_the_owner_allows_post_copy_the_law_uses_it() -> Result<()> {
    let rig = Rig::up(&[])?;
    rig.link("200mbit")?;
    let stopped = Shuttle::start(&rig, GUEST, &SMALL_SATURATED)?.virsh_hpc(&["--postcopy"])?;
    let allowed = [&SMALL_SATURATED[..], &["<hpc:postcopy allowed=\"yes\"/>"]].concat();
    let mut shuttle = Shuttle::start(&rig, GUEST, &allowed)?;
    let fetched = shuttle.virsh_hpc(&[])?;
    // To fetch it would take 13 s at that rate.
    let slow = shuttle.virsh_hpc(&["--postcopy", "--postcopy-bandwidth", "5"])?;
    ensure!(
        !slow.stderr().contains("switched to post-copy"),
        "{}",
        slow.stderr()
    );
    let pause = |moved: &Move| moved.report.pause_ms.context("no pause was seen");
    let (stopped, fetched) = (pause(&stopped)?, pause(&fetched)?);
    ensure!(
        fetched < stopped / 2.0,
        "paused {fetched:.0} ms with post-copy allowed, {stopped:.0} ms without"
    );
    Ok(())
}
