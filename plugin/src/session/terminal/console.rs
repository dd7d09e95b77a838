//! What is said on the terminal, and where: virsh's own output to the byte, virsh-hpc's in lines of its own.

use std::env;
use std::ffi::OsString;
use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use super::bar::{self, Picture};
use crate::backlog::{self, Backlog};
use crate::harmless;

/// The columns of a terminal that does not tell.
const COLUMNS: u16 = 80;

/// stderr, and on it at most one line or picture that is still being written: the progress.
///
/// Nothing here fails: where nobody reads, nothing is lost.
#[derive(Debug)]
pub struct Console<W = io::Stderr> {
    stderr: W,
    terminal: bool,
    quiet: bool,
    /// Whether the terminal can draw.
    draws: bool,
    /// What is not ended; none if nothing is.
    open: Option<Open>,
}

/// Progress that may be drawn over.
#[derive(Clone, Copy, Debug)]
enum Open {
    /// A line of so many characters.
    Line(usize),
    /// A picture.
    Picture,
}

/// To the beginning of the picture above the cursor, and clear from there on (ECMA-48: CUU, ED).
const ERASE: &str = "\r\x1b[2A\x1b[J";
const _: () = assert!(bar::LINES == 3, "two lines up from the last");

impl Console {
    /// The process's stderr. `quiet`: virsh's `-q`, which silences all but warnings and errors.
    #[must_use]
    pub fn new(quiet: bool) -> Self {
        let stderr = io::stderr();
        let terminal = stderr.is_terminal();
        Self::on(stderr, terminal, quiet)
    }
}

/// Whether a terminal of that kind knows how to move its cursor.
fn can_draw(term: Option<OsString>) -> bool {
    term.is_some_and(|term| !term.is_empty() && term != "dumb")
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
            draws: terminal && can_draw(env::var_os("TERM")) && columns() >= bar::COLUMNS_MIN,
            open: None,
        }
    }

    /// The same, on a terminal that can draw, or one that cannot.
    #[must_use]
    pub fn drawing(self, draws: bool) -> Self {
        Self { draws, ..self }
    }

    /// Whether progress is drawn, rather than written as virsh does.
    #[must_use]
    pub const fn draws(&self) -> bool {
        self.draws
    }

    /// virsh's progress line.
    pub fn progress(&mut self, line: &str) {
        let length = line.chars().count();
        let before = match self.open {
            Some(Open::Picture) => ERASE.to_owned(),
            _ => "\r".to_owned(),
        };
        let blank = match self.open {
            Some(Open::Line(before)) => before.saturating_sub(length),
            _ => 0,
        };
        self.write(&format!("{before}{line}{:blank$}", ""));
        self.open = Some(Open::Line(length));
    }

    /// A picture of the progress, over the last.
    pub fn draw(&mut self, picture: &Picture) {
        let before = self.cleared();
        self.write(&format!("{before}{}", bar::draw(picture, columns())));
        self.open = Some(Open::Picture);
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
        let clear = self.cleared();
        // libvirt's errors repeat what a destination says, and names are their owners'.
        let text = harmless::printable_lines(text);
        self.write(&format!("{clear}{text}\n"));
    }

    /// What takes the cursor to the beginning of a line that is free.
    fn cleared(&mut self) -> String {
        match self.open.take() {
            None => String::new(),
            Some(Open::Picture) => ERASE.to_owned(),
            Some(Open::Line(length)) if self.terminal => format!("\r{:length$}\r", ""),
            Some(Open::Line(_)) => "\n".to_owned(),
        }
    }

    fn write(&mut self, text: &str) {
        // There is no better place to say that stderr is gone, and the migration matters more.
        let _ = self.stderr.write_all(text.as_bytes());
        let _ = self.stderr.flush();
    }
}

fn columns() -> u16 {
    terminal_size::terminal_size_of(io::stderr()).map_or(COLUMNS, |(width, _)| width.0)
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
            assert!(!console.draws());
            console.progress("Migration: [ 12 %]");
            console.progress("Migration: [100 %]");
        });
        assert_eq!(text, "\rMigration: [ 12 %]\rMigration: [100 %]");
    }

    #[test]
    fn on_a_terminal_a_line_is_wiped_by_what_follows() {
        let text = on(true, |console| {
            console.progress("Migration: [ 12 %]");
            console.note("said");
        });
        assert_eq!(
            text,
            format!("\rMigration: [ 12 %]\r{:18}\rvirsh-hpc: said\n", "")
        );
    }

    #[test]
    fn a_picture_is_drawn_over_the_last_and_leaves_room_for_messages() {
        let picture = Picture::default();
        let drawn = bar::draw(&picture, columns());
        let text = on(true, |console| {
            console.draw(&picture);
            console.draw(&picture);
            console.note("said");
            console.draw(&picture);
            console.progress("Migration: [100 %]");
        });
        let expected = format!(
            "{drawn}{ERASE}{drawn}{ERASE}virsh-hpc: said\n{drawn}{ERASE}Migration: [100 %]"
        );
        assert_eq!(text, expected);
    }

    #[test]
    fn only_a_terminal_that_can_move_its_cursor_draws() {
        let can = |term: &str| can_draw(Some(term.into()));
        assert!(can("xterm") && can("linux"));
        assert!(!can("dumb") && !can("") && !can_draw(None));
    }

    #[test]
    fn a_line_of_its_own_where_there_is_no_terminal() {
        let text = on(false, |console| {
            console.progress("Migration: [ 12 %]");
            console.error("broken");
        });
        assert_eq!(text, "\rMigration: [ 12 %]\nerror: broken\n");
    }

    #[test]
    fn what_others_say_does_not_drive_the_terminal() {
        let text = on(true, |console| {
            console.error("refused:\n\u{1b}[2J\u{9b}31m\rerror: none");
            console.warn("vm\u{202e}");
        });
        let expected = "error: refused:\n?[2J?31m?error: none\nvirsh-hpc: warning: vm?\n";
        assert_eq!(text, expected);
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
