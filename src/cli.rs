//! The commands and flags. Nothing is done here.

mod examples;
mod slip;
mod what;

use std::io::{IsTerminal, Write, stderr, stdout};
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::config;
use crate::logger::escape;
use crate::metadata::imds::Url;
use crate::select::Selector;
use crate::stacks::{self, Stack};
pub use what::{Egress, Hotplug, Package};

/// Every address of every ENI of this EC2 instance leaves by the interface that owns it.
///
/// eniroute reads what the VPC says this instance is (IMDSv2), gives each ENI its addresses, a route table and
/// rules, writes the same to the files of the host's network stack for the next boot, and changes only what
/// differs. Start with `eniroute plan`: it shows all that `apply` would do, and does nothing.
#[derive(Debug, Parser)]
#[command(name = "eniroute", version, propagate_version = true, max_term_width = 100, after_help = examples::AFTER_HELP)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
    #[command(flatten)]
    pub common: Common,
}

/// The columns of a terminal that does not say how many it has.
const COLUMNS: usize = 80;

impl Cli {
    /// All commands, each with an example at its end.
    pub fn definition() -> clap::Command {
        examples::added(Self::command())
    }

    /// Reads the process's command line. Help is wrapped at the terminal's width. What is wrong with it, and what is
    /// only to be shown (`--help`), ends the process.
    pub fn read() -> Self {
        let command = Self::definition();
        // Without either, clap takes 100 columns.
        let is_known = stdout().is_terminal() || std::env::var_os("COLUMNS").is_some();
        let command = if is_known {
            command
        } else {
            command.term_width(COLUMNS)
        };
        let read = command
            .try_get_matches()
            .and_then(|matches| Self::from_arg_matches(&matches));
        read.unwrap_or_else(|error| end(&slip::suggested(error)))
    }
}

const IMDS_HELP: &str = "Where the metadata service is, e.g. http://127.0.0.1:8080 \
    [default: http://169.254.169.254, then http://[fd00:ec2::254]]";

/// What is shown of wrong arguments is escaped, as all text from outside.
fn end(error: &clap::Error) -> ! {
    if !error.use_stderr() {
        error.exit();
    }
    let text = escape::text(&error.render().to_string());
    // A reader that has gone away is no other mistake.
    let _ = stderr().write_all(text.as_bytes());
    std::process::exit(error.exit_code())
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Configure every ENI, now and for the next boot
    Apply(Apply),
    /// Show what `apply` would do: `ip` commands and file diffs
    Plan(Plan),
    /// Show each ENI: interface, table, private and public addresses, state
    Status(Status),
    /// Say what is wrong, why, and what to do, with the proof of it
    Check(Check),
    /// Say what a finding means, or which way a packet takes, and its answer
    Explain(Explain),
    /// Take back all that eniroute did, and only that
    Remove(Remove),
    /// Look after the clients of `[[egress]]`
    #[command(subcommand)]
    Egress(Egress),
    /// Follow what EC2 has changed; cheap and silent where nothing has
    ///
    /// eniroute-refresh.timer calls it every minute.
    #[command(hide = true)]
    Refresh,
    /// Deal with an interface that has appeared, gone or changed
    ///
    /// udev and systemd call it.
    #[command(subcommand, hide = true)]
    Hotplug(Hotplug),
    /// Do what a maintainer script of the .deb or the .rpm has to do
    ///
    /// dpkg and rpm call it.
    #[command(hide = true)]
    Package(Package),
}

impl Command {
    /// As the report has it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Apply(_) => "apply",
            Self::Plan(_) => "plan",
            Self::Status(_) => "status",
            Self::Check(_) => "check",
            Self::Explain(_) => "explain",
            Self::Remove(_) => "remove",
            Self::Egress(_) => "egress",
            Self::Refresh => "refresh",
            Self::Hotplug(_) => "hotplug",
            Self::Package(_) => "package",
        }
    }

    /// It does not only look.
    pub fn may_change(&self) -> bool {
        !matches!(
            self,
            Self::Plan(_)
                | Self::Status(_)
                | Self::Check(_)
                | Self::Explain(_)
                | Self::Apply(Apply { dry_run: true, .. })
        )
    }
}

/// The flags of `apply`.
#[derive(Debug, Default, Args)]
pub struct Apply {
    #[command(flatten)]
    pub selected: Selected,
    /// Only show what would be done (the same as `plan`)
    #[arg(long)]
    pub dry_run: bool,
    /// Go on although another tool (amazon-ec2-net-utils, nm-cloud-setup, cloud-netconfig) configures the ENIs
    #[arg(long)]
    pub force: bool,
    /// As a service: where there is nothing to do (no EC2 instance, another tool in charge, metadata turned off), say so in one line and succeed
    #[arg(long, conflicts_with = "dry_run")]
    pub service: bool,
    #[command(flatten)]
    pub parts: Parts,
}

/// The flags of `plan`.
#[derive(Debug, Args)]
pub struct Plan {
    #[command(flatten)]
    pub selected: Selected,
    #[command(flatten)]
    pub parts: Parts,
    /// End with 5 where something would change
    #[arg(long)]
    pub exit_code: bool,
}

/// Which halves of the work to do, and how.
#[derive(Clone, Debug, Default, Args)]
pub struct Parts {
    /// Leave the files alone: what is done is gone at the next boot
    #[arg(long)]
    pub no_persist: bool,
    /// Leave the kernel alone: only write the files
    #[arg(long)]
    pub no_kernel: bool,
    #[arg(long, value_name = "NAME", value_parser = stacks::by_name, help = format!("Write for this network stack, whatever is found on the host: {}", stacks::names()))]
    pub backend: Option<&'static Stack>,
}

/// The ENIs that are meant: without a selector all.
#[derive(Clone, Debug, Default, Args)]
pub struct Selected {
    /// Only this ENI: interface name, altname, MAC, eni-id, device number, private or public address (repeatable)
    #[arg(long = "eni", value_name = "SELECTOR", value_parser = |text: &str| Ok::<_, String>(Selector::new(text)))]
    pub enis: Vec<Selector>,
}

/// What to show, and how.
#[derive(Debug, Default, Args)]
pub struct Status {
    #[command(flatten)]
    pub selected: Selected,
    /// Say where this address lives: a private or a public one
    #[arg(conflicts_with_all = ["enis", "metrics"])]
    pub address: Option<IpAddr>,
    /// Print OpenMetrics text, for node_exporter's textfile collector
    #[arg(long)]
    pub metrics: bool,
}

/// How to look, and how to say it.
#[derive(Debug, Default, Args)]
pub struct Check {
    /// One line a finding
    #[arg(long)]
    pub brief: bool,
    /// Warnings end it with 3, too, as errors do
    #[arg(long)]
    pub strict: bool,
    /// Only what is new since this earlier output of `check --json`
    #[arg(long, value_name = "FILE")]
    pub baseline: Option<PathBuf>,
    /// Send real packets: a request to the metadata service from each address, and a datagram to each subnet's router
    #[arg(long)]
    pub probe: bool,
    /// With --probe: ask this service from each address, too, which answers with the address that it sees; nothing else is ever sent out of the VPC
    #[arg(long, value_name = "URL", requires = "probe", value_parser = Url::parse)]
    pub probe_url: Option<Url>,
}

const EXPLAIN_USAGE: &str = "\
eniroute explain CODE
       eniroute explain ADDRESS [to DESTINATION] [--in INTERFACE]
       eniroute explain ADDRESS [--from ADDRESS] [--in INTERFACE]";

/// A finding's code, or a packet.
#[derive(Debug, Default, Args)]
#[command(override_usage = EXPLAIN_USAGE)]
pub struct Explain {
    /// A finding's code (R3), or an address, private or public. Alone: a packet from this address of the host to the Internet, and the answer; with `to DESTINATION`: to there
    #[arg(value_name = "CODE|ADDRESS", required = true, num_args = 1..=3)]
    pub words: Vec<String>,
    /// The packet is from here to ADDRESS: from somewhere else, and arrives by the ENI that owns ADDRESS; or from this host. 0.0.0.0 or ::, of a program that chooses no address
    #[arg(long, value_name = "ADDRESS")]
    pub from: Option<IpAddr>,
    /// The packet arrives by this interface; without `to` and --from, from the Internet
    #[arg(long = "in", value_name = "INTERFACE")]
    pub dev: Option<String>,
}

/// The flags of `remove`.
#[derive(Debug, Default, Args)]
pub struct Remove {
    #[command(flatten)]
    pub selected: Selected,
    /// Only what was made on another instance, of whose disk this one's is a copy (an AMI); else nothing. For the boot, before the network is up
    #[arg(long, conflicts_with = "enis")]
    pub image: bool,
    /// Leave the kernel alone: only the files go now, and all else at the next boot
    #[arg(long, conflicts_with = "image")]
    pub no_kernel: bool,
}

/// The flags of every command.
#[derive(Clone, Debug, Args)]
pub struct Common {
    /// Wait at most this long for the metadata service, and for another run to end
    #[arg(long, global = true, value_name = "SECONDS", default_value = "5", value_parser = seconds)]
    pub wait: Duration,
    /// Print one JSON document instead of text
    #[arg(long, global = true)]
    pub json: bool,
    /// Look for files, and write them, below this folder
    #[arg(long, global = true, value_name = "DIR", default_value = "/")]
    pub root: PathBuf,
    /// Where the metadata service is; `None`: where EC2 has it.
    #[arg(
        help = IMDS_HELP,
        long,
        global = true,
        value_name = "URL",
        env = "ENIROUTE_IMDS",
        hide_env_values = true
    )]
    pub imds: Option<String>,
    /// Configuration file [default: /etc/eniroute.toml, if it is there]
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Say more on stderr (-v: decisions and each change; -vv: each metadata request too)
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
    /// Say only what went wrong
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub quiet: bool,
}

impl Common {
    /// The configuration file to read, and whether it must be there.
    pub fn config_path(&self) -> (PathBuf, bool) {
        let usual = config::DEFAULT_PATH.trim_start_matches('/');
        let chosen = self.config.clone();
        let must_exist = chosen.is_some();
        (chosen.unwrap_or_else(|| self.root.join(usual)), must_exist)
    }
}

/// Seconds as a person writes them: `5`, `0.5`; at most a day.
fn seconds(text: &str) -> Result<Duration, String> {
    let number: f64 = text
        .parse()
        .map_err(|_| "not a number of seconds".to_owned())?;
    if (0.0..=86_400.0).contains(&number) {
        Ok(Duration::from_secs_f64(number))
    } else {
        Err("must be between 0 and 86400".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    fn parse(args: &str) -> Result<Cli, clap::Error> {
        Cli::try_parse_from(args.split_whitespace()).map_err(slip::suggested)
    }

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn common_flags_may_stand_behind_the_command() {
        let cli = parse("eniroute apply --wait 0.5 --json --root /tmp/x -vv").unwrap();
        assert_eq!(cli.common.wait, Duration::from_millis(500));
        assert_eq!(
            cli.common.config_path(),
            (PathBuf::from("/tmp/x/etc/eniroute.toml"), false)
        );
        assert_eq!((cli.common.json, cli.common.verbose), (true, 2));
    }

    #[test]
    fn what_udev_and_systemd_call_stands_apart_in_the_help() {
        let help = Cli::command().render_help().to_string();
        let (_, services) = help.split_once("Called by udev and systemd:").unwrap();
        let mut command = Cli::command();
        for name in ["refresh", "hotplug"] {
            let about = command
                .find_subcommand_mut(name)
                .unwrap()
                .get_about()
                .unwrap();
            assert!(services.contains(&format!("  {name}  {about}\n")), "{help}");
            assert_eq!(help.matches(&format!("  {name} ")).count(), 1, "{help}");
        }
    }

    #[test]
    fn selectors_repeat() {
        let cli = parse("eniroute remove --eni eth1 --eni eni-0abc").unwrap();
        let Command::Remove(remove) = cli.command else {
            panic!()
        };
        assert_eq!(
            remove.selected.enis,
            [Selector::new("eth1"), Selector::new("eni-0abc")]
        );
    }

    #[test]
    fn a_slip_in_a_command_a_flag_or_a_value_names_the_nearest() {
        for (slip, meant) in [
            ("eniroute aply", "'apply'"),
            ("eniroute help stauts", "'status'"),
            ("eniroute egress drian 10.0.0.10", "'drain'"),
            ("eniroute hotplug chnage", "'change'"),
            ("eniroute plan --exit-cod", "'--exit-code'"),
            ("eniroute status --jsn", "'--json'"),
            ("eniroute plan --backend netpaln", "`netplan`"),
            ("eniroute package postins configure", "'postinst'"),
        ] {
            let said = parse(slip).unwrap_err().to_string();
            assert!(said.contains(meant), "{slip}: {said}");
            let ends = ["similar", "did you mean"];
            assert!(ends.iter().any(|end| said.contains(end)), "{slip}: {said}");
        }
        for strange in [
            "eniroute xyzzy",
            "eniroute plan --frobnicate",
            "eniroute plan --backend bsd",
        ] {
            let said = parse(strange).unwrap_err().to_string();
            assert!(
                !said.contains("similar") && !said.contains("did you mean"),
                "{said}"
            );
        }
    }

    #[test]
    fn wrong_words_are_refused() {
        for wrong in [
            "eniroute",
            "eniroute aply",
            "eniroute apply --wait -1",
            "eniroute apply --wait 1e9",
            "eniroute -q -v plan",
            "eniroute apply --service --dry-run",
            "eniroute remove --image --eni eth1",
        ] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
