//! NAT and forwarding: what each finding means, at length.

use super::{Code, Entry, Severity};

/// See [`Code::N1`].
pub const N1: Entry = Entry {
    code: Code::N1,
    severity: Severity::Hint,
    title: "The source/destination check cannot be seen from inside",
    symptom: "The NAT instance, or the appliance behind VPC ingress routing, receives packets and \
        forwards them, but nothing arrives on the other side.",
    consequence: "While the check is on, EC2 drops what the host forwards: packets that are neither from \
        nor to an address of the ENI.",
    cause: "Every ENI has a source/destination check, on by default. Neither the metadata nor the \
        kernel says whether it is on.",
    by_hand: "`tcpdump -ni eth1`: packets leave, and no answer comes",
    remedy: "`aws ec2 modify-network-interface-attribute --network-interface-id ENI \
        --no-source-dest-check`, for each ENI that forwards.",
};

/// See [`Code::N2`].
pub const N2: Entry = Entry {
    code: Code::N2,
    severity: Severity::Warning,
    title: "The connection table is nearly full, or has dropped packets",
    symptom: "New connections fail at random under load; the kernel log has `nf_conntrack: table full, \
        dropping packet`.",
    consequence: "Packets of new connections are dropped while the table is full.",
    cause: "Every translated or tracked flow has an entry until its timeout; established TCP keeps \
        one for five days by default.",
    by_hand: "`sysctl net.netfilter.nf_conntrack_count net.netfilter.nf_conntrack_max`\n\
        `conntrack -S`: drop, early_drop, insert_failed",
    remedy: "Raise `net.netfilter.nf_conntrack_max`, lower the timeouts, or leave traffic that needs \
        no tracking untracked (`notrack`).",
};

/// See [`Code::N3`].
pub const N3: Entry = Entry {
    code: Code::N3,
    severity: Severity::Warning,
    title: "The host keeps connections longer than the ENI does",
    symptom: "Idle connections die after some minutes although the host still knows them; pools of \
        database connections break.",
    consequence: "EC2 forgets an idle connection before the host does, and drops what comes later on it.",
    cause: "The ENI tracks connections too, and forgets idle TCP after 350 seconds on Nitro v6, five \
        days on older ones, unless the ENI's setting says otherwise.",
    by_hand: "`sysctl net.netfilter.nf_conntrack_tcp_timeout_established`: what the host keeps",
    remedy: "Send keepalives more often than that, lower the host's timeout, or raise the ENI's (`aws \
        ec2 modify-network-interface-attribute --connection-tracking-specification`).",
};

/// See [`Code::N7`].
pub const N7: Entry = Entry {
    code: Code::N7,
    severity: Severity::Warning,
    title: "The host sends redirects",
    symptom: "Clients behind a NAT instance suddenly go past it; ICMP redirects in tcpdump; a router \
        of one interface.",
    consequence: "A client that follows a redirect sends to the VPC's router itself, past this host.",
    cause: "A host that forwards a packet out by the interface that it came in by tells the sender \
        of a shorter way. For a NAT instance or an appliance that is wrong.",
    by_hand: "`sysctl -a --pattern '\\.send_redirects'`: what counts is the greater of `all` and the \
        interface's",
    remedy: "`sysctl -w net.ipv4.conf.all.send_redirects=0`, the same for each interface, and a file \
        in `/etc/sysctl.d`.",
};

/// See [`Code::N8`].
pub const N8: Entry = Entry {
    code: Code::N8,
    severity: Severity::Error,
    title: "The nftables table is missing, or not as it should be",
    symptom: "Clients of a NAT instance get no answers; flows end with a reset; packets arrive from \
        private addresses.",
    consequence: "What is forwarded leaves by the wrong ENI, or with its private address, which the \
        Internet gateway drops.",
    cause: "Something has emptied nftables (`systemctl restart nftables` does: its file begins with \
        `flush ruleset`), or changed the table, or `nft` is not installed.",
    by_hand: "`nft list table inet eniroute`: compare it with `/var/lib/eniroute/nat.nft`",
    remedy: "`eniroute apply`; where it says that `nft` is not there, install the package nftables. \
        So that a restart of nftables loses no flow, end `/etc/nftables.conf` with the line `include \
        \"/var/lib/eniroute/nat.nft\"`.",
};
