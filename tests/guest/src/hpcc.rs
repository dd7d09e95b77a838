//! A real MPI program: the HPC Challenge benchmark, Debian's `hpcc` under `mpich`, two ranks in one guest.
//!
//! `hpcc:MiB` runs it over and over. The size is that of PTRANS's matrices, which both ranks fill, transpose and check
//! for most of a pass; the other parts are small. Each part checks its results: HPL, DGEMM and PTRANS the residual,
//! RandomAccess its table, STREAM its arrays, FFT the way back. This program reads the output of these checks.

use crate::progress::Progress;
use anyhow::{Context, Result};
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::str::FromStr;
use std::thread;
use std::time::Duration;

/// Where guest-init mounted the image; `/tmp` in it is in memory.
const ROOT: &str = "/mpi";
const INPUT: &str = "/mpi/tmp/hpccinf.txt";
const OUTPUT: &str = "/mpi/tmp/hpccoutf.txt";
/// In the image: two ranks, started without ssh. They talk to each other through shared memory.
const COMMAND: &str = "/usr/bin/mpiexec.hydra -launcher fork -wdir /tmp -np 2 /usr/bin/hpcc";
/// Settings of mpich. A waiting rank sleeps after some polls and leaves the vCPU to the other: by default, mpich spins.
/// And messages of up to 4 MiB go through shared memory at once, not in turns of 64 KiB: of 2 MiB, as hpcc's, that
/// saves 30 turns, and with both ranks on one vCPU half a minute in each pass.
const MPICH: [(&str, &str); 3] = [
    ("MPIR_CVAR_ENABLE_HEAVY_YIELD", "1"),
    ("MPIR_CVAR_POLLS_BEFORE_YIELD", "50"),
    ("MPIR_CVAR_NEMESIS_SHM_EAGER_MAX_SZ", "4194304"),
];
/// The order of HPL's matrix, from which RandomAccess takes the size of its table. Small: a table of 1 MiB costs a
/// guest under TCG 7 s.
const HPL_ORDER: u32 = 250;
/// The time between two readings of the output.
const POLL: Duration = Duration::from_millis(20);

/// The program, with its size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hpcc {
    matrices_mib: u32,
}

impl FromStr for Hpcc {
    type Err = String;

    fn from_str(spec: &str) -> Result<Self, String> {
        spec.strip_prefix("hpcc:")
            .and_then(|size| size.parse().ok())
            .filter(|matrices_mib| (1..=16_384).contains(matrices_mib))
            .map(|matrices_mib| Self { matrices_mib })
            .ok_or_else(|| format!("workload `{spec}`: expected hpcc:MiB, 1 to 16384"))
    }
}

/// One pass by its output.
struct Pass<'a> {
    progress: &'a Progress,
    sections: usize,
    success: bool,
}

impl Pass<'_> {
    fn hear(&mut self, line: &str) {
        if line.starts_with("Begin of ") {
            self.progress.enter(self.sections);
            self.sections += 1;
        } else if line.starts_with("End of ") {
            self.progress.add_steps(1);
        } else if line == "Success=1" {
            self.success = true;
        } else if is_failure(line) {
            self.fail(line);
        }
    }

    /// A failed check; the console reports it.
    fn fail(&self, what: &str) {
        eprintln!("hpcc: {what}");
        self.progress.add_check(false);
    }
}

/// Whether a line of the output reports a wrong result. RandomAccess lets one entry in a hundred pass, because the
/// rules of the benchmark let ranks race; between two ranks without threads none does.
fn is_failure(line: &str) -> bool {
    let count = |before: &str| {
        let number = line.strip_prefix(before)?.split_ascii_whitespace().next()?;
        number.parse::<u64>().ok()
    };
    line.contains("FAILED")
        || line.starts_with("Failed Validation")
        || count("Found ").is_some_and(|errors| errors > 0)
        || count("Node(s) with error ").is_some_and(|nodes| nodes > 0)
}

impl Hpcc {
    /// Runs the program for ever: a section of its output is a step, which section a phase, and a pass that ended
    /// a check. Calls `begun` whenever the ranks begin to compute.
    ///
    /// # Errors
    /// If it cannot be started, or its files cannot be written or read.
    pub fn run(self, progress: &Progress, begun: impl Fn()) -> Result<()> {
        loop {
            self.pass(progress, &begun)?;
        }
    }

    fn pass(self, progress: &Progress, begun: &impl Fn()) -> Result<()> {
        fs::write(INPUT, self.input()).with_context(|| format!("writing {INPUT}"))?;
        // The program appends. A file already there, and empty, can be read from the first moment.
        File::create(OUTPUT).with_context(|| format!("creating {OUTPUT}"))?;
        let mut mpiexec = start()?;
        let mut output = Output::open()?;
        let mut pass = Pass {
            progress,
            sections: 0,
            success: false,
        };
        let status = loop {
            let ended = mpiexec.try_wait().context("waiting for mpiexec")?;
            output.lines(|line| pass.hear(line))?;
            if pass.sections > 0 {
                begun();
            }
            match ended {
                Some(status) => break status,
                None => thread::sleep(POLL),
            }
        };
        if status.success() && pass.success {
            progress.add_check(true);
        } else {
            pass.fail(&format!("ended without success, {status}"));
        }
        Ok(())
    }

    /// The order of PTRANS's matrices: two of doubles, of our size together.
    fn order(self) -> u32 {
        (self.matrices_mib * ((1 << 20) / 16)).isqrt()
    }

    /// The input file: one size and one way to solve it for HPL, both ranks in a row, and one size more for PTRANS.
    /// The lines are read by their number (`HPL_pdinfo`, then `HPCC_InputFileInit`).
    fn input(self) -> String {
        let order = self.order();
        format!(
            "HPLinpack benchmark input file\n-\nHPL.out\n8 device out: file\n1 sizes\n{HPL_ORDER}\n1 blocks\n80\n\
             0 row-major\n1 grids\n1 P\n2 Q\n16.0 threshold\n1 panel facts\n2\n1 stopping\n4\n1 panels\n2\n\
             1 recursive facts\n1\n1 broadcasts\n1\n1 lookaheads\n1\n2 swap: mix\n64\n0 L1\n0 U\n1 equilibration\n\
             8 alignment\n-\n1 more sizes for PTRANS\n{order}\n0 more blocks for PTRANS\n0\n"
        )
    }
}

fn start() -> Result<Child> {
    Command::new("/bin/busybox")
        .args(["chroot", ROOT])
        .args(COMMAND.split(' '))
        .env_clear()
        .env("PATH", "/usr/bin")
        .envs(MPICH)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .context("starting mpiexec")
}

/// The output file, read as it grows.
struct Output {
    file: BufReader<File>,
    line: Vec<u8>,
}

impl Output {
    fn open() -> Result<Self> {
        let file = File::open(OUTPUT).with_context(|| format!("opening {OUTPUT}"))?;
        Ok(Self {
            file: BufReader::new(file),
            line: Vec::new(),
        })
    }

    /// The lines completed since the last call; the beginning of the next one is kept.
    fn lines(&mut self, mut each: impl FnMut(&str)) -> Result<()> {
        loop {
            let read = self.file.read_until(b'\n', &mut self.line);
            read.with_context(|| format!("reading {OUTPUT}"))?;
            if self.line.pop_if(|last| *last == b'\n').is_none() {
                return Ok(());
            }
            each(&String::from_utf8_lossy(&self.line));
            self.line.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matrices_of_128_mib_have_2896_rows() {
        assert_eq!("hpcc:128".parse::<Hpcc>().map(Hpcc::order), Ok(2896));
        for spec in ["hpcc", "hpcc:", "hpcc:0", "hpcc:x", "hpcc:16385", "flat:1"] {
            assert!(spec.parse::<Hpcc>().is_err(), "{spec}");
        }
    }

    #[test]
    fn the_input_has_the_lines_that_hpcc_counts() {
        let input = Hpcc { matrices_mib: 128 }.input();
        let lines: Vec<_> = input.lines().collect();
        assert_eq!(lines.len(), 36);
        // One-based, in hpcc's own example: Ns 6, NBs 8, Ps 11, threshold 13, alignment 31, separator 32, PTRANS 34.
        let at = [6, 8, 11, 13, 31, 32, 34].map(|number| lines[number - 1]);
        assert_eq!(
            at,
            [
                "250",
                "80",
                "1 P",
                "16.0 threshold",
                "8 alignment",
                "-",
                "2896"
            ]
        );
    }

    #[test]
    fn wrong_results_are_heard() {
        let progress = Progress::default();
        let mut pass = Pass {
            progress: &progress,
            sections: 0,
            success: false,
        };
        for line in [
            "Begin of PTRANS section.",
            "Found 0 errors in 524288 locations (passed).",
            "Node(s) with error 0",
            "WALL   500   500  80  80   1   2     0.00 PASSED    2.429  0.00",
            "    0 tests completed and failed residual checks.",
            "End of PTRANS section.",
            "Begin of HPL section.",
            "Success=1",
        ] {
            pass.hear(line);
        }
        assert!(pass.success);
        let said = (progress.steps(), progress.phase(), progress.corrupt());
        assert_eq!(said, (1, 1, 0));
        for line in [
            "Found 3 errors in 524288 locations (passed).",
            "Node(s) with error 1",
            "WALL   500   500  80  80   1   2     0.00 FAILED    2.429  9.00",
            "Failed Validation on array a[], AvgRelAbsErr > epsilon (1.000000e-13)",
        ] {
            pass.hear(line);
        }
        assert_eq!(progress.corrupt(), 4);
    }
}
