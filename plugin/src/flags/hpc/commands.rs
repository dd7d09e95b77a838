//! The commands `hpc-*`.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Command, CommandFactory, Parser, Subcommand};

use super::moment::Moment;
use super::values::{self, Deadline, Ended, Job, ReplayLaw};

/// One of them.
#[derive(Clone, Debug, PartialEq, Eq, Subcommand)]
pub enum HpcCommand {
    /// Show, set or clear a domain's migration policy, which marks the domain
    HpcPolicy(PolicyArgs),
    /// Tell before a migration what will refuse or hurt it, and what it will cost
    HpcEstimate(EstimateArgs),
    /// Run a law over a trace of an earlier migration
    HpcReplay(ReplayArgs),
    /// Report on the performance of earlier migrations, from their traces
    HpcReport(ReportArgs),
    /// List earlier migrations, the newest last, from their traces
    HpcHistory(HistoryArgs),
    /// Show what the agent of this host watches and controls, and why
    HpcStatus(StatusArgs),
    /// Make the agent of this host release a domain's migration, and end an hpc-adopt
    HpcRelease(DomainArgs),
    /// Make the agent of this host control a domain's migrations even if it is not marked
    HpcAdopt(DomainArgs),
    /// Show what virsh-hpc adds to virsh
    HpcHelp(HelpArgs),
}

/// The arguments of `hpc-policy`; without any option it shows the policy.
#[derive(Clone, Debug, Default, PartialEq, Eq, Args)]
pub struct PolicyArgs {
    /// Name, id or UUID of the domain
    pub domain: String,
    /// How much pre-copy is assumed to slow the application, in percent
    #[arg(long, value_name = "PERCENT", value_parser = values::slowdown_percent)]
    pub set_slowdown: Option<u8>,
    /// The longest pause to choose, in milliseconds
    #[arg(long, value_name = "MS", value_parser = values::downtime_ms)]
    pub set_max_downtime: Option<u32>,
    /// Seconds until: switchover (whatever the pause), abort or postcopy
    #[arg(long, value_name = "SECONDS[,ACTION]")]
    pub set_deadline: Option<Deadline>,
    /// The highest speed while the guest runs, in MiB/s
    #[arg(long, value_name = "MIB/S", value_parser = values::bandwidth_mib_s)]
    pub set_bandwidth: Option<u64>,
    /// Whether the guest may switch to post-copy: a network failure in it loses the guest
    #[arg(long, value_name = "YES|NO", value_parser = values::yes_or_no,
          action = clap::ArgAction::Set)]
    pub set_postcopy: Option<bool>,
    /// Whether memory may be sent with XBZRLE (delta compression), which takes memory of the source's host
    #[arg(long, value_name = "YES|NO", value_parser = values::yes_or_no,
          action = clap::ArgAction::Set)]
    pub set_compression: Option<bool>,
    /// The job the domain belongs to, and the number of the job's domains
    #[arg(long, value_name = "ID,MEMBERS")]
    pub set_job: Option<Job>,
    /// Mark the domain as HPC, with the defaults for all that is not set
    #[arg(long)]
    pub mark: bool,
    /// Remove the mark and the policy
    #[arg(long, conflicts_with_all = ["mark", "set_slowdown", "set_max_downtime", "set_deadline",
          "set_bandwidth", "set_postcopy", "set_compression", "set_job"])]
    pub clear: bool,
    /// Only in the running domain; without --live and --config, in both definitions, as far as they exist
    #[arg(long)]
    pub live: bool,
    /// Only in the persistent definition
    #[arg(long)]
    pub config: bool,
    /// Print the domain's whole XML before and after
    #[arg(long)]
    pub verbose: bool,
}

impl PolicyArgs {
    /// Whether the policy is shown and nothing is changed.
    #[must_use]
    pub const fn shows_only(&self) -> bool {
        !self.mark
            && !self.clear
            && self.set_slowdown.is_none()
            && self.set_max_downtime.is_none()
            && self.set_deadline.is_none()
            && self.set_bandwidth.is_none()
            && self.set_postcopy.is_none()
            && self.set_compression.is_none()
            && self.set_job.is_none()
    }
}

/// The arguments of `hpc-estimate`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Args)]
pub struct EstimateArgs {
    /// Name, id or UUID of the domain
    pub domain: String,
    /// The destination's connection URI; without it, only the source is checked
    #[arg(value_name = "DESTURI")]
    pub dest_uri: Option<String>,
    /// The link's bandwidth in MiB/s; without it, that of the last migration in the traces
    #[arg(long, value_name = "MIB/S", value_parser = values::bandwidth_mib_s)]
    pub bandwidth: Option<u64>,
    /// How long the guest's writes are measured, at most; 0 measures nothing
    #[arg(long, value_name = "SECONDS", default_value_t = 10,
          value_parser = clap::value_parser!(u32).range(0..=600))]
    pub seconds: u32,
    /// The disks are to be copied along
    #[arg(long)]
    pub copy_storage: bool,
    /// The directory of earlier migrations' traces
    #[arg(long, value_name = "DIR", default_value = "/var/log/libvirt-hpc")]
    pub traces: PathBuf,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// The arguments of `hpc-replay`.
#[derive(Clone, Debug, PartialEq, Eq, Args)]
pub struct ReplayArgs {
    /// The trace, as --hpc-trace or the agent wrote it
    pub trace: PathBuf,
    /// The law to run, or all to compare where each would have stopped; without it, the law of the trace
    #[arg(long, value_name = "LAW")]
    pub law: Option<ReplayLaw>,
    /// Print JSON lines
    #[arg(long)]
    pub json: bool,
    /// Draw the migration as it was recorded, as SVG
    #[arg(long, value_name = "FILE")]
    pub plot: Option<PathBuf>,
}

/// The arguments of `hpc-report`.
#[derive(Clone, Debug, PartialEq, Eq, Args)]
pub struct ReportArgs {
    /// The traces, as --hpc-trace or the agent wrote them
    #[arg(value_name = "TRACE", required = true)]
    pub traces: Vec<PathBuf>,
    /// Write to FILE, in the format of its ending: .html, .md, .csv, .json or, of one trace, .svg; without it, Markdown is printed
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

/// The arguments of `hpc-history`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Args)]
pub struct HistoryArgs {
    /// Name or UUID of one domain; without it, all are listed
    pub domain: Option<String>,
    /// Only migrations recorded then or later: a date, a date and time in UTC, or a span before now, such as 7days
    #[arg(long, value_name = "TIME")]
    pub since: Option<Moment>,
    /// Only migrations recorded earlier than that
    #[arg(long, value_name = "TIME")]
    pub until: Option<Moment>,
    /// Only migrations to a destination whose URI has TEXT in it; virsh-hpc's traces name it, the agent's do not
    #[arg(long, value_name = "TEXT")]
    pub destination: Option<String>,
    /// Only migrations that ended so: moved, failed or unknown
    #[arg(long, value_name = "RESULT")]
    pub result: Option<Ended>,
    /// The directory of the traces; without it, that of agent.toml, or else /var/log/libvirt-hpc
    #[arg(long, value_name = "DIR")]
    pub traces: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// Print a line of CSV for each
    #[arg(long, conflicts_with = "json")]
    pub csv: bool,
}

/// The arguments of `hpc-status`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Args)]
pub struct StatusArgs {
    /// Name or UUID of one active domain, to be shown in full
    pub domain: Option<String>,
    /// Print the agent's answer as JSON
    #[arg(long)]
    pub json: bool,
    /// Print a line of JSON for each switchover, arrival and failure as it happens, of all domains or of one
    #[arg(long, conflicts_with = "json")]
    pub follow: bool,
}

/// The arguments of `hpc-release` and `hpc-adopt`.
#[derive(Clone, Debug, PartialEq, Eq, Args)]
pub struct DomainArgs {
    /// Name or UUID of the domain
    pub domain: String,
}

/// The arguments of `hpc-help`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Args)]
pub struct HelpArgs {
    /// Only the options of migrate
    #[arg(long)]
    pub migrate: bool,
}

#[derive(Parser)]
#[command(
    name = "virsh-hpc",
    bin_name = "virsh-hpc",
    no_binary_name = true,
    disable_help_subcommand = true
)]
struct CommandLine {
    #[command(subcommand)]
    command: HpcCommand,
}

/// The commands' names, in the order of the help.
pub(crate) const NAMES: [&str; 9] = [
    "hpc-policy",
    "hpc-estimate",
    "hpc-replay",
    "hpc-report",
    "hpc-history",
    "hpc-status",
    "hpc-release",
    "hpc-adopt",
    "hpc-help",
];

/// Whether it is the name of one of them.
#[must_use]
pub fn is_name(name: &[u8]) -> bool {
    NAMES.iter().any(|known| known.as_bytes() == name)
}

/// Reads one of them from its name on.
///
/// # Errors
///
/// What clap found wrong, or the help that was asked for: [`report`] prints either.
pub fn parse(words: &[OsString]) -> Result<HpcCommand, clap::Error> {
    CommandLine::try_parse_from(words).map(|line| line.command)
}

/// Prints what [`parse`] returned instead of a command; mistakes end with 1, as virsh's do.
#[must_use]
pub fn report(error: &clap::Error) -> ExitCode {
    // Nowhere is left to say that the message could not be printed.
    let _ = error.print();
    if error.use_stderr() {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    }
}

/// Each of them, ready to be described, in the order of the help.
#[must_use]
pub fn commands() -> Vec<Command> {
    let mut line = CommandLine::command();
    line.build();
    line.get_subcommands().cloned().collect()
}

/// The help of each of them.
pub(crate) fn long_help() -> String {
    let helps = commands()
        .into_iter()
        .map(|mut command| command.render_long_help().to_string());
    helps.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::flags::DeadlineAction;

    fn read(line: &str) -> Result<HpcCommand, clap::Error> {
        parse(&line.split(' ').map(OsString::from).collect::<Vec<_>>())
    }

    #[test]
    fn a_policy_without_options_is_shown() {
        let HpcCommand::HpcPolicy(policy) = read("hpc-policy vm").unwrap() else {
            panic!("another command")
        };
        assert_eq!(
            policy,
            PolicyArgs {
                domain: "vm".to_owned(),
                ..PolicyArgs::default()
            }
        );
        assert!(policy.shows_only());
    }

    #[test]
    fn a_policy_is_set() {
        let line = "hpc-policy --set-slowdown 7 --set-deadline=60,abort vm --set-postcopy no \
                    --set-job slurm-1,8 --set-bandwidth 20 --set-max-downtime 500 --live \
                    --set-compression yes";
        let HpcCommand::HpcPolicy(policy) = read(line).unwrap() else {
            panic!("another command")
        };
        let deadline = Deadline {
            seconds: 60,
            then: Some(DeadlineAction::Abort),
        };
        assert_eq!(policy.set_slowdown, Some(7));
        assert_eq!(policy.set_deadline, Some(deadline));
        assert_eq!(policy.set_postcopy, Some(false));
        assert_eq!(policy.set_compression, Some(true));
        assert_eq!(
            policy.set_job,
            Some(Job {
                id: "slurm-1".to_owned(),
                members: 8
            })
        );
        assert_eq!(policy.set_bandwidth, Some(20));
        assert_eq!(policy.set_max_downtime, Some(500));
        assert!(policy.live && !policy.config && !policy.shows_only());
    }

    #[test]
    fn what_cannot_be_is_refused() {
        for line in [
            "hpc-policy",
            "hpc-policy vm other",
            "hpc-policy vm --clear --mark",
            "hpc-policy vm --clear --set-slowdown 5",
            "hpc-policy vm --set-slowdown 0",
            "hpc-policy vm --set-postcopy maybe",
            "hpc-policy vm --set-job 8",
            "hpc-estimate",
            "hpc-estimate vm uri other",
            "hpc-estimate vm --bandwidth 0",
            "hpc-estimate vm --seconds 601",
            "hpc-replay",
            "hpc-replay t --law other",
            "hpc-report",
            "hpc-report t --output",
            "hpc-report t -o a.md -o b.md",
            "hpc-report t --json",
            "hpc-history a b",
            "hpc-history --since",
            "hpc-history --since yesterday",
            "hpc-history --result ended",
            "hpc-history --json --csv",
            "hpc-help migrate",
            "hpc-status vm other",
            "hpc-status --follow --json",
            "hpc-release",
            "hpc-adopt --json vm",
        ] {
            let error = read(line).unwrap_err();
            assert!(error.use_stderr(), "{line}");
        }
    }

    #[test]
    fn an_estimate_needs_a_domain_alone() {
        let HpcCommand::HpcEstimate(alone) = read("hpc-estimate vm").unwrap() else {
            panic!("another command")
        };
        let expected = EstimateArgs {
            domain: "vm".to_owned(),
            seconds: 10,
            traces: "/var/log/libvirt-hpc".into(),
            ..EstimateArgs::default()
        };
        assert_eq!(alone, expected);
        let line = "hpc-estimate vm qemu+ssh://b/system --bandwidth 112 --seconds=0 --copy-storage \
                    --traces /t --json";
        let HpcCommand::HpcEstimate(full) = read(line).unwrap() else {
            panic!("another command")
        };
        assert_eq!(full.dest_uri.as_deref(), Some("qemu+ssh://b/system"));
        assert_eq!((full.bandwidth, full.seconds), (Some(112), 0));
        assert!(full.copy_storage && full.json && full.traces.as_os_str() == "/t");
    }

    #[test]
    fn a_report_is_of_one_trace_or_of_several() {
        for line in [
            "hpc-report -o r.html a b",
            "hpc-report a --output r.html b",
            "hpc-report a b --output=r.html",
        ] {
            let expected = ReportArgs {
                traces: vec!["a".into(), "b".into()],
                output: Some("r.html".into()),
            };
            assert_eq!(
                read(line).unwrap(),
                HpcCommand::HpcReport(expected),
                "{line}"
            );
        }
    }

    #[test]
    fn a_history_is_of_all_or_of_what_is_asked_for() {
        let all = HpcCommand::HpcHistory(HistoryArgs::default());
        assert_eq!(read("hpc-history").unwrap(), all);
        let line = "hpc-history --since 2026-11-22 vm --until=1h --destination other --result failed --csv \
                    --traces /t";
        let HpcCommand::HpcHistory(asked) = read(line).unwrap() else {
            panic!("another command")
        };
        let expected = HistoryArgs {
            domain: Some("vm".to_owned()),
            since: "2026-11-22".parse().ok(),
            until: Some(Moment::Ago(Duration::from_secs(3600))),
            destination: Some("other".to_owned()),
            result: Some(Ended::Failed),
            traces: Some("/t".into()),
            json: false,
            csv: true,
        };
        assert!(asked.since.is_some());
        assert_eq!(asked, expected);
    }

    #[test]
    fn the_agent_is_asked() {
        let status = |domain: Option<&str>, json| {
            let domain = domain.map(str::to_owned);
            let follow = false;
            HpcCommand::HpcStatus(StatusArgs {
                domain,
                json,
                follow,
            })
        };
        let vm = DomainArgs {
            domain: "vm".to_owned(),
        };
        assert_eq!(read("hpc-status").unwrap(), status(None, false));
        assert_eq!(
            read("hpc-status --json vm").unwrap(),
            status(Some("vm"), true)
        );
        let release = HpcCommand::HpcRelease(vm.clone());
        assert_eq!(read("hpc-release vm").unwrap(), release);
        assert_eq!(read("hpc-adopt vm").unwrap(), HpcCommand::HpcAdopt(vm));
    }

    #[test]
    fn the_names_are_those_of_the_commands() {
        let line = CommandLine::command();
        let names: Vec<_> = line.get_subcommands().map(Command::get_name).collect();
        assert_eq!(names, NAMES);
    }

    #[test]
    fn help_is_no_mistake() {
        let error = read("hpc-policy --help").unwrap_err();
        assert!(!error.use_stderr());
    }
}
