//! Files: what each finding means, at length.

use super::{Code, Entry, Severity};

/// See [`Code::F1`].
pub const F1: Entry = Entry {
    code: Code::F1,
    severity: Severity::Error,
    title: "A file of eniroute's is missing, or other than it should be",
    symptom: "Everything works, but after the next reboot the second IP is dead; a file of eniroute's \
        was deleted or edited.",
    consequence: "The next boot does not bring up this ENI as it is now.",
    cause: "A file that eniroute wrote is gone, was edited, or could not be written (a disk that is \
        full or read-only).",
    by_hand: "`eniroute plan`: the difference, as a diff",
    remedy: "`eniroute apply` writes it anew. To change something, use `/etc/eniroute.toml` or a file \
        of your own beside it: the first line of each file says how to opt out.",
};

/// See [`Code::F2`].
pub const F2: Entry = Entry {
    code: Code::F2,
    severity: Severity::Error,
    title: "A file is there, and its network stack goes by another one",
    symptom: "The configuration file is right, and yet the interface comes up otherwise; netplan or \
        networkd ignores my file.",
    consequence: "At the next boot the other file decides, and this ENI does not come up as written.",
    cause: "Each network stack takes one definition for an interface: networkd the first file that \
        matches, by name; NetworkManager the profile with the highest priority. Another one \
        wins, or the file has rights that the stack refuses.",
    by_hand: "`networkctl status eth1`: Network File is what counts\n\
        `nmcli -f NAME,FILENAME,DEVICE connection show`: the same of NetworkManager\n\
        `netplan get`: what all files say together",
    remedy: "Take the other definition away, or narrow its match; `eniroute apply` then writes what \
        is missing. Keyfiles must be root's, with mode 600.",
};

/// See [`Code::F3`].
pub const F3: Entry = Entry {
    code: Code::F3,
    severity: Severity::Warning,
    title: "The network stack would delete rules or routes that no file of its own has",
    symptom: "After an update of systemd, or a restart of systemd-networkd, all my ip rules are gone.",
    consequence: "When the network stack starts again, the rules and routes vanish until eniroute has put \
        them back.",
    cause: "systemd-networkd removes rules and routes that are in none of its files when it starts: \
        routes always by default, rules since version 257.",
    by_hand: "`networkctl --version`: which version it is\n\
        `systemd-analyze cat-config systemd/networkd.conf`: ManageForeignRoutes, \
        ManageForeignRoutingPolicyRules",
    remedy: "`eniroute-restarted.service` puts eniroute's back within seconds. For others', set both \
        to `no` in `/etc/systemd/networkd.conf.d`, or write them into networkd's files.",
};

/// See [`Code::F4`].
pub const F4: Entry = Entry {
    code: Code::F4,
    severity: Severity::Warning,
    title: "The next boot would bring up something else than there is now",
    symptom: "It works now, and I am afraid of the reboot; after a reboot the settings are gone.",
    consequence: "Until eniroute has run, the next boot brings up something else than there is now.",
    cause: "The files lack something that the kernel has: it was added by hand, the stack's files \
        cannot hold it, or the files were not written (`--no-persist`).",
    by_hand: "`eniroute plan`: what the files lack\n\
        `ip rule; ip route show table all`: what there is now",
    remedy: "`eniroute apply` writes the files. What no file can hold, eniroute's service makes at \
        each boot.",
};

/// See [`Code::F5`].
pub const F5: Entry = Entry {
    code: Code::F5,
    severity: Severity::Hint,
    title: "The network stack has not loaded newer files",
    symptom: "I changed a file in /etc/systemd/network or /etc/netplan and nothing happened.",
    consequence: "What the newer files say holds from the stack's next start, or the next reboot.",
    cause: "A running network manager reads its files at its start and when it is asked to. eniroute \
        does not ask it where that would also reconfigure the primary ENI.",
    by_hand: "`networkctl status eth1`: systemd warns that the file has changed on disk\n\
        `systemctl show systemd-networkd -p ActiveEnterTimestamp`: when it started",
    remedy: "Nothing: the kernel has it already. `networkctl reload` in a quiet hour, if it should be \
        loaded at once.",
};

/// See [`Code::F6`].
pub const F6: Entry = Entry {
    code: Code::F6,
    severity: Severity::Warning,
    title: "This version of the network stack has a known defect",
    symptom: "It should work and does not, on one version of a distribution only.",
    consequence: "This version does not do what its files say.",
    cause: "The installed version of netplan, NetworkManager or systemd has a fault that later ones \
        do not have.",
    by_hand: "`netplan info`, `nmcli --version`, `networkctl --version`: the versions",
    remedy: "Upgrade the package; the finding names the fault and the version.",
};
