//! Addresses: what each finding means, at length.

use super::{Code, Entry, Severity};

/// See [`Code::A1`].
pub const A1: Entry = Entry {
    code: Code::A1,
    severity: Severity::Error,
    title: "EC2 has assigned an address that the host lacks",
    symptom: "A secondary private address, or an IPv6 address, assigned in the console does not \
        answer: no ping, no connection, while the instance's other addresses work.",
    consequence: "Nobody can reach the address, and nothing on the host can use it.",
    cause: "EC2 delivers packets for every address of an ENI, but DHCP brings the first one only. \
        The others have to be configured in the guest, and nobody has done that, or something \
        has taken the address off again.",
    by_hand: "`ip -brief address`: what the host has\n\
        `eniroute status`: what EC2 has",
    remedy: "`eniroute apply` adds it, now and for the next boot. Where a DHCP client has to bring \
        the address, restart that client.",
};

/// See [`Code::A2`].
pub const A2: Entry = Entry {
    code: Code::A2,
    severity: Severity::Error,
    title: "The host has an address that EC2 does not know",
    symptom: "I changed the IP address in the guest and the machine vanished from the network: no \
        packet gets in or out, not even a ping from a neighbour in the subnet, whose ARP entry \
        disappears. A restart does not help.",
    consequence: "The VPC drops every packet from this address and delivers none to it, not even from a \
        neighbour.",
    cause: "EC2 answers ARP itself and knows only the addresses that it has assigned to an ENI; one \
        configured by hand in the guest exists for nobody else. The primary private address of \
        an ENI can never be changed. What can be assigned is a secondary private address, which \
        the guest must then have as well. An address of no subnet of the instance's ENIs is a \
        warning only: a route table of the VPC may lead to it (an overlay address) where the \
        ENI's source/destination check is off.",
    by_hand: "`ip -brief address`: what the host has\n\
        `eniroute status`: what EC2 has assigned\n\
        `tcpdump -ni eth0 arp`: questions for the router without an answer",
    remedy: "Either assign the address to the ENI in EC2 as a secondary private address (`aws ec2 \
        assign-private-ip-addresses`), or take it off the interface and use the one that EC2 \
        assigned. Where a configuration file has it, change that file, too: else it is back \
        after the next boot.",
};

/// See [`Code::A3`].
pub const A3: Entry = Entry {
    code: Code::A3,
    severity: Severity::Error,
    title: "An address is on the wrong interface, or on two",
    symptom: "One address works now and then, or answers with the other interface's MAC; after moving \
        an address to another ENI the old interface still has it.",
    consequence: "Packets for the address arrive at one ENI while the host uses it on another, and the VPC \
        drops what leaves by the wrong one.",
    cause: "An address belongs to one ENI, and must be on the interface with that ENI's MAC alone. \
        It was moved in EC2, or written by hand or by a file into another interface's \
        definition.",
    by_hand: "`ip -brief address`: which interface has it\n\
        `ip -brief link`: which MAC the interface has\n\
        `eniroute status`: which ENI owns it",
    remedy: "`eniroute apply` puts it where it belongs. Take the other one away with `ip address \
        del`, and out of the file that brings it.",
};

/// See [`Code::A4`].
pub const A4: Entry = Entry {
    code: Code::A4,
    severity: Severity::Warning,
    title: "An address is tentative, a duplicate, or deprecated",
    symptom: "The address is there, but nothing can bind to it (Cannot assign requested address), or \
        new connections avoid it.",
    consequence: "The kernel does not use the address, or prefers another one.",
    cause: "An IPv6 address is tentative until duplicate address detection is over, `dadfailed` when \
        another host answered for it, and deprecated when its preferred lifetime has ended. EC2 \
        gives an address to one ENI only, so the detection has nothing to find.",
    by_hand: "`ip -6 address show`: tentative, dadfailed or deprecated behind the address\n\
        `journalctl -k --grep duplicate`: what the detection found",
    remedy: "Have whatever brings the address add it with `nodad`, as eniroute does. If it is a \
        duplicate, find out who else has it: another interface of this host, or a container \
        bridged to it. One that is deprecated comes back when its DHCPv6 client renews it.",
};

/// See [`Code::A5`].
pub const A5: Entry = Entry {
    code: Code::A5,
    severity: Severity::Error,
    title: "An address has an end, and nobody renews it",
    symptom: "The instance worked after boot and lost its network an hour later; SSH hangs an hour \
        after the launch.",
    consequence: "The address goes when its lifetime ends, and every connection with it.",
    cause: "Something asked DHCP for a lease, put the address there with the lease's lifetime, and \
        ended without renewing it: cloud-init since 24.1 runs dhcpcd in this way on secondary \
        ENIs (Debian 13, Ubuntu 24.04).",
    by_hand: "`ip address show`: valid_lft is a number of seconds that only falls\n\
        `pgrep -af 'dhc|networkd|NetworkManager'`: who could renew it",
    remedy: "`eniroute apply` puts the address there for good. `90-eniroute.cfg`, in cloud-init's \
        folder `/etc/cloud/cloud.cfg.d`, keeps cloud-init from doing it again.",
};

/// See [`Code::A6`].
pub const A6: Entry = Entry {
    code: Code::A6,
    severity: Severity::Hint,
    title: "Only one of the two families is reachable from outside",
    symptom: "Dual stack: the Elastic IP answers from outside, and the IPv6 address does not, as IPv6 \
        is outbound only (an egress-only gateway); or the other way round.",
    consequence: "Whoever comes from outside by the other family gets no answer, which may be just what \
        was meant.",
    cause: "The families are independent. IPv4 is reached by a public address through the Internet \
        gateway. IPv6 by an egress-only gateway (::/0 to EIGW) can only go out: system daemons \
        may use it (NTP, apt), and nobody can connect from outside. Which gateway the subnet's \
        route table has cannot be seen from inside.",
    by_hand: "`curl -6 https://checkip.global.api.aws`: IPv6 works outbound\n\
        `eniroute status`: which address has a public one",
    remedy: "Nothing, if it is meant so. Else look at the subnet's route table, the security groups \
        and the network ACL.",
};

/// See [`Code::A7`].
pub const A7: Entry = Entry {
    code: Code::A7,
    severity: Severity::Hint,
    title: "An ENI has no IPv4 address",
    symptom: "curl to 169.254.169.254 times out on an instance with IPv6 only; the ENI shows no IPv4 \
        address.",
    consequence: "IPv4 does not work by this ENI, and the metadata service answers by IPv6 only.",
    cause: "The ENI is in a subnet that has IPv6 only. Its metadata has no IPv4 keys, which is no \
        fault.",
    by_hand: "`curl -g -6 http://[fd00:ec2::254]/`: any answer, 401 too, means that it is reachable",
    remedy: "Nothing, if it is meant so. Programs that know only 169.254.169.254 need the IPv6 \
        endpoint, which has to be enabled for the instance (`aws ec2 \
        modify-instance-metadata-options --http-protocol-ipv6 enabled`).",
};

/// See [`Code::A8`].
pub const A8: Entry = Entry {
    code: Code::A8,
    severity: Severity::Hint,
    title: "A delegated prefix that nobody on the host uses",
    symptom: "A /28 or /80 prefix is delegated to the ENI, but addresses out of it do not answer.",
    consequence: "Packets for the prefix arrive at the host and go nowhere.",
    cause: "EC2 delivers packets for a delegated prefix to the ENI; what becomes of them is up to \
        the host. Mostly a container runtime has the addresses behind a bridge.",
    by_hand: "`ip route show`: a route for the prefix, to a bridge or a veth\n\
        `ip -brief address`: an address of the prefix on the host",
    remedy: "Give the prefix to the container runtime, route it to where the addresses are, or take \
        it off the ENI in EC2.",
};

/// See [`Code::A9`].
pub const A9: Entry = Entry {
    code: Code::A9,
    severity: Severity::Warning,
    title: "Unbound traffic gets another source address than the primary one",
    symptom: "Outgoing connections show another Elastic IP than expected; a firewall elsewhere does \
        not recognise the server.",
    consequence: "Traffic of programs that choose no address leaves with another public address than that \
        of the primary private one.",
    cause: "The kernel takes the `src` of the route, and without one the first address of the \
        interface. Another address came first, or the default route names another one.",
    by_hand: "`ip route get 8.8.8.8`: `src` is what an unbound program gets\n\
        `ip address show dev eth0`: the order of the addresses",
    remedy: "Give the default route the primary address as `src`, or have the primary address added \
        first: where a file lists addresses, put it on top.",
};
