//! The performance report of one or several migrations, and the history of many, from their traces alone.
//!
//! | where | the question it answers |
//! |---|---|
//! | `summary` | what does a trace tell of its migration? |
//! | `rounds`, `timeline`, `stock` | what did each iteration send, what was decided, and what would plain virsh have done? |
//! | `fields` | which values does it have, for programs? |
//! | `facts` | and in words, for people? |
//! | `read` | when was it recorded, and what is in its file? |
//! | [`history`] | which migrations were there, a line each? |
//! | `markdown`, `html`, `csv`, `json`, `svg` | how is that written, one file a format? |

mod csv;
mod facts;
mod fields;
pub mod history;
mod html;
mod json;
mod kept;
mod markdown;
mod rate;
mod read;
mod rounds;
mod stock;
mod summary;
mod svg;
mod timeline;

use std::path::Path;

use anyhow::{Result, bail};

pub use read::{read, read_if};
pub use summary::{Migration, Problem, Recorded, RecordedBy, summarise};

/// How a report is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// For a terminal, and for whatever shows Markdown.
    Markdown,
    /// One page that needs no other file.
    Html,
    /// A line for each migration.
    Csv,
    /// Everything, for programs.
    Json,
    /// The picture of one migration.
    Svg,
}

/// The formats, by a file's ending.
const ENDINGS: [(&str, Format); 5] = [
    ("html", Format::Html),
    ("md", Format::Markdown),
    ("csv", Format::Csv),
    ("json", Format::Json),
    ("svg", Format::Svg),
];

impl Format {
    /// The format that a file's ending asks for.
    ///
    /// # Errors
    /// An ending that means none, or a format that cannot show so many traces.
    pub fn of(file: &Path, traces: usize) -> Result<Self> {
        let ending = file.extension().unwrap_or_default().to_ascii_lowercase();
        let known = ENDINGS.iter().find(|(name, _)| ending == **name);
        let Some((_, format)) = known else {
            let endings = ENDINGS.map(|(name, _)| format!(".{name}")).join(", ");
            bail!("the ending of a report's name says its format, and is one of {endings}");
        };
        if *format == Self::Svg && traces != 1 {
            bail!("a picture (.svg) shows one trace, not {traces}");
        }
        Ok(*format)
    }
}

/// The report of `migrations` as text.
///
/// # Errors
/// When a picture cannot be drawn, or there is nothing to draw where the picture is the report.
pub fn render(format: Format, migrations: &[Migration]) -> Result<String> {
    match format {
        Format::Markdown => Ok(markdown::render(migrations)),
        Format::Html => html::render(migrations),
        Format::Csv => Ok(csv::render(migrations)),
        Format::Json => json::render(migrations),
        Format::Svg => svg::render(migrations),
    }
}

#[cfg(test)]
mod tests;
