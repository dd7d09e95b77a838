//! The table of predictions.

use std::fmt::Write as _;

use super::judge::{Judged, Prediction};

/// How near a prediction must be, per cent of the recorded value.
const PAUSE_PERCENT: f64 = 15.0;
const TOTAL_PERCENT: f64 = 10.0;
/// Or the time from one heartbeat of a guest to the next: a pause is not known more exactly.
const HEARD_MS: f64 = 10.0;

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
        self.pause += u32::from(off.pause_is_near());
        self.total += u32::from(off.total_is_near());
    }
}

/// The runs of an accelerator's guests.
#[derive(Clone, Copy, Debug, Default)]
pub struct Accelerated {
    /// Predicted from the workload as it was configured.
    pub known: Shares,
    /// Predicted from another recording of the same guest.
    pub recorded: Shares,
}

/// How far off.
#[derive(Clone, Copy)]
struct Off {
    pause_percent: f64,
    pause_ms: f64,
    total_percent: f64,
}

impl Off {
    fn pause_is_near(self) -> bool {
        self.pause_percent.abs() <= PAUSE_PERCENT || self.pause_ms.abs() <= HEARD_MS
    }

    fn total_is_near(self) -> bool {
        self.total_percent.abs() <= TOTAL_PERCENT
    }
}

fn off(judged: &Judged<'_>, prediction: Prediction) -> Off {
    let run = &judged.recording.run;
    Off {
        pause_percent: (prediction.pause_ms / run.pause_ms - 1.0) * 100.0,
        pause_ms: prediction.pause_ms - run.pause_ms,
        total_percent: (prediction.total_ms / run.total_ms as f64 - 1.0) * 100.0,
    }
}

/// The table as text, and the shares: of emulated guests, of those under KVM.
#[must_use]
pub fn print(judged: &[Judged<'_>]) -> (String, Accelerated, Accelerated) {
    let mut text = format!(
        "{:<20}{:>8}{:>9}  {:>18}{:>18}   {:>18}{:>18}  guest of\n",
        "run, ms", "pause", "total", "known: pause", "total", "recorded: pause", "total"
    );
    let (mut tcg, mut kvm) = (Accelerated::default(), Accelerated::default());
    for one in judged {
        let run = &one.recording.run;
        let shares = if run.guest.kvm { &mut kvm } else { &mut tcg };
        let first = cells(one, one.known, &mut shares.known);
        let second = cells(one, one.recorded.map(|(p, _)| p), &mut shares.recorded);
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
    for (name, shares) in [
        ("TCG, known", tcg.known),
        ("TCG, recorded", tcg.recorded),
        ("KVM, known", kvm.known),
        ("KVM, recorded", kvm.recorded),
    ] {
        let Shares { runs, pause, total } = shares;
        let _ = writeln!(
            text,
            "{name} guests: {pause} of {runs} pauses within {PAUSE_PERCENT} % or {HEARD_MS} ms, \
             {total} of {runs} totals within {TOTAL_PERCENT} %"
        );
    }
    (text, tcg, kvm)
}

fn cells(judged: &Judged<'_>, prediction: Option<Prediction>, shares: &mut Shares) -> String {
    let Some(prediction) = prediction else {
        return format!("{:>18}{:>18}", "-", "-");
    };
    let off = off(judged, prediction);
    shares.count(off);
    let cell = |ms: f64, percent: f64, is_near: bool| {
        let mark = if is_near { ' ' } else { '!' };
        format!("{ms:>9.0} {percent:>+6.1}%{mark}")
    };
    format!(
        "{}{}",
        cell(prediction.pause_ms, off.pause_percent, off.pause_is_near()),
        cell(prediction.total_ms, off.total_percent, off.total_is_near())
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
