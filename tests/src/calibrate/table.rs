//! The table of predictions.

use std::fmt::Write as _;

use super::judge::{Judged, Prediction};

/// How near a prediction must be, per cent of the recorded value.
const PAUSE_PERCENT: f64 = 15.0;
const TOTAL_PERCENT: f64 = 10.0;

/// How many of the runs were predicted near enough.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Shares {
    /// Runs predicted.
    pub runs: u32,
    /// With the pause within 15 %.
    pub pause: u32,
    /// With the total within 10 %.
    pub total: u32,
}

impl Shares {
    /// Nine in ten, of pauses and of totals.
    #[must_use]
    pub const fn good(self) -> bool {
        self.runs > 0 && self.pause * 10 >= self.runs * 9 && self.total * 10 >= self.runs * 9
    }

    fn count(&mut self, off: Off) {
        self.runs += 1;
        self.pause += u32::from(off.pause.abs() <= PAUSE_PERCENT);
        self.total += u32::from(off.total.abs() <= TOTAL_PERCENT);
    }
}

/// How far off, per cent.
#[derive(Clone, Copy)]
struct Off {
    pause: f64,
    total: f64,
}

fn off(judged: &Judged<'_>, prediction: Prediction) -> Off {
    let run = &judged.recording.run;
    Off {
        pause: (prediction.pause_ms / run.pause_ms - 1.0) * 100.0,
        total: (prediction.total_ms / run.total_ms as f64 - 1.0) * 100.0,
    }
}

/// The table as text, and the shares: of the known guests, of the recorded ones.
#[must_use]
pub fn print(judged: &[Judged<'_>]) -> (String, Shares, Shares) {
    let mut text = format!(
        "{:<20}{:>8}{:>9}  {:>18}{:>18}   {:>18}{:>18}  guest of\n",
        "run, ms", "pause", "total", "known: pause", "total", "recorded: pause", "total"
    );
    let (mut known, mut recorded) = (Shares::default(), Shares::default());
    for one in judged {
        let run = &one.recording.run;
        let first = cells(one, one.known, &mut known);
        let second = cells(one, one.recorded.map(|(p, _)| p), &mut recorded);
        let of = match one.recorded {
            Some((_, name)) => name,
            None if one.same_law => "-",
            None => "- (the law decides otherwise today)",
        };
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "{:<20}{:>8.0}{:>9}  {first}   {second}  {of}",
            one.recording.name, run.pause_ms, run.total_ms
        );
    }
    for (name, shares) in [("known", known), ("recorded", recorded)] {
        let Shares { runs, pause, total } = shares;
        let _ = writeln!(
            text,
            "{name} guests: {pause} of {runs} pauses within {PAUSE_PERCENT} %, \
             {total} of {runs} totals within {TOTAL_PERCENT} %"
        );
    }
    (text, known, recorded)
}

fn cells(judged: &Judged<'_>, prediction: Option<Prediction>, shares: &mut Shares) -> String {
    let Some(prediction) = prediction else {
        return format!("{:>18}{:>18}", "-", "-");
    };
    let off = off(judged, prediction);
    shares.count(off);
    let cell = |ms: f64, percent: f64, most: f64| {
        let mark = if percent.abs() > most { '!' } else { ' ' };
        format!("{ms:>9.0} {percent:>+6.1}%{mark}")
    };
    format!(
        "{}{}",
        cell(prediction.pause_ms, off.pause, PAUSE_PERCENT),
        cell(prediction.total_ms, off.total, TOTAL_PERCENT)
    )
}

#[cfg(test)]
mod tests {
    use super::Shares;

    #[test]
    fn nine_in_ten_are_needed_of_each() {
        let shares = |runs, pause, total| Shares { runs, pause, total };
        assert!(shares(10, 9, 9).good() && shares(29, 27, 29).good());
        assert!(!shares(10, 8, 10).good() && !shares(10, 10, 8).good());
        assert!(!shares(29, 26, 29).good() && !Shares::default().good());
    }
}
