//! What is said on the terminal, and where: virsh's own output to the byte, virsh-hpc's in lines of its own.

use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use crate::backlog::{self, Backlog};

/// The columns of a terminal that does not tell.
const COLUMNS: usize = 80;

/// stderr, and on it at most one line that is still being written: the progress.
///
/// Nothing here fails: where nobody reads, nothing is lost.
#[derive(Debug)]
pub struct Console<W = io::Stderr> {
    stderr: W,
    terminal: bool,
    quiet: bool,
    /// Characters of the line that is not ended; none if there is none.
    open: Option<usize>,
}

impl Console {
    /// The process's stderr. `quiet`: virsh's `-q`, which silences all but warnings and errors.
    #[must_use]
    pub fn new(quiet: bool) -> Self {
        let stderr = io::stderr();
        let terminal = stderr.is_terminal();
        Self::on(stderr, terminal, quiet)
    }
}

/// How often it is asked whether a terminal that is stopped goes on.
const POLL_EVERY: Duration = Duration::from_millis(100);

impl Console<Backlog> {
    /// The same, by a thread of its own: a terminal that is stopped, or a pipe that nobody reads, must not hold up the
    /// migration.
    ///
    /// # Errors
    /// When no thread can be started.
    pub fn unwaited(quiet: bool) -> io::Result<Self> {
        let terminal = io::stderr().is_terminal();
        let stderr = Backlog::start(io::stderr(), lost)?;
        Ok(Self::on(stderr, terminal, quiet))
    }

    /// Waits until all of it is written, as virsh does: the migration is over. Once the user has `given_up`, for a
    /// moment.
    pub fn settle(&mut self, given_up: impl Fn() -> bool) {
        let mut left = backlog::PATIENCE;
        while self.stderr.settle(POLL_EVERY).is_ok_and(|all| !all) && !left.is_zero() {
            if given_up() {
                left = left.saturating_sub(POLL_EVERY);
            }
        }
    }
}

/// What stands for lines that were lost.
fn lost(lines: u64) -> Vec<u8> {
    format!("\nvirsh-hpc: {lines} lines could not be written here\n").into_bytes()
}

impl<W: Write> Console<W> {
    /// For tests, and for other streams.
    pub fn on(stderr: W, terminal: bool, quiet: bool) -> Self {
        Self {
            stderr,
            terminal,
            quiet,
            open: None,
        }
    }

    /// virsh's progress line, and behind it on a terminal `more`, as far as there is room.
    pub fn progress(&mut self, line: &str, more: &str) {
        let mut text = line.to_owned();
        if self.terminal {
            let room = columns().saturating_sub(text.chars().count() + 1);
            text.extend(more.chars().take(room));
        }
        let length = text.chars().count();
        let blank = self.open.unwrap_or(0).saturating_sub(length);
        self.write(&format!("\r{text}{:blank$}", ""));
        self.open = Some(length);
    }

    /// A line of virsh-hpc's that `-q` silences.
    pub fn note(&mut self, text: &str) {
        if !self.quiet {
            self.line(&format!("virsh-hpc: {text}"));
        }
    }

    /// A line of virsh-hpc's that the user must see.
    pub fn warn(&mut self, text: &str) {
        self.line(&format!("virsh-hpc: warning: {text}"));
    }

    /// An error, as virsh prints it.
    pub fn error(&mut self, text: &str) {
        self.line(&format!("error: {text}"));
    }

    /// Leaves the progress line as it stands, as virsh does; what follows on stdout ends it on a
    /// terminal.
    pub fn leave_progress(&mut self) {
        if self.terminal {
            self.open = None;
        }
    }

    fn line(&mut self, text: &str) {
        let clear = match self.open.take() {
            None => String::new(),
            Some(length) if self.terminal => format!("\r{:length$}\r", ""),
            Some(_) => "\n".to_owned(),
        };
        self.write(&format!("{clear}{text}\n"));
    }

    fn write(&mut self, text: &str) {
        // There is no better place to say that stderr is gone, and the migration matters more.
        let _ = self.stderr.write_all(text.as_bytes());
        let _ = self.stderr.flush();
    }
}

fn columns() -> usize {
    terminal_size::terminal_size_of(io::stderr()).map_or(COLUMNS, |(width, _)| width.0.into())
}

/// What virsh prints on stdout after a command (`vshCommandRun`, `tools/vsh.c`).
pub fn after_command(quiet: bool, time_ms: Option<f64>) {
    let text = match time_ms {
        Some(ms) => format!("\n(Time: {ms:.3} ms)\n\n"),
        None if quiet => return,
        None => "\n".to_owned(),
    };
    let mut stdout = io::stdout();
    let _ = stdout.write_all(text.as_bytes());
    let _ = stdout.flush();
}

#[cfg(test)]
mod tests {
    use super::*;

    fn on(terminal: bool, run: impl FnOnce(&mut Console<&mut Vec<u8>>)) -> String {
        let mut bytes = Vec::new();
        run(&mut Console::on(&mut bytes, terminal, false));
        String::from_utf8(bytes).expect("text")
    }

    #[test]
    fn without_a_terminal_progress_is_virshs_to_the_byte() {
        let text = on(false, |console| {
            console.progress("Migration: [ 12 %]", " more");
            console.progress("Migration: [100 %]", " more");
        });
        assert_eq!(text, "\rMigration: [ 12 %]\rMigration: [100 %]");
    }

    #[test]
    fn on_a_terminal_a_longer_line_is_wiped_by_a_shorter_one() {
        let text = on(true, |console| {
            console.progress("Migration: [ 12 %]", "  abc");
            console.progress("Migration: [ 13 %]", "");
            console.note("said");
        });
        let wiped = format!("\rMigration: [ 13 %]{:5}", "");
        assert!(
            text.starts_with(&format!("\rMigration: [ 12 %]  abc{wiped}")),
            "{text:?}"
        );
        assert!(
            text.ends_with(&format!("\r{:18}\rvirsh-hpc: said\n", "")),
            "{text:?}"
        );
    }

    #[test]
    fn a_line_of_its_own_where_there_is_no_terminal() {
        let text = on(false, |console| {
            console.progress("Migration: [ 12 %]", "");
            console.error("broken");
        });
        assert_eq!(text, "\rMigration: [ 12 %]\nerror: broken\n");
    }

    #[test]
    fn quiet_silences_notes_alone() {
        let mut bytes = Vec::new();
        let mut console = Console::on(&mut bytes, false, true);
        console.note("a");
        console.warn("b");
        console.error("c");
        assert_eq!(bytes, b"virsh-hpc: warning: b\nerror: c\n");
    }
}
