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

/// See [`Code::N4`].
pub const N4: Entry = Entry {
    code: Code::N4,
    severity: Severity::Warning,
    title: "An address has hardly any ports left for one destination",
    symptom: "Some clients of the NAT instance cannot connect to one busy service, all else works; their SYN \
        hangs without an error.",
    consequence: "Once the ports are used up, new flows to that destination are dropped without an answer.",
    cause: "Flows from one public address to one destination and port need a port each, and an address \
        has 64,512 from 1024 on. Closed flows keep theirs for a while.",
    by_hand: "`conntrack -L --reply-dst ADDRESS --reply-src DESTINATION`: count the lines\n\
        `conntrack -S`: insert_failed rises when there are none left",
    remedy: "Give the entry a pool: more addresses in `as`, each with an Elastic IP, serve as many flows more. A \
        shorter `idle` gives ports back sooner.",
};

/// See [`Code::N5`].
pub const N5: Entry = Entry {
    code: Code::N5,
    severity: Severity::Warning,
    title: "A part of [[egress]] has no effect",
    symptom: "A client of the NAT instance gets out with the address of another entry, or not at all, though the \
        configuration names it.",
    consequence: "Whoever is meant leaves by another entry's address, with an old address of its name, or not at all.",
    cause: "A name in `from` does not resolve, and keeps its last addresses; all of a prefix is in earlier entries, \
        of which the first one counts; no ENI of `as` has the family of a client; or `as` means an address or ENI that is \
        not here.",
    by_hand: "`getent ahosts db1.internal`: what the name is\n\
        `eniroute explain 172.31.26.176`: what a client leaves as",
    remedy: "Correct the line that is named: mend the name, put the narrower entry first, or name in `standby` of \
        `[forwarding]` what may come later.",
};

/// See [`Code::N6`].
pub const N6: Entry = Entry {
    code: Code::N6,
    severity: Severity::Error,
    title: "What is forwarded has no way, there or back",
    symptom: "Clients send, and no answer reaches them; answers arrive at this host and leave by another ENI, where EC2 \
        drops them.",
    consequence: "Packets leave by an ENI whose address they do not have, or whose subnet does not expect them, and are lost.",
    cause: "A rule that comes before eniroute's sends marked packets elsewhere, a rule or route of eniroute's is gone, or \
        a path leads one way only while `symmetric` is off.",
    by_hand: "`ip route get 172.31.26.176 from 8.8.8.8 iif eth1 mark 0x1000000`: by which interface the answer leaves\n\
        `ip rule`: what comes before the rules with `fwmark`",
    remedy: "`eniroute apply` makes again what is gone. Move the other rule behind eniroute's, or narrow it; for a path \
        add the one back, or set `symmetric = true`.",
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

/// See [`Code::N9`].
pub const N9: Entry = Entry {
    code: Code::N9,
    severity: Severity::Warning,
    title: "The bits of marks that eniroute goes by are somebody else's, too",
    symptom: "Some flows of clients leave by the wrong ENI, or answers of published ports do; `eniroute apply` refuses to \
        forward beside Calico or Cilium.",
    consequence: "Packets get a mark that means another ENI, or lose the one that they had, and leave by the wrong way.",
    cause: "eniroute marks by the top byte (`0xff000000`) and leaves the rest alone. Calico and Cilium use these bits \
        themselves, and a rule that sets a whole mark without a mask writes over all of it.",
    by_hand: "`nft list ruleset`: `meta mark set` and `ct mark set` without a mask\n\
        `iptables-save -t mangle`: MARK and CONNMARK, and their masks\n\
        `ip rule`: `fwmark` of others in the top byte",
    remedy: "Give the other rule a mask that leaves the top byte out (`--set-xmark 0x1/0x00ffffff`). Beside Calico or \
        Cilium set `symmetric = false` and have no `[[egress]]`, or forward on another host.",
};
