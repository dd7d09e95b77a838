//! The progress on a terminal: a bar, and below it what is known of the migration.
//!
//! ```text
//!  42 %  memory, 12–20 s remaining            [===============>                    ]
//!   iteration 3: 540 MiB sent at 113 MiB/s, 31 MiB remaining; the guest dirties 393 MiB/s
//!   waiting for a quieter phase; the pause would be 1.20 s now
//! ```
//! indicatif draws it into memory: what is written to the terminal, and when, is the console's.

use std::borrow::Cow;
use std::sync::{Arc, Mutex, PoisonError};
use std::{fmt, io, mem};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle, TermLike};
use libvirt_hpc_control::event::Cause;
use libvirt_hpc_control::progress::Shown;
use libvirt_hpc_control::sample::{JobState, Sample};

use crate::in_words;

/// Fewer columns have no room for a bar.
pub(super) const COLUMNS_MIN: u16 = 40;

/// How many lines a picture has.
pub(super) const LINES: u16 = 3;

/// The columns before the bar, if they are no more than half of the terminal's.
const HEAD_COLUMNS: usize = 44;

/// The bar's whole, hundredths of a per cent.
const WHOLE: u64 = 10_000;

const TEMPLATE: &str = "{prefix}[{wide_bar}]\n{facts}\n{decision}";

/// What is drawn.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Picture {
    /// The phase, the percentage and the remaining time.
    head: String,
    done_hundredths: u64,
    /// What the migration has done, and what the guest does.
    facts: String,
    /// What is waited for.
    decision: String,
}

impl Picture {
    /// Of a migration at that sample; `has_storage` if storage is copied before its memory.
    #[must_use]
    pub fn new(sample: &Sample, shown: &Shown, cause: Option<Cause>, has_storage: bool) -> Self {
        let phase = phase(sample, has_storage);
        let percent = shown.done_hundredths / 100;
        let head = match shown.remaining {
            Some(bounds) => {
                let remaining = in_words::between(bounds.least, bounds.most);
                format!("{percent:3} %  {phase}, {remaining} remaining")
            }
            None => format!("{percent:3} %  {phase}"),
        };
        Self {
            head,
            done_hundredths: shown.done_hundredths,
            facts: facts(sample, shown),
            decision: decision(sample, shown, cause),
        }
    }
}

fn phase(sample: &Sample, has_storage: bool) -> &'static str {
    match sample.state {
        JobState::Setup if sample.disk_remaining_bytes > 0 => "storage (1 of 2)",
        JobState::Setup if has_storage => "memory (2 of 2)",
        JobState::Setup => "preparing",
        JobState::Precopy | JobState::Switchover if has_storage => "memory (2 of 2)",
        JobState::Precopy | JobState::Switchover => "memory",
        JobState::Postcopy => "post-copy",
        JobState::Ended => "ended",
    }
}

fn facts(sample: &Sample, shown: &Shown) -> String {
    if sample.state == JobState::Setup {
        return match sample.disk_remaining_bytes {
            0 => String::new(),
            bytes => format!("{} of storage remaining", in_words::mib(bytes)),
        };
    }
    let mut line = format!(
        "iteration {}: {} sent",
        sample.iteration,
        in_words::mib(sample.processed_bytes)
    );
    if shown.bytes_per_s > 0 {
        line.push_str(&format!(" at {}/s", in_words::mib(shown.bytes_per_s)));
    }
    line.push_str(&format!(
        ", {} remaining",
        in_words::mib(sample.remaining_bytes)
    ));
    if let Some(rate) = shown.dirty_bytes_per_s {
        line.push_str(&format!("; the guest dirties {}/s", in_words::mib(rate)));
    }
    line
}

fn decision(sample: &Sample, shown: &Shown, cause: Option<Cause>) -> String {
    match sample.state {
        JobState::Switchover => return "switching over".to_owned(),
        JobState::Setup | JobState::Postcopy | JobState::Ended => return String::new(),
        JobState::Precopy => {}
    }
    let waits = cause.map(|cause| in_words::cause(cause).to_owned());
    let pause = shown
        .pause_now
        .map(|pause| format!("the pause would be {} now", in_words::span(pause)));
    let parts: Vec<String> = [waits, pause].into_iter().flatten().collect();
    parts.join("; ")
}

/// What is written to a terminal of so many columns.
#[derive(Debug)]
struct Screen {
    columns: u16,
    written: Arc<Mutex<String>>,
}

impl TermLike for Screen {
    fn width(&self) -> u16 {
        self.columns
    }

    // One picture is drawn from the top, so that the cursor need not move.
    fn move_cursor_up(&self, _: usize) -> io::Result<()> {
        Ok(())
    }

    fn move_cursor_down(&self, _: usize) -> io::Result<()> {
        Ok(())
    }

    fn move_cursor_right(&self, _: usize) -> io::Result<()> {
        Ok(())
    }

    fn move_cursor_left(&self, _: usize) -> io::Result<()> {
        Ok(())
    }

    fn clear_line(&self) -> io::Result<()> {
        Ok(())
    }

    fn write_line(&self, text: &str) -> io::Result<()> {
        self.write_str(text)?;
        self.write_str("\n")
    }

    fn write_str(&self, text: &str) -> io::Result<()> {
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        written.push_str(text);
        Ok(())
    }

    fn flush(&self) -> io::Result<()> {
        Ok(())
    }
}

/// The picture on a terminal of so many columns, at least [`COLUMNS_MIN`]: [`LINES`] lines as wide as it, so that the next
/// begins where one ends.
pub(super) fn draw(picture: &Picture, columns: u16) -> String {
    let columns = columns.max(COLUMNS_MIN);
    let whole = usize::from(columns);
    let head_columns = HEAD_COLUMNS.min(whole / 2);
    let head = cut(&picture.head, head_columns - 1);
    let below = |line: &str| {
        let line = cut(&format!("  {line}"), whole).into_owned();
        // Writing to a String cannot fail.
        move |_: &ProgressState, out: &mut dyn fmt::Write| {
            let _ = out.write_str(&line);
        }
    };
    let style = ProgressStyle::with_template(TEMPLATE)
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .progress_chars("=> ")
        .with_key("facts", below(&picture.facts))
        .with_key("decision", below(&picture.decision));
    let written = Arc::new(Mutex::new(String::new()));
    let screen = Screen {
        columns,
        written: Arc::clone(&written),
    };
    let target = ProgressDrawTarget::term_like(Box::new(screen));
    let bar = ProgressBar::with_draw_target(Some(WHOLE), target)
        .with_style(style)
        .with_prefix(format!("{head:head_columns$}"))
        .with_position(picture.done_hundredths);
    bar.force_draw();
    mem::take(&mut *written.lock().unwrap_or_else(PoisonError::into_inner))
}

/// The beginning of a line that is too long.
fn cut(line: &str, columns: usize) -> Cow<'_, str> {
    if line.chars().count() <= columns {
        return line.into();
    }
    let kept = line.chars().take(columns.saturating_sub(1));
    kept.chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use libvirt_hpc_control::progress::Remaining;

    use super::*;

    fn sample() -> Sample {
        Sample {
            state: JobState::Precopy,
            iteration: 3,
            processed_bytes: 540 << 20,
            remaining_bytes: 31 << 20,
            ..Sample::default()
        }
    }

    fn shown() -> Shown {
        Shown {
            done_hundredths: 4_200,
            remaining: Some(Remaining {
                least: Duration::from_secs(12),
                most: Duration::from_millis(19_400),
            }),
            bytes_per_s: 113 << 20,
            dirty_bytes_per_s: Some(393 << 20),
            pause_now: Some(Duration::from_millis(1_204)),
        }
    }

    fn lines(picture: &Picture, columns: u16) -> Vec<String> {
        let drawn: Vec<char> = draw(picture, columns).chars().collect();
        let lines = drawn.chunks(columns.into());
        lines
            .map(|line| line.iter().collect::<String>().trim_end().to_owned())
            .collect()
    }

    #[test]
    fn a_picture_has_three_lines_of_the_terminals_width() {
        let picture = Picture::new(&sample(), &shown(), Some(Cause::Waiting), false);
        let drawn = lines(&picture, 90);
        assert_eq!(drawn.len(), usize::from(LINES));
        let bar = format!(
            "{:44}[{}>{}]",
            " 42 %  memory, 12–20 s remaining",
            "=".repeat(18),
            " ".repeat(25)
        );
        assert_eq!(drawn[0], bar);
        assert_eq!(
            drawn[1],
            "  iteration 3: 540 MiB sent at 113 MiB/s, 31 MiB remaining; the guest dirties 393 MiB/s"
        );
        assert_eq!(
            drawn[2],
            "  waiting for a quieter phase; the pause would be 1.20 s now"
        );
    }

    #[test]
    fn a_narrow_terminal_has_as_many_lines_and_no_escape_code_is_drawn() {
        let picture = Picture::new(&sample(), &shown(), Some(Cause::Ceiling), true);
        for columns in [0, 1, 40, 41, 60, 200, u16::MAX] {
            let drawn = draw(&picture, columns);
            let wide = usize::from(columns.max(COLUMNS_MIN)) * usize::from(LINES);
            assert_eq!(drawn.chars().count(), wide, "{columns}: {drawn}");
            assert!(!drawn.contains(char::is_control), "{drawn:?}");
        }
        assert!(lines(&picture, 40)[0].starts_with(" 42 %  memory (2 o… ["));
    }

    #[test]
    fn each_phase_has_a_name() {
        let of = |state, disk_remaining_bytes, has_storage| {
            let sample = Sample {
                state,
                disk_remaining_bytes,
                ..sample()
            };
            let picture = Picture::new(&sample, &Shown::default(), None, has_storage);
            (picture.head, picture.facts, picture.decision)
        };
        let (head, facts, _) = of(JobState::Setup, 64 << 20, true);
        assert_eq!(
            (&*head, &*facts),
            ("  0 %  storage (1 of 2)", "64 MiB of storage remaining")
        );
        assert_eq!(of(JobState::Setup, 0, true).0, "  0 %  memory (2 of 2)");
        assert_eq!(of(JobState::Setup, 0, false).0, "  0 %  preparing");
        let (head, _, decision) = of(JobState::Switchover, 0, false);
        assert_eq!((&*head, &*decision), ("  0 %  memory", "switching over"));
        assert_eq!(of(JobState::Postcopy, 0, false).0, "  0 %  post-copy");
    }
}
