//! The pages and scripts as they are written: whole, true to the programs' tables, and without a warning of
//! the programs that show them.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use clap::CommandFactory;
use libvirt_hpc_plugin::agent::process::args::Args;
use libvirt_hpc_plugin::flags::{MIGRATE_OPTIONS, hpc_commands};
use libvirt_hpc_plugin::laws;
use tempfile::TempDir;

const PAGES: [&str; 4] = [
    "man/man1/virsh-hpc.1",
    "man/man7/libvirt-hpc.7",
    "man/man8/libvirt-hpc-hook.8",
    "man/man8/libvirt-hpcd.8",
];

const SCRIPTS: [&str; 6] = [
    "completions/bash/libvirt-hpcd",
    "completions/bash/virsh-hpc",
    "completions/fish/libvirt-hpcd.fish",
    "completions/fish/virsh-hpc.fish",
    "completions/zsh/_libvirt-hpcd",
    "completions/zsh/_virsh-hpc",
];

/// The time that the sources are given: 2026-11-22.
const EPOCH: &str = "1795363815";

fn written(epoch: Option<&str>) -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let mut program = Command::new(env!("CARGO_BIN_EXE_libvirt-hpc-pages"));
    program.env_remove("SOURCE_DATE_EPOCH");
    if let Some(epoch) = epoch {
        program.env("SOURCE_DATE_EPOCH", epoch);
    }
    for what in ["man", "completions"] {
        program
            .arg(format!("--{what}"))
            .arg(folder.path().join(what));
    }
    let output = program.output().expect("run");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.is_empty(), "{said}");
    folder
}

/// Every file below `folder`, by its path from there.
fn files(folder: &Path) -> BTreeMap<PathBuf, String> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let text = fs::read_to_string(&path).expect("text");
                let name = path.strip_prefix(folder).expect("below");
                found.insert(name.to_owned(), text);
            }
        }
    }
    found
}

/// What a reader of the page sees, in lines too long to be broken.
fn shown(folder: &Path, page: &str) -> String {
    let mut man = Command::new("man");
    let man = man
        .args(["--warnings", "-E", "UTF-8", "-l"])
        .arg(folder.join(page));
    let output = man
        .env("MANWIDTH", "1000")
        .env("LC_ALL", "C.UTF-8")
        .output();
    let output = output.expect("man: install man-db");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.is_empty(), "{page}: {said}");
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// Whether `text` has `word`, and not only as a part of a longer one.
fn names(text: &str, word: &str) -> bool {
    let part = |character: char| character.is_alphanumeric() || "-_".contains(character);
    text.match_indices(word)
        .any(|(at, _)| !text[..at].ends_with(part) && !text[at + word.len()..].starts_with(part))
}

#[test]
fn every_file_is_there_and_the_same_each_time() {
    let first = files(written(Some(EPOCH)).path());
    let names: Vec<_> = first.keys().map(|path| path.to_string_lossy()).collect();
    assert_eq!(names, [SCRIPTS.as_slice(), &PAGES].concat());
    assert_eq!(first, files(written(Some(EPOCH)).path()));
}

#[test]
fn a_page_has_the_date_of_the_sources_or_none() {
    let dated = files(written(Some(EPOCH)).path());
    let undated = files(written(None).path());
    for page in PAGES.map(Path::new) {
        assert!(dated[page].contains(" \"2026-11-22\" "), "{page:?}");
        assert!(undated[page].contains(" \"\" "), "{page:?}");
    }
    let mut program = Command::new(env!("CARGO_BIN_EXE_libvirt-hpc-pages"));
    program
        .env("SOURCE_DATE_EPOCH", "yesterday")
        .args(["--man", "/nonexistent"]);
    let refused = program.output().expect("run");
    let said = String::from_utf8_lossy(&refused.stderr);
    assert!(
        !refused.status.success() && said.contains("SOURCE_DATE_EPOCH=yesterday"),
        "{said}"
    );
}

#[test]
fn no_place_is_left_unfilled() {
    for (path, text) in files(written(None).path()) {
        let is_page = path.starts_with("man");
        assert!(
            !is_page || !text.contains('@') || text.contains("._:@"),
            "{path:?}"
        );
        let mut words = text.split(|c: char| !(c.is_ascii_uppercase() || "@_".contains(c)));
        let place =
            words.find(|word| word.len() > 2 && word.starts_with('@') && word.ends_with('@'));
        assert_eq!(place, None, "{path:?}");
    }
}

/// groff and mandoc, each with its own eyes.
#[test]
fn no_page_makes_its_reader_warn() {
    let folder = written(Some(EPOCH));
    for page in PAGES {
        let file = folder.path().join(page);
        for (program, args) in [
            (
                "man",
                &["--warnings", "-E", "UTF-8", "-Tutf8", "-Z", "-l"][..],
            ),
            ("groff", &["-man", "-ww", "-Tutf8", "-Z"]),
            ("mandoc", &["-Tlint", "-Wwarning"]),
        ] {
            let output = Command::new(program).args(args).arg(&file).output();
            let output = output.unwrap_or_else(|error| panic!("{program}: {error}"));
            let said = String::from_utf8_lossy(&output.stderr);
            let linted = String::from_utf8_lossy(&output.stdout);
            assert!(
                output.status.success() && said.is_empty(),
                "{program} {page}: {said}{linted}"
            );
        }
    }
}

#[test]
fn the_options_and_commands_of_help_are_in_the_pages() {
    let folder = written(None);
    let page = shown(folder.path(), PAGES[0]);
    let ours = MIGRATE_OPTIONS.iter().filter(|opt| opt.is_hpc());
    for opt in ours {
        let help = opt.help().expect("ours has help");
        assert!(
            names(&page, &format!("--{}", opt.name)) && page.contains(help),
            "{}",
            opt.name
        );
    }
    for law in laws::names().take(2) {
        assert!(names(&page, law), "{law}: ours, and may be the default");
    }
    for command in hpc_commands::commands() {
        assert!(names(&page, command.get_name()), "{}", command.get_name());
        assert_described(&page, &command);
    }
    assert_described(&shown(folder.path(), PAGES[3]), &built(Args::command()));
}

fn built(mut command: clap::Command) -> clap::Command {
    command.build();
    command
}

fn assert_described(page: &str, command: &clap::Command) {
    let mut described = 0;
    for arg in command.get_arguments() {
        let option = arg.get_long().map(|long| format!("--{long}"));
        let value = arg
            .get_value_names()
            .and_then(|names| names.first())
            .map(ToString::to_string);
        let name = option.or(value).expect("a name");
        let help = arg.get_help().map(ToString::to_string).expect("help");
        let said = arg.get_id() == "help" || page.contains(&help);
        assert!(
            names(page, &name) && said,
            "{} {name}: {help}",
            command.get_name()
        );
        described += 1;
    }
    assert!(described > 0, "{}", command.get_name());
}

#[test]
fn every_setting_of_the_agent_is_described() {
    let page = shown(written(None).path(), PAGES[1]);
    let file = include_str!("../../etc/libvirt-hpc/agent.toml");
    let keys: Vec<_> = file
        .lines()
        .filter_map(|line| line.trim_start_matches('#').split_once(" = "))
        .map(|(key, _)| key)
        .filter(|key| !key.contains(' '))
        .collect();
    assert!(keys.len() >= 16, "{keys:?}");
    for key in keys {
        assert!(names(&page, key), "{key}");
    }
}

#[test]
fn every_element_of_the_policy_is_described() {
    let page = shown(written(None).path(), PAGES[1]);
    let schema = include_str!("../../../xml-schemas/migration.rng");
    let elements: Vec<_> = schema
        .split("<element name=\"")
        .skip(1)
        .filter_map(|rest| rest.split('"').next())
        .collect();
    assert!(elements.len() >= 7, "{elements:?}");
    for element in elements {
        assert!(names(&page, element), "{element}");
    }
}

/// bash, for all three come of one table; the scripts of virsh-hpc have tests of their own.
#[test]
fn the_agents_options_are_completed() {
    const ASK: &str = r#"
        . "$1"
        function=$(complete -p libvirt-hpcd)
        function=${function#*-F }
        COMP_WORDS=(libvirt-hpcd --ob) COMP_CWORD=1
        "${function%% *}" libvirt-hpcd --ob libvirt-hpcd
        echo "${COMPREPLY[@]}"
    "#;
    let folder = written(None);
    let script = folder.path().join("completions/bash/libvirt-hpcd");
    let output = Command::new("bash")
        .args(["--norc", "-c", ASK, "bash"])
        .arg(script)
        .output()
        .expect("bash");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "--observe\n");
}
