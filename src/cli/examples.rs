//! How the help of each command ends: an example, and where to read on.

use clap::Command;

/// What `eniroute help` ends with.
pub(super) const AFTER_HELP: &str = "\
Called by udev and systemd:
  refresh  Follow what EC2 has changed; cheap and silent where nothing has
  hotplug  Deal with an interface that has appeared, gone or changed

Called by dpkg and rpm:
  package  Do what a maintainer script of the .deb or the .rpm has to do

Exit codes:
  0  done, or nothing to do
  1  something failed; all else was done, and is reported
  2  wrong usage or configuration, or not root; nothing was touched
  3  `check` has found errors (with --strict: or warnings)
  4  the metadata service cannot be reached or refuses, and nothing was changed;
     or a service has waited for an ENI of which it has not said all
  5  `plan --exit-code`: something would change
  6  `egress drain`: flows are left";

/// A command, a command line of it, what that does, and the page that goes on. Of what others call, too.
const EXAMPLES: [(&str, &str, &str, &str); 15] = [
    (
        "apply",
        "eniroute apply --eni eth1",
        "configures one ENI, now and for the next boot",
        "docs/operation.md",
    ),
    (
        "plan",
        "eniroute plan --exit-code",
        "says by 5 that something would change",
        "docs/operation.md",
    ),
    (
        "status",
        "eniroute status 3.104.193.180",
        "says where an address lives",
        "docs/operation.md",
    ),
    (
        "check",
        "eniroute check --brief",
        "has one line for each finding",
        "docs/troubleshooting.md",
    ),
    (
        "explain",
        "eniroute explain 172.31.41.29 to 8.8.8.8",
        "is the way of one packet, rule by rule",
        "docs/troubleshooting.md",
    ),
    (
        "egress",
        "eniroute egress drain 54.178.197.195 --wait 600",
        "gives a NAT address no new flows, and waits for the others to end",
        "docs/nat.md",
    ),
    (
        "egress drain",
        "eniroute egress drain 54.178.197.195",
        "gives it no new flows, and waits for five seconds",
        "docs/nat.md",
    ),
    (
        "egress load",
        "eniroute egress load",
        "puts the table back that `nft flush ruleset` has taken away",
        "docs/nat.md",
    ),
    (
        "remove",
        "eniroute remove --eni eth1",
        "takes back what was made for one ENI",
        "docs/operation.md",
    ),
    (
        "refresh",
        "eniroute refresh",
        "configures at once what EC2 has just assigned",
        "docs/operation.md",
    ),
    (
        "hotplug",
        "eniroute hotplug change",
        "puts back what somebody has taken away",
        "docs/operation.md",
    ),
    (
        "hotplug add",
        "eniroute hotplug add eth1 --wait 30",
        "configures an ENI as soon as EC2 has published it",
        "docs/operation.md",
    ),
    (
        "hotplug remove",
        "eniroute hotplug remove eth1",
        "forgets every ENI whose interface is gone",
        "docs/operation.md",
    ),
    (
        "hotplug change",
        "eniroute hotplug change",
        "puts back what somebody has taken away",
        "docs/operation.md",
    ),
    (
        "package",
        "eniroute package postinst configure",
        "configures every ENI, as the package's installation does",
        "docs/operation.md",
    ),
];

/// The same command with these ends.
pub(super) fn added(command: Command) -> Command {
    EXAMPLES
        .into_iter()
        .fold(command, |command, (name, line, does, page)| {
            let end = format!("Example:\n  {line}\n  {does}\n\nRead on: man eniroute, {page}");
            match name.split_once(' ') {
                Some((outer, name)) => command.mut_subcommand(outer, |outer| {
                    outer.mut_subcommand(name, |one| one.after_help(end))
                }),
                None => command.mut_subcommand(name, |one| one.after_help(end)),
            }
        })
}
