//! What the law may know of the guest before: measured now, or from the file that `--hpc-prior` names.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use libvirt_hpc_control::estimate::Prior;
use libvirt_hpc_libvirt::domain::DomainState;

use super::resolve::Resolved;
use super::takeover::Takeover;
use crate::drive::Mode;
use crate::estimate::assessment::Known;
use crate::estimate::earlier::Earlier;
use crate::flags::Migrate;
use crate::harmless::printable;
use crate::laws::LawName;
use crate::session::measure;
use crate::session::terminal::console::Console;
use crate::trace::{self, PriorRecord};

/// No larger file is read: a trace of an hour has 10 to 20 MB.
const LARGEST_BYTES: u64 = 64 << 20;

/// For how long `--hpc-estimate` measures, seconds: as `hpc-estimate` does by default.
const MEASURED_S: u32 = 10;

/// What the law may know of the guest before its migration, if the user asks for it. A guest that cannot be measured is
/// migrated without.
///
/// # Errors
/// When the file named is no prior of this domain, both are asked for, or another job has begun meanwhile.
pub(crate) fn know(takeover: &mut Takeover, migrate: &Migrate, resolved: &Resolved) -> Result<()> {
    let options = &migrate.hpc;
    let prior = match &options.prior {
        Some(_) if options.estimate => bail!("--hpc-prior and --hpc-estimate exclude each other"),
        Some(file) => read(file, takeover.domain.name(), takeover.domain.uuid())?,
        None if options.estimate => measured(takeover, migrate, resolved)?,
        None => return Ok(()),
    };
    takeover.prior = as_recorded(&prior);
    Ok(())
}

/// To the millisecond, as the trace holds it: a replay then decides the same.
fn as_recorded(prior: &Prior) -> Prior {
    let record = PriorRecord::of(prior);
    record.as_ref().map(Prior::from).unwrap_or_default()
}

fn measured(takeover: &mut Takeover, migrate: &Migrate, resolved: &Resolved) -> Result<Prior> {
    let is_paused = takeover.domain.state().is_ok_and(DomainState::is_paused);
    if let Some(why) = no_use_of_measuring(resolved.law, resolved.mode, is_paused) {
        takeover
            .warnings
            .push(format!("--hpc-estimate: not measured: {why}"));
        return Ok(Prior::default());
    }
    let name = takeover.domain.name();
    Console::new(migrate.globals.quiet).note(&format!(
        "{name}: its writes are measured for {MEASURED_S} s, then the migration begins (--hpc-estimate)"
    ));
    let measured = measure::measure(&takeover.domain, takeover.memory_bytes, MEASURED_S);
    if let Some(problem) = &measured.problem {
        takeover.warnings.push(format!("--hpc-estimate: {problem}"));
    }
    takeover.refresh()?;
    Ok(measured.prior(takeover.memory_bytes))
}

/// Why nobody would use what is measured.
fn no_use_of_measuring(law: LawName, mode: Mode, is_paused: bool) -> Option<String> {
    if mode == Mode::Observe {
        return Some("this command only observes".to_owned());
    }
    if !law.is_adaptive() {
        return Some(format!("the law {law} does not use it"));
    }
    is_paused.then(|| "the guest is paused, and writes nothing".to_owned())
}

/// The prior in `file`, an estimate or a trace, which must be one of `domain`, by its name or its UUID: a domain may have
/// been renamed, or been created anew.
///
/// # Errors
/// When it cannot be read, is neither, is of another domain, or says nothing of what the guest writes.
pub(crate) fn read(file: &Path, domain: &str, uuid: &str) -> Result<Prior> {
    let name = file.display();
    let text = text(file).with_context(|| format!("--hpc-prior: cannot read {name}"))?;
    let (of, prior) = match Known::from_json(&text) {
        Ok((of, known)) => (of, known.prior()),
        Err(no_estimate) => match Earlier::read(trace::read(text.as_bytes())) {
            Ok(earlier) if earlier.uuid == uuid => (domain.to_owned(), earlier.prior()),
            Ok(earlier) => (earlier.domain.clone(), earlier.prior()),
            Err(no_trace) => bail!(
                "--hpc-prior: {name} is neither what `hpc-estimate --json` prints ({}) nor a trace ({no_trace})",
                printable(&no_estimate.to_string())
            ),
        },
    };
    ensure!(
        of == domain,
        "--hpc-prior: {name} is of the domain {}, not of {domain}",
        printable(&of)
    );
    ensure!(
        prior.written().count() > 0,
        "--hpc-prior: {name} does not say what {domain} writes: it could not be measured then, or its migration was over \
         before that showed"
    );
    Ok(prior)
}

fn text(file: &Path) -> Result<String> {
    let mut text = String::new();
    File::open(file)?
        .take(LARGEST_BYTES + 1)
        .read_to_string(&mut text)?;
    ensure!(
        text.len() as u64 <= LARGEST_BYTES,
        "it is larger than 64 MiB"
    );
    Ok(text)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const ESTIMATE: &str = r#"{"domain": "vm", "verdict": "moves", "known": {"memory_bytes": 1000000000, "data": null,
        "written": [{"span_ms": 1000, "written_bytes": 100000000, "origin": "measured"},
                    {"span_ms": 64000, "written_bytes": 200000000, "origin": "trace"}],
        "phases": {"busy_ms": 3000, "quiet_ms": 2000, "quiet_percent": 1, "vcpus_idle": false},
        "link": null, "slowdown_percent": 10, "downtime_max_ms": null, "deadline_ms": null, "measured_ms": 8000}}"#;

    fn of(text: &str, domain: &str) -> Result<Prior> {
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), text).expect("written");
        read(file.path(), domain, "0-0")
    }

    fn refusal(text: &str, domain: &str) -> String {
        format!("{:#}", of(text, domain).expect_err("a refusal"))
    }

    #[test]
    fn an_estimate_gives_writes_and_phases() {
        let prior = of(ESTIMATE, "vm").expect("a prior");
        let written: Vec<_> = prior.written().collect();
        let point = |ms, bytes| (Duration::from_millis(ms), bytes);
        assert_eq!(
            written,
            [point(1000, 100_000_000), point(64_000, 200_000_000)]
        );
        let spans = prior.phases().expect("phases");
        assert_eq!((spans.busy.as_secs(), spans.quiet.as_secs()), (3, 2));
        assert_eq!(prior.watched().as_secs(), 8);
    }

    #[test]
    fn a_trace_gives_what_its_migration_showed() {
        let trace = include_str!("../../../../tests/traces/flat-law-10.trace");
        let domain = Earlier::read(trace::read(trace.as_bytes()))
            .expect("a trace")
            .domain;
        let prior = of(trace, &domain).expect("a prior");
        let (_, most) = prior.written().last().expect("a point");
        assert!((100 << 20..160 << 20).contains(&most), "{most}");
        assert_eq!(
            prior.watched(),
            Duration::ZERO,
            "7 s tell of no steady guest"
        );
        let known = as_recorded(&prior);
        assert_eq!(PriorRecord::of(&known), PriorRecord::of(&prior));
        assert_eq!(as_recorded(&known), known);
    }

    #[test]
    fn a_domain_that_was_renamed_is_known_by_its_uuid() {
        let trace = include_str!("../../../../tests/traces/flat-law-10.trace");
        let uuid = Earlier::read(trace::read(trace.as_bytes()))
            .expect("a trace")
            .uuid;
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), trace).expect("written");
        assert!(read(file.path(), "renamed", &uuid).is_ok());
        assert!(read(file.path(), "renamed", "0-0").is_err());
    }

    #[test]
    fn what_says_nothing_of_the_guest_is_refused() {
        let begin = ESTIMATE.find("[{").expect("readings");
        let end = ESTIMATE.find("}],").expect("their end") + 2;
        let nothing = format!("{}[]{}", &ESTIMATE[..begin], &ESTIMATE[end..]);
        let refused = refusal(&nothing, "vm");
        assert!(refused.contains("does not say what vm writes"), "{refused}");
    }

    #[test]
    fn nobody_is_measured_for_nothing() {
        let why =
            |law, mode, is_paused| no_use_of_measuring(law, mode, is_paused).unwrap_or_default();
        assert_eq!(why(LawName::Adaptive, Mode::Steer, false), "");
        assert!(why(LawName::Adaptive, Mode::Steer, true).contains("paused"));
        assert!(why(LawName::STOCK, Mode::Steer, false).contains("the law stock"));
        assert!(why(LawName::Adaptive, Mode::Observe, false).contains("only observes"));
    }

    #[test]
    fn what_is_of_another_domain_or_no_such_file_is_refused() {
        assert!(refusal(ESTIMATE, "other").contains("of the domain vm, not of other"));
        let neither = refusal("{}", "vm");
        assert!(
            neither.contains("neither") && neither.contains("domain"),
            "{neither}"
        );
        let forged = ESTIMATE.replace(r#""vm""#, r#""v\nerror: m""#);
        let forged = refusal(&forged, "vm");
        assert!(forged.contains("of the domain v?error: m"), "{forged}");
        let forged = refusal(
            r#"{"domain": "vm", "known": {"data": {"origin": "a\nb"}}}"#,
            "vm",
        );
        assert!(!forged.contains('\n'), "{forged}");
        let none = read(Path::new("/nonexistent"), "vm", "0-0").expect_err("a refusal");
        assert!(format!("{none:#}").contains("cannot read /nonexistent"));
    }
}
