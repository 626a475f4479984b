//! Other owners: what each finding means, at length.

use super::{Code, Entry, Severity};

/// See [`Code::O1`].
pub const O1: Entry = Entry {
    code: Code::O1,
    severity: Severity::Warning,
    title: "Another tool configures the ENI, or all of them",
    symptom: "ec2-net-utils, nm-cloud-setup, cloud-netconfig or a CNI is installed as well; rules \
        appear twice or vanish again.",
    consequence: "One of the two undoes what the other has done, so eniroute leaves the ENI to the other \
        tool.",
    cause: "Another tool makes routing for the ENIs: amazon-ec2-net-utils, nm-cloud-setup (RHEL), \
        cloud-netconfig (SUSE), cloud-init since 24.1, the VPC CNI of EKS, Cilium.",
    by_hand: "`systemctl list-timers --all`: nm-cloud-setup, refresh-policy-routes, cloud-netconfig\n\
        `ip rule`: rules at 30200 or 30400 (nm-cloud-setup), 512 and 1536 (VPC CNI)",
    remedy: "Decide for one of them. To use eniroute, disable the other's units (`systemctl disable \
        --now nm-cloud-setup.timer`). An ENI of a CNI stays the CNI's.",
};

/// See [`Code::O2`].
pub const O2: Entry = Entry {
    code: Code::O2,
    severity: Severity::Hint,
    title: "A firewall may drop it",
    symptom: "The packet arrives and the route is right, and still no answer; the port is open in the \
        security group but refused or silent.",
    consequence: "What the chain drops gets no answer, however right the routing is.",
    cause: "A firewall on the host (nftables, iptables, firewalld, ufw) has a policy or a rule that \
        drops. It can differ between the families. Docker sets the policy of FORWARD to drop, and an accept in \
        another table does not override it.",
    by_hand: "`nft list ruleset`: policy drop, and rules with drop or reject\n\
        `iptables-legacy -S`, `ip6tables-legacy -S`: the same of the older tables",
    remedy: "Allow what should pass in the firewall's own configuration. For clients of `[[egress]]` and for `[forwarding]` \
        the finding has the line: `iptables -I DOCKER-USER` beside Docker, `ufw route allow`, a policy of firewalld, \
        `nft add rule` else.",
};

/// See [`Code::O3`].
pub const O3: Entry = Entry {
    code: Code::O3,
    severity: Severity::Warning,
    title: "Another table translates addresses first",
    symptom: "A client behind the NAT instance leaves by eth0's public address and should leave by eth1's; \
        traffic has another source address than the route says.",
    consequence: "Packets leave with an address that the other table chose, maybe of another ENI, and then \
        the VPC drops them.",
    cause: "A chain of NAT is asked before the one that was meant: the lower priority comes first, \
        and the first that translates a flow decides. Docker, kube-proxy and firewalld all have \
        such chains.",
    by_hand: "`nft list chains`: chains of type nat, their hooks and priorities\n\
        `conntrack -L`: how a flow was translated",
    remedy: "Narrow the masquerade rule to the sources that it is for, or exempt the ENI's addresses. For clients of \
        `[[egress]]` the finding has the line that does.",
};

/// See [`Code::O4`].
pub const O4: Entry = Entry {
    code: Code::O4,
    severity: Severity::Hint,
    title: "The host forwards packets, or does not, against what was asked for",
    symptom: "The instance should route (NAT, VPN, containers) and does not, or it forwards though \
        nobody wanted it.",
    consequence: "With forwarding on, packets for others go on by this host; with it off, they are \
        dropped.",
    cause: "`ip_forward` is a setting of the whole host. Docker, libvirt and VPNs switch it on; a \
        file in sysctl.d may set it back at the next boot. For `[[egress]]` and `[forwarding]` each link has a switch of \
        its own, a container's bridge or a tunnel, too.",
    by_hand: "`sysctl net.ipv4.ip_forward net.ipv6.conf.all.forwarding`\n\
        `grep -r forward /etc/sysctl.conf /etc/sysctl.d /run/sysctl.d /usr/lib/sysctl.d`: who \
        sets it",
    remedy: "Set it in one file in `/etc/sysctl.d`. Forwarding in EC2 also needs the \
        source/destination check off (N1).",
};

/// See [`Code::O5`].
pub const O5: Entry = Entry {
    code: Code::O5,
    severity: Severity::Hint,
    title: "The ENI is left alone by the configuration or by its owner, or has no address",
    symptom: "eniroute does nothing for one ENI; its state is `unmanaged`.",
    consequence: "eniroute configures nothing on this ENI, and takes away what it made there before.",
    cause: "`exclude` in the configuration names it, it is a port of a bridge, bond or VRF, whose \
        addresses are not the port's, or its owner wants it left alone in the words of its own stack. \
        Or EC2 gives it no address of a VPC: an EFA-only device, or the interface of a secondary network.",
    by_hand: "`cat /etc/eniroute.toml`: exclude\n\
        `ip -details link show dev eth1`: a `master`\n\
        `curl -H \"X-aws-ec2-metadata-token: $TOKEN\" \
        http://169.254.169.254/latest/meta-data/network/interfaces/macs/MAC/`: `local-ipv4s` or not",
    remedy: "Nothing, if it is meant so. Else take it out of `exclude`, out of the bridge, or take back \
        the line that is named, and run `eniroute apply`.",
};

/// See [`Code::O6`].
pub const O6: Entry = Entry {
    code: Code::O6,
    severity: Severity::Hint,
    title: "The ENI's link is brought up by its owner alone",
    symptom: "eniroute does not bring the link up, and neither do its files.",
    consequence: "While the link is down, none of the ENI's addresses answers.",
    cause: "Its owner says so in the words of its own stack: `ActivationPolicy=manual`, `activation-mode: manual`, \
        `ONBOOT=no`, `autoconnect=false`, or a stanza without `auto`.",
    by_hand: "`ip link show dev eth1`: UP or not",
    remedy: "Nothing, if it is meant so. Else bring the link up, or take back the line that is named.",
};
