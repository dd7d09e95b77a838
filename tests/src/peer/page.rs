//! The results of virsh and virsh-hpc, side by side: docs/virsh-cases.md.

use std::collections::BTreeMap;
use std::fmt::Write;

use anyhow::Result;
use serde::{Deserialize, Serialize};

use super::case::{Case, Family, LeftOut, Outcome};
use super::run::{Stand, VIRSH, VIRSH_HPC};
use super::seen::{Aspect, Seen};

/// The runs of a case.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Compared {
    /// By virsh: run again if virsh-hpc's differ, because libvirt has more than one answer to some things, as to an
    /// abort while the destination closes its connection.
    pub virsh: Vec<Seen>,
    /// By virsh-hpc.
    #[serde(alias = "ours")]
    pub hpc: Seen,
}

/// How often virsh is tried for the same answer as virsh-hpc's.
const TRIES: usize = 4;

/// The result of the comparison.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// They are the same.
    Same,
    /// They differ as the case says they may.
    Explained,
    /// They differ in these.
    Different(Vec<Aspect>),
    /// They are the same, and the case says that they are not.
    Stale,
}

impl Verdict {
    /// Whether every difference is explained.
    #[must_use]
    pub const fn is_fine(&self) -> bool {
        matches!(self, Self::Same | Self::Explained)
    }
}

impl Compared {
    /// Runs `case` by virsh-hpc, and by virsh until it does the same, a few times at most.
    ///
    /// # Errors
    /// When its preconditions cannot be had.
    pub fn run(stand: &Stand, case: &Case) -> Result<Self> {
        let mut both = Self {
            virsh: vec![stand.run(case, VIRSH)?],
            hpc: stand.run(case, VIRSH_HPC)?,
        };
        while matches!(both.verdict(case), Verdict::Different(_)) && both.virsh.len() < TRIES {
            both.virsh.push(stand.run(case, VIRSH)?);
        }
        Ok(both)
    }

    /// virsh's run that is nearest to virsh-hpc's.
    #[must_use]
    pub fn nearest(&self) -> &Seen {
        let by_differences = |seen: &&Seen| seen.differences(&self.hpc).len();
        self.virsh
            .iter()
            .min_by_key(by_differences)
            .unwrap_or(&self.hpc)
    }

    /// The differences to it.
    fn differences(&self) -> Vec<Aspect> {
        self.nearest().differences(&self.hpc)
    }

    /// Judges them.
    #[must_use]
    pub fn verdict(&self, case: &Case) -> Verdict {
        let mut differences = self.differences();
        if case.takes_either(&self.nearest().said, &self.hpc.said) {
            differences.retain(|aspect| *aspect != Aspect::Stderr);
        }
        let may = |aspect: &Aspect| {
            let meant = case.difference.as_ref();
            meant.is_some_and(|meant| meant.of.contains(aspect))
        };
        match (differences.is_empty(), &case.difference) {
            (true, Some(meant)) if !meant.sometimes => Verdict::Stale,
            (true, _) => Verdict::Same,
            (false, Some(_)) if differences.iter().all(may) => Verdict::Explained,
            _ => Verdict::Different(differences),
        }
    }
}

/// The peer's expectations that virsh does not meet here.
fn unlike_the_peer(case: &Case, virsh: &Seen) -> Vec<String> {
    let mut unlike = Vec::new();
    let failed = virsh.status != 0;
    match case.expect {
        Outcome::Success if failed => unlike.push("success".to_owned()),
        Outcome::Error if !failed => unlike.push("an error".to_owned()),
        _ => {}
    }
    if let Some(message) = &case.message
        && !virsh
            .said
            .iter()
            .any(|line| line.contains(message.as_str()))
    {
        unlike.push(format!("`{message}`"));
    }
    for (place, expected, seen) in [
        ("source", &case.source, &virsh.source),
        ("destination", &case.target, &virsh.target),
    ] {
        if let Some(state) = expected
            && !is_state(seen, state)
        {
            unlike.push(format!("{place} {state}"));
        }
    }
    unlike
}

fn is_state(seen: &str, state: &str) -> bool {
    match state {
        "absent" => !seen.contains("g: "),
        state => seen.contains(&format!(": {state} (")),
    }
}

/// The page. `results` by the cases' names.
#[must_use]
pub fn page(
    families: &[Family],
    results: &BTreeMap<String, Compared>,
    left_out: &[LeftOut],
    made: &str,
) -> String {
    let cases = || families.iter().flat_map(|family| &family.case);
    let ran: Vec<_> = cases()
        .filter_map(|case| Some((case, results.get(&case.name)?)))
        .collect();
    let count = |wanted: fn(&Verdict) -> bool| {
        ran.iter()
            .filter(|(case, both)| wanted(&both.verdict(case)))
            .count()
    };
    let mut page = format!(
        "{HEAD}\n{made}\n\n{} cases, each by virsh and by virsh-hpc: {} the same, {} different for a reason that is given, \
         {} different without.\n",
        ran.len(),
        count(|v| *v == Verdict::Same),
        count(|v| *v == Verdict::Explained),
        count(|v| !v.is_fine()),
    );
    for family in families {
        let _ = write!(page, "\n## {}\n\n{COLUMNS}", family.title);
        for case in &family.case {
            match results.get(&case.name) {
                Some(both) => page.push_str(&row(case, both)),
                None => {
                    let _ = writeln!(page, "| {} | `{}` | not run | | |", case.name, case.words());
                }
            }
        }
    }
    page.push_str("\n## What is not run\n\n| cases | why |\n|---|---|\n");
    for left in left_out {
        let _ = writeln!(page, "| {} | {} |", left.name, left.why);
    }
    page
}

const HEAD: &str = "\
# virsh's cases

Written by `make virsh-cases`. The cases are autotest/tp-libvirt's, the tests of libvirt's distributors: of its
two-host migrations their options, preconditions and expected states, as facts; no code of theirs.

Each case is run twice on two hosts that [tests/rig](../tests/rig/README.md) makes, on a marked guest that is restored from
the same image: once with virsh for every `virsh` in it, once with virsh-hpc. *The same* is: exit status, stdout, stderr but
for lines that begin with `virsh-hpc:` and the progress before its end, what every command beside it answered, and on both
hosts each domain's state with its reason, whether it is persistent, starts with its host and has a title, its limits and
its compression cache. Numbers of four digits and more (ports, processes), UUIDs and times of day do not count. A guest that runs
afterwards has every page checked.

The peer's expectation is of the libvirt that it tests; where virsh itself does otherwise here, that is said.
";

const COLUMNS: &str = "| case | what is run | virsh | virsh-hpc | equal |\n|---|---|---|---|---|\n";

fn row(case: &Case, both: &Compared) -> String {
    let verdict = both.verdict(case);
    let why = case.difference.as_ref().map_or("", |meant| &meant.why);
    let equal = match &verdict {
        Verdict::Same => "yes".to_owned(),
        Verdict::Stale => format!("yes, although: {why}"),
        Verdict::Explained => format!("no: {why}"),
        Verdict::Different(what) => {
            let what: Vec<_> = what.iter().map(|aspect| aspect.as_str()).collect();
            format!("**no**: {}", what.join(", "))
        }
    };
    let mut virsh = told(both.nearest());
    let unlike = unlike_the_peer(case, both.nearest());
    if verdict == Verdict::Same && both.virsh.len() > 1 {
        let _ = write!(
            virsh,
            "<br>(at the {}. try; before that otherwise)",
            both.virsh.len()
        );
    }
    if !unlike.is_empty() {
        let _ = write!(virsh, "<br>(the peer expects {})", unlike.join(", "));
    }
    let hpc = match verdict {
        Verdict::Same | Verdict::Stale => "the same".to_owned(),
        _ => told(&both.hpc),
    };
    let cells = [case.name.clone(), run_as(case), virsh, hpc, equal];
    format!(
        "| {} |\n",
        cells.map(|cell| cell.replace('|', "\\|")).join(" | ")
    )
}

fn run_as(case: &Case) -> String {
    let steps = |when: &str, steps: &[super::stage::Step]| {
        let each = steps.iter().map(|step| format!("{when} `{step}`<br>"));
        each.collect::<String>()
    };
    let told = format!(
        "{}{}{}`virsh {}`<br>{}{}",
        if case.persistent { "persistent; " } else { "" },
        steps("with", &case.conf),
        steps("first", &case.before),
        case.words(),
        steps("meanwhile", &case.during),
        steps("then", &case.after),
    );
    told.trim_end_matches("<br>").to_owned()
}

fn told(seen: &Seen) -> String {
    let mut told = format!("{}", seen.status);
    for line in seen
        .said
        .iter()
        .filter(|line| !line.starts_with("Migration: ["))
    {
        let _ = write!(told, "; `{line}`");
    }
    if !seen.printed.is_empty() {
        let _ = write!(
            told,
            "; prints `{}`",
            seen.printed.trim().replace('\n', " / ")
        );
    }
    for step in &seen.steps {
        let _ = write!(told, "<br>`{step}`");
    }
    format!(
        "{told}<br>source {}<br>destination {}",
        seen.source, seen.target
    )
}
