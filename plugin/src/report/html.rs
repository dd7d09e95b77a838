//! One page that needs no other file: it reads on a phone, on paper and in the dark, and runs no script.

use anyhow::Result;
use plotters::style::RGBColor;

use super::facts::{self, COLUMNS, Fact, ROUND_COLUMNS};
use super::summary::Migration;
use super::timeline::Entry;
use crate::harmless::printable;
use crate::plot::{LEGEND, Layout};
use crate::version;

/// The page up to its title. It may load nothing, whatever a trace holds.
const HEAD: &str = r#"<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8"/>
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'"/>
<meta name="viewport" content="width=device-width, initial-scale=1"/>
<meta name="color-scheme" content="light dark"/>
<title>"#;

pub(super) fn render(migrations: &[Migration]) -> Result<String> {
    let mut page = Page(HEAD.to_owned());
    let many = migrations.len() != 1;
    let title = match migrations {
        [one] => format!("Migration of {}", one.begin.domain),
        several => format!("{} migrations", several.len()),
    };
    page.text(&title);
    page.markup("</title>\n<style>\n");
    page.markup(include_str!("style.css"));
    page.markup("</style>\n</head>\n<body>\n<main>\n");
    page.element("<h1>", &title, "</h1>\n");
    if many {
        page.side_by_side(migrations);
    }
    for migration in migrations {
        page.section(migration, many)?;
    }
    page.markup("</main>\n<footer>");
    page.text(&format!(
        "Written by virsh-hpc hpc-report {}",
        version::OURS
    ));
    page.markup("</footer>\n</body>\n</html>\n");
    Ok(page.0)
}

/// A page as it grows. What is not a constant of this program goes through [`Page::text`].
struct Page(String);

impl Page {
    fn markup(&mut self, markup: &'static str) {
        self.0 += markup;
    }

    fn text(&mut self, text: &str) {
        for character in printable(text).chars() {
            match character {
                '&' => self.0 += "&amp;",
                '<' => self.0 += "&lt;",
                '>' => self.0 += "&gt;",
                '"' => self.0 += "&quot;",
                '\'' => self.0 += "&#39;",
                other => self.0.push(other),
            }
        }
    }

    fn element(&mut self, open: &'static str, text: &str, close: &'static str) {
        self.markup(open);
        self.text(text);
        self.markup(close);
    }

    fn side_by_side(&mut self, migrations: &[Migration]) {
        self.markup("<table class=\"wide\">\n");
        self.heads(&COLUMNS);
        self.markup("<tbody>\n");
        for migration in migrations {
            self.row(&COLUMNS, &facts::row(migration));
        }
        self.markup("</tbody>\n</table>\n");
    }

    fn heads(&mut self, names: &[&str]) {
        self.markup("<thead><tr>");
        for name in names {
            self.element("<th scope=\"col\">", name, "</th>");
        }
        self.markup("</tr></thead>\n");
    }

    /// A row whose cells say what they are where there is no room for the heads.
    fn row(&mut self, names: &[&str], cells: &[String]) {
        self.markup("<tr>");
        for (name, cell) in names.iter().zip(cells) {
            self.element("<td data-label=\"", name, "\">");
            self.element("<span>", cell, "</span></td>");
        }
        self.markup("</tr>\n");
    }

    fn rounds(&mut self, migration: &Migration) {
        let rounds = migration.rounds.rounds();
        if rounds.all().is_empty() {
            return;
        }
        self.markup(
            "<table class=\"wide rounds\">\n<caption>Iterations, from when memory flows</caption>\n",
        );
        self.heads(&ROUND_COLUMNS);
        self.markup("<tbody>\n");
        let (first, left_out, last) = rounds.shown();
        for round in first {
            self.row(&ROUND_COLUMNS, &facts::round(round));
        }
        if left_out > 0 {
            let more = format!("{left_out} more are left out here");
            self.element(
                "<tr><td data-label=\"\"><span>",
                &more,
                "</span></td></tr>\n",
            );
        }
        for round in last {
            self.row(&ROUND_COLUMNS, &facts::round(round));
        }
        self.markup("</tbody>\n</table>\n");
    }

    fn section(&mut self, migration: &Migration, headed: bool) -> Result<()> {
        self.markup("<section>\n");
        if headed {
            self.element("<h2>", &migration.begin.domain, "</h2>\n");
        }
        if let Some(problem) = facts::problem(migration) {
            self.element("<p class=\"problem\">", &problem, "</p>\n");
        }
        self.markup("<div class=\"pair\">\n");
        self.facts("Result", &facts::measured(migration));
        self.facts("Migration", &facts::about(migration));
        self.markup("</div>\n");
        self.picture(migration)?;
        self.rounds(migration);
        self.timeline(migration);
        self.markup("</section>\n");
        Ok(())
    }

    fn facts(&mut self, title: &str, facts: &[Fact]) {
        self.element(
            "<table class=\"facts\">\n<caption>",
            title,
            "</caption>\n<tbody>\n",
        );
        for (name, fact) in facts {
            self.element("<tr><th scope=\"row\">", name, "</th>");
            self.element("<td>", fact, "</td></tr>\n");
        }
        self.markup("</tbody>\n</table>\n");
    }

    /// Drawn twice, for words that can be read on a page are too small on a phone.
    fn picture(&mut self, migration: &Migration) -> Result<()> {
        let (page, phone) = (
            migration.picture.svg(Layout::Page)?,
            migration.picture.svg(Layout::Phone)?,
        );
        let Some((page, phone)) = page.zip(phone) else {
            self.markup("<p>There was no pre-copy to draw.</p>\n");
            return Ok(());
        };
        self.markup("<figure>\n<div class=\"page\">\n");
        // The drawing escapes its words itself.
        self.0 += &page;
        self.markup("\n</div>\n<div class=\"phone\">\n");
        self.0 += &phone;
        self.markup("\n<ul class=\"legend\">\n");
        for (RGBColor(red, green, blue), name) in LEGEND {
            let css = format!("#{red:02x}{green:02x}{blue:02x}");
            self.element("<li><i style=\"background:", &css, "\"></i>");
            self.element("", name, "</li>\n");
        }
        self.markup("</ul>\n</div>\n</figure>\n");
        Ok(())
    }

    fn timeline(&mut self, migration: &Migration) {
        self.markup(
            "<table class=\"timeline\">\n<caption>Decisions, from when memory flows</caption>\n",
        );
        self.heads(&["Time", "What", "Why"]);
        self.markup("<tbody>\n");
        let (first, left_out, last) = migration.timeline.entries().shown();
        first.iter().for_each(|entry| self.entry(entry));
        if left_out > 0 {
            let more = format!("{left_out} more are left out here");
            self.element("<tr><td></td><td>", &more, "</td><td></td></tr>\n");
        }
        last.iter().for_each(|entry| self.entry(entry));
        self.markup("</tbody>\n</table>\n");
    }

    fn entry(&mut self, entry: &Entry) {
        self.element("<tr><td>", &facts::after(entry.after_ms), "</td>");
        self.element("<td>", &entry.what, "</td>");
        self.element("<td>", entry.cause.unwrap_or_default(), "</td></tr>\n");
    }
}
