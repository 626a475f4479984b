//! Links: what each finding means, at length.

use super::{Code, Entry, Severity};

/// See [`Code::L1`].
pub const L1: Entry = Entry {
    code: Code::L1,
    severity: Severity::Error,
    title: "No interface carries the ENI's MAC",
    symptom: "I attached a network interface and it does not show up in the instance; `ip link` lacks \
        eth1.",
    consequence: "None of the ENI's addresses works on this host.",
    cause: "No interface of this network namespace has the ENI's MAC. It is still coming up, its \
        driver is missing, it is for EFA only, or a container or another namespace has taken it.",
    by_hand: "`ip -brief link`: the MACs that are there\n\
        `lspci | grep -i network`: the card, if PCI knows it\n\
        `dmesg | grep -w ena`: what the driver says",
    remedy: "`modprobe ena`; look into other namespaces with `lsns -t net`. An ENI that belongs to a \
        container can be listed under `exclude` in `/etc/eniroute.toml`.",
};

/// See [`Code::L2`].
pub const L2: Entry = Entry {
    code: Code::L2,
    severity: Severity::Warning,
    title: "An interface is there whose ENI the metadata does not list",
    symptom: "An interface stays after its ENI was detached, or one is there that eniroute does not \
        know.",
    consequence: "Nothing is configured on the interface, and nothing of it is taken away, until EC2 lists \
        it or it is gone.",
    cause: "The metadata lags some seconds behind an attach or a detach. An interface with the same \
        MAC may also be a bridge or a macvlan that copied it.",
    by_hand: "`ip -details link show dev eth1`: what kind of interface it is\n\
        `eniroute status`: the ENIs that EC2 lists",
    remedy: "Wait for a minute. If it stays, list it under `exclude` in `/etc/eniroute.toml`.",
};

/// See [`Code::L3`].
pub const L3: Entry = Entry {
    code: Code::L3,
    severity: Severity::Error,
    title: "A link is down, or without a carrier",
    symptom: "The interface is DOWN or NO-CARRIER in `ip link`; no address of this ENI answers.",
    consequence: "Nothing goes in or out by this ENI.",
    cause: "Nobody has set the link up, someone has set it down, or it was detached from outside \
        while the guest still has it.",
    by_hand: "`ip -brief link`: UP and LOWER_UP should be there\n\
        `ethtool eth1`: Link detected",
    remedy: "`eniroute apply` sets it up. Without a carrier, see in EC2 whether the ENI is attached.",
};

/// See [`Code::L4`].
pub const L4: Entry = Entry {
    code: Code::L4,
    severity: Severity::Warning,
    title: "The MTU is not what the way needs",
    symptom: "SSH connects but hangs at the first large output; small requests work, big ones stall; \
        TLS handshakes time out through a VPN or peering.",
    consequence: "Packets larger than the way takes are dropped, and connections stall with them.",
    cause: "Inside a VPC packets may have 9001 bytes; to the Internet and by VPN 1500 or fewer. \
        Where the ICMP message that says so is filtered, or the ENIs differ, the sender never \
        learns it. A host that forwards between ways of different MTU passes on what both ends \
        have agreed on, unless it clamps the MSS.",
    by_hand: "`ip link show`: the mtu of each ENI\n\
        `ping -M do -s 1472 ADDRESS`: whether 1500 bytes pass\n\
        `tracepath ADDRESS`: where the MTU drops",
    remedy: "Give the ENIs of one way the same MTU in the file of the network stack, let ICMP type 3 \
        code 4 pass, and clamp the MSS where this host forwards.",
};

/// See [`Code::L5`].
pub const L5: Entry = Entry {
    code: Code::L5,
    severity: Severity::Error,
    title: "IPv6 is switched off on a link whose ENI has addresses of it",
    symptom: "IPv6 is assigned in the console, but the interface has no IPv6 address at all, not even \
        fe80.",
    consequence: "The ENI's IPv6 addresses do not work on this host.",
    cause: "A sysctl, a kernel parameter or a file of the network manager has switched IPv6 off on \
        this link or on all of them.",
    by_hand: "`sysctl -a --pattern disable_ipv6`: 1 is off\n\
        `grep -r disable_ipv6 /etc/sysctl.conf /etc/sysctl.d /run/sysctl.d /usr/lib/sysctl.d`: \
        who sets it\n\
        `cat /proc/cmdline`: ipv6.disable=1",
    remedy: "Set `net.ipv6.conf.INTERFACE.disable_ipv6` to 0 and remove the line that sets it, then \
        `eniroute apply`. If IPv6 is not wanted, take the address off in EC2.",
};

/// See [`Code::L6`].
pub const L6: Entry = Entry {
    code: Code::L6,
    severity: Severity::Warning,
    title: "A strict reverse path filter",
    symptom: "tcpdump shows packets coming in, but the program never sees them; `nstat` counts \
        IPReversePathFilter; ping from outside works on one interface only.",
    consequence: "The kernel drops packets that come in by another interface than the one by which it \
        would answer.",
    cause: "`rp_filter` 1 (strict) looks up the way back from the packet's destination to its \
        source. Where it is not the interface that the packet came in by, the packet is dropped \
        in silence. What counts is the greater of `all` and the interface's own value.",
    by_hand: "`sysctl -a --pattern '\\.rp_filter'`: 1 is strict, 2 is loose\n\
        `nstat -az TcpExtIPReversePathFilter`: dropped packets",
    remedy: "`sysctl -w net.ipv4.conf.all.rp_filter=2`, and the same in a file in `/etc/sysctl.d`, \
        sorted after the one that sets 1.",
};

/// See [`Code::L7`].
pub const L7: Entry = Entry {
    code: Code::L7,
    severity: Severity::Hint,
    title: "Two ENIs of one subnet answer ARP for each other",
    symptom: "With two ENIs in one subnet, tcpdump shows ARP answers for one interface's address by \
        the other one.",
    consequence: "Inside a VPC nothing: EC2 answers ARP itself, and does not ask the guest.",
    cause: "Linux answers ARP for any of its addresses on any interface (arp_ignore 0). On an \
        ordinary network both interfaces would answer.",
    by_hand: "`sysctl -a --pattern 'arp_(ignore|announce)'`",
    remedy: "Nothing. `arp_ignore=1` and `arp_announce=2` make it quiet, should it disturb.",
};

/// See [`Code::L8`].
pub const L8: Entry = Entry {
    code: Code::L8,
    severity: Severity::Warning,
    title: "The interfaces' names are in another order than their device numbers",
    symptom: "eth0 is not the primary interface; after a reboot eth0 and eth1 are swapped; ens5 and \
        ens6 are the wrong way round.",
    consequence: "A file that goes by the name configures another ENI than was meant.",
    cause: "Interfaces are named in the order or at the place in which the kernel finds them, which \
        says nothing of the ENI's device number.",
    by_hand: "`ip -brief link`: names and MACs\n\
        `eniroute status`: the device number of each",
    remedy: "Match by MAC in files (`match: macaddress`, `MACAddress=`, `HWADDR`), as eniroute's do.",
};
