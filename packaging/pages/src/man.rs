//! The man pages: prose, with a place for each table.

use std::env;

use anyhow::{Context, bail};
use time::OffsetDateTime;

use crate::{Page, table};

/// When the sources were last changed, seconds since 1970 (reproducible-builds.org).
const DATE_VARIABLE: &str = "SOURCE_DATE_EPOCH";

/// The prose, and where it goes.
const TEMPLATES: [(&str, &str); 4] = [
    ("man1/virsh-hpc.1", include_str!("../../man/virsh-hpc.1.in")),
    (
        "man7/libvirt-hpc.7",
        include_str!("../../man/libvirt-hpc.7.in"),
    ),
    (
        "man8/libvirt-hpcd.8",
        include_str!("../../man/libvirt-hpcd.8.in"),
    ),
    (
        "man8/libvirt-hpc-hook.8",
        include_str!("../../man/libvirt-hpc-hook.8.in"),
    ),
];

/// Every page.
///
/// # Errors
/// A date that is none, or a place in the prose for which there is no table.
pub(crate) fn pages() -> anyhow::Result<Vec<Page>> {
    let places = [
        ("@DATE@", date()?),
        ("@VERSION@", env!("CARGO_PKG_VERSION").to_owned()),
        ("@AGENT_OPTIONS@\n", table::of_the_agent()?),
        ("@MIGRATE_OPTIONS@\n", table::of_migrate()?),
        ("@COMMANDS@\n", table::of_commands()?),
    ];
    let fill = |(path, template): (&'static str, &str)| {
        let filled = places
            .iter()
            .fold(template.to_owned(), |text, (place, table)| {
                text.replace(place, table)
            });
        match unfilled(&filled) {
            Some(place) => bail!("{path}: nothing is known of {place}"),
            None => Ok(Page { path, text: filled }),
        }
    };
    TEMPLATES.into_iter().map(fill).collect()
}

/// A place that was not filled.
fn unfilled(text: &str) -> Option<&str> {
    let names = text.split('@').skip(1).step_by(2);
    let is_name = |name: &&str| {
        !name.is_empty()
            && name
                .bytes()
                .all(|byte| byte.is_ascii_uppercase() || byte == b'_')
    };
    names.into_iter().find(is_name)
}

/// The date of the pages, as ISO 8601; none if nobody says so, for a page must not tell when it was built.
fn date() -> anyhow::Result<String> {
    let Some(epoch) = env::var_os(DATE_VARIABLE) else {
        return Ok(String::new());
    };
    let epoch = epoch.to_string_lossy();
    let wrong = || format!("{DATE_VARIABLE}={epoch} is not a time in seconds since 1970");
    let date = OffsetDateTime::from_unix_timestamp(epoch.parse().with_context(wrong)?);
    let date = date.with_context(wrong)?.date();
    let (year, month, day) = (date.year(), u8::from(date.month()), date.day());
    Ok(format!("{year:04}-{month:02}-{day:02}"))
}
