//! The limits of the NIC: what each finding means, at length.

use super::{Code, Entry, Severity};

/// See [`Code::P1`].
pub const P1: Entry = Entry {
    code: Code::P1,
    severity: Severity::Warning,
    title: "EC2 has held back packets for their bandwidth",
    symptom: "Throughput is capped or uneven; transfers are fast at first and then slow; packets are \
        lost under load.",
    consequence: "Packets were queued or dropped because the instance used more bandwidth than its type \
        allows.",
    cause: "Each instance type has a baseline and a burst of bandwidth, for each direction.",
    by_hand: "`ethtool -S eth0 | grep allowance`: bw_in_allowance_exceeded, bw_out_allowance_exceeded; \
        they count since the driver started",
    remedy: "A larger type or one made for networking, or less traffic; some types let you weight \
        bandwidth for VPC or EBS.",
};

/// See [`Code::P2`].
pub const P2: Entry = Entry {
    code: Code::P2,
    severity: Severity::Warning,
    title: "EC2 has held back packets for their number",
    symptom: "Loss with many small packets (DNS, games, VoIP, VPN) although the bandwidth is not used \
        up.",
    consequence: "Packets were queued or dropped because there were more of them in a second than the \
        instance type allows.",
    cause: "Each instance type has a limit of packets a second, whatever their size. Fragments are \
        limited, too.",
    by_hand: "`ethtool -S eth0 | grep pps_allowance`\n\
        `nstat -az IpReasmReqds IpFragCreates`: fragments",
    remedy: "Larger packets (MTU 9001 inside the VPC), no fragments, a larger type, or more \
        instances.",
};

/// See [`Code::P3`].
pub const P3: Entry = Entry {
    code: Code::P3,
    severity: Severity::Warning,
    title: "EC2 has dropped packets for the number of connections",
    symptom: "New connections fail in bursts while established ones go on; connection timeouts without \
        any load on the CPU.",
    consequence: "EC2 dropped packets of new connections because the instance has as many as it may.",
    cause: "Security groups track connections, and each instance type may have so many. Idle ones \
        count until their timeout.",
    by_hand: "`ethtool -S eth0 | grep conntrack`: conntrack_allowance_exceeded, \
        conntrack_allowance_available",
    remedy: "Untracked flows count for nothing: a group that allows all of a protocol's traffic in \
        and out tracks none of it. Or shorter idle timeouts, fewer idle connections, a larger \
        type.",
};

/// See [`Code::P4`].
pub const P4: Entry = Entry {
    code: Code::P4,
    severity: Severity::Warning,
    title: "EC2 has dropped packets to the metadata service, DNS or NTP",
    symptom: "DNS lookups time out now and then; programs cannot get credentials; the clock is not \
        synchronised.",
    consequence: "EC2 dropped requests to its DNS, metadata or time service.",
    cause: "Together these services take 1024 packets a second from an ENI. A program that looks up \
        names without a cache exceeds that.",
    by_hand: "`ethtool -S eth0 | grep linklocal`\n\
        `tcpdump -ni eth0 host 169.254.169.254 or port 53`: who asks so often",
    remedy: "A cache on the host (systemd-resolved, dnsmasq, unbound), and programs that keep their \
        credentials.",
};

/// See [`Code::P5`].
pub const P5: Entry = Entry {
    code: Code::P5,
    severity: Severity::Hint,
    title: "The driver does not tell the counters of EC2's limits",
    symptom: "`ethtool -S` has no allowance counters.",
    consequence: "Whether EC2's limits have dropped packets cannot be seen on this host.",
    cause: "The ENA driver has these counters from 2.2.10 on, conntrack_allowance_available from \
        2.8.1. Instances before Nitro have none.",
    by_hand: "`ethtool -i eth0`: driver and version\n\
        `ethtool -S eth0 | grep allowance`",
    remedy: "A newer kernel or ENA driver. On instances without Nitro nothing is to be done.",
};
