//! Rules and routes: what each finding means, at length.

use super::{Code, Entry, Severity};

/// See [`Code::R1`].
pub const R1: Entry = Entry {
    code: Code::R1,
    severity: Severity::Error,
    title: "Packets from an address would leave by another ENI, or not at all",
    symptom: "Two ENIs, two Elastic IPs, and only the first one answers ping; the second interface \
        receives packets (tcpdump shows them), but the reply of eth1 leaves by eth0 and never \
        arrives. SSH to the second address times out.",
    consequence: "The VPC drops packets that leave by another ENI than the one that owns their source \
        address, so whoever talks to the address gets no answer.",
    cause: "Linux chooses a route by the destination, and the main table sends all to the first \
        interface's router. Only a rule for the source address (`from ADDRESS lookup TABLE`), \
        with a table for each ENI, makes an answer leave by the interface that it came in by. \
        Rules are asked by number, the lowest first; the first table with a route to the \
        destination decides.",
    by_hand: "`ip route get 8.8.8.8 from 10.0.0.8`: `dev` must be the ENI with that address\n\
        `ip rule`: which rule comes first\n\
        `eniroute explain ADDRESS`: the same, step by step",
    remedy: "`eniroute apply` adds what is missing. Where a rule or route of somebody else comes \
        first, take that away, or give it a higher number than eniroute's.",
};

/// See [`Code::R2`].
pub const R2: Entry = Entry {
    code: Code::R2,
    severity: Severity::Error,
    title: "A rule is missing",
    symptom: "It worked until the network was restarted; after `netplan apply` or a restart of \
        systemd-networkd the second IP is dead.",
    consequence: "Packets from the address go by the main table, leave by the primary ENI, and the VPC \
        drops them.",
    cause: "A rule of eniroute's is not in the kernel, or sends to another table. Network managers \
        remove rules that they did not make (systemd-networkd since 257 does at every start), \
        and so does `ip rule flush`.",
    by_hand: "`ip rule`, `ip -6 rule`: a rule for each address, priority 10000 + the ENI's number",
    remedy: "`eniroute apply` makes it again, and the units of the package do so within a minute.",
};

/// See [`Code::R3`].
pub const R3: Entry = Entry {
    code: Code::R3,
    severity: Severity::Warning,
    title: "Rules not created by eniroute are for the same addresses",
    symptom: "The policy routing is there and yet ignored; since Docker, a VPN or a CNI was installed \
        the second IP does not answer.",
    consequence: "Where the other rule is asked first, it decides by which ENI packets leave, and \
        eniroute's rule is never asked.",
    cause: "The kernel asks rules by number, the lowest first. A rule that is added without a \
        priority gets the number just before the lowest rule that is not 0, so it lands before \
        eniroute's.",
    by_hand: "`ip rule`, `ip -6 rule`: what stands above the rule for the address\n\
        `ip -details rule`: who made it (`proto`)",
    remedy: "Take the other rule away, or give it a priority above 23200 and below 32766, or exempt \
        the host's addresses from it. Look up which tool made it, else it comes back.",
};

/// See [`Code::R4`].
pub const R4: Entry = Entry {
    code: Code::R4,
    severity: Severity::Error,
    title: "A route is missing, or its router does not answer",
    symptom: "The rule is there, but the address cannot reach anything: Network is unreachable, or no \
        answer from the router.",
    consequence: "Packets from the ENI's addresses do not leave, or are sent to nobody.",
    cause: "The ENI's table lacks its default or subnet route, or its router is not the VPC's: that \
        is the first address of the subnet (base + 1), for IPv6 fe80:ec2::1. Routes go when a \
        link goes down or when their source address is removed.",
    by_hand: "`ip route show table 10001`: a default route via the subnet's first address\n\
        `ip neigh show dev eth1`: FAILED or INCOMPLETE for the router",
    remedy: "`eniroute apply` puts the routes there. If the router does not answer, see whether the \
        interface carries the ENI's MAC.",
};

/// See [`Code::R5`].
pub const R5: Entry = Entry {
    code: Code::R5,
    severity: Severity::Warning,
    title: "A rule or table of an ENI that is gone",
    symptom: "After a fail-over (the ENI was detached and attached to the stand-by instance) `ip rule` \
        still lists addresses that this instance no longer has.",
    consequence: "Should the address come back on another ENI, its packets would go to the old table.",
    cause: "An ENI was detached while nothing could take its rules away: eniroute was not running, \
        or did not get to end its work.",
    by_hand: "`ip rule`: rules for addresses that `eniroute status` does not list\n\
        `ip route show table all | grep 'table 1[0-3]'`: tables of no ENI that is here",
    remedy: "`eniroute apply` takes away what eniroute made. What others have made, they have to take \
        away.",
};

/// See [`Code::R6`].
pub const R6: Entry = Entry {
    code: Code::R6,
    severity: Severity::Warning,
    title: "The best default route of main is not the primary ENI's",
    symptom: "After a reboot the server is unreachable, or answers by the wrong interface; the default \
        route is by eth1; it works on some boots only.",
    consequence: "Traffic that no rule is for leaves by another ENI, and from the primary ENI's address \
        the VPC drops it.",
    cause: "Main has several default routes, and the one with the lowest metric wins; of equal ones \
        whichever came first. DHCP on a secondary interface, or router advertisements on it, \
        bring a default as good as the primary's.",
    by_hand: "`ip route show default`, `ip -6 route show default`: the primary's must have the lowest \
        metric",
    remedy: "`eniroute apply`, then give the secondary interface's DHCP client a higher metric, or \
        none of its routes (`use-routes: false`, `UseRoutes=no`, `ipv4.never-default yes`).",
};

/// See [`Code::R7`].
pub const R7: Entry = Entry {
    code: Code::R7,
    severity: Severity::Warning,
    title: "A route of main cannot be reached from a secondary ENI's address",
    symptom: "From a second ENI's address containers, the VPN or the peered network cannot be reached, \
        while the primary address reaches them.",
    consequence: "Answers from this ENI's addresses to those destinations go to the VPC's router, which \
        does not know them.",
    cause: "The rule for the address leads to the ENI's own table, whose default route takes all. \
        The routes of docker0, of a VPN or of a peering are in main, which is not asked any \
        more. The network of a bridge or tunnel of the host's own is a hint: only who talks from a \
        secondary ENI's address with a container there misses it.",
    by_hand: "`ip route get 172.17.0.2 from 10.0.1.20`: by the ENI, not by docker0",
    remedy: "`main_routes_first = true` in `/etc/eniroute.toml`, then `eniroute apply`: main's \
        specific routes then come before an ENI's default route.",
};

/// See [`Code::R8`].
pub const R8: Entry = Entry {
    code: Code::R8,
    severity: Severity::Warning,
    title: "A route that refuses is in the way",
    symptom: "connect fails at once with Network is unreachable, No route to host or Permission \
        denied; curl to 169.254.169.254 is refused on the host itself.",
    consequence: "The kernel refuses packets to that destination, without sending anything.",
    cause: "A route or rule of the kind unreachable, prohibit or blackhole stands in the way. VPN \
        clients use them as a kill switch, and systemd 261 locks the metadata service with one.",
    by_hand: "`ip route show table all type prohibit`: also for `unreachable` and `blackhole`\n\
        `ip route get 169.254.169.254`: the error itself",
    remedy: "Find who made it (`proto`, and the table's number), and take it away there, or exempt \
        the destination.",
};

/// See [`Code::R9`].
pub const R9: Entry = Entry {
    code: Code::R9,
    severity: Severity::Warning,
    title: "A link takes routes from router advertisements, or another setting is not what it should be",
    symptom: "IPv6 leaves by the wrong interface; a second IPv6 default route (proto ra) appears by \
        itself; it works for half an hour after boot.",
    consequence: "The ENI's router becomes a default route in main beside the primary's, and part of the \
        traffic leaves by the wrong ENI.",
    cause: "The VPC's router sends router advertisements in every subnet with IPv6, and a link with \
        `accept_ra` takes a default route from each. A setting of the link is not what eniroute \
        wants it to be.",
    by_hand: "`ip -6 route show default`: `proto ra` by a secondary interface\n\
        `sysctl net.ipv6.conf.eth1.accept_ra`: should be 0 on a secondary ENI",
    remedy: "`eniroute apply` sets it. Where a file of sysctl or of the network manager sets it \
        otherwise, change that (`accept-ra: false`, `IPv6AcceptRA=no`).",
};

/// See [`Code::R10`].
pub const R10: Entry = Entry {
    code: Code::R10,
    severity: Severity::Hint,
    title: "So many rules that new flows pay for them",
    symptom: "A host with hundreds of addresses answers slowly: new connections cost CPU in \
        fib_rules_lookup.",
    consequence: "Every new flow and every unconnected datagram walks past all rules, some 10 ns each.",
    cause: "The kernel asks rules one by one. Each address has a rule of its own.",
    by_hand: "`ip rule | wc -l`: how many there are\n\
        `perf top`: fib_rules_lookup among the first",
    remedy: "Spread the addresses over several instances, or use delegated prefixes, which need one \
        rule each.",
};

/// See [`Code::R11`].
pub const R11: Entry = Entry {
    code: Code::R11,
    severity: Severity::Warning,
    title: "A route not created by eniroute stands in the place of one of its own",
    symptom: "eniroute reports a route that it left alone; the table has another gateway or source \
        than expected.",
    consequence: "The other route decides, and eniroute's is not made.",
    cause: "A table holds one route for a destination and metric. Another tool or a person has put \
        one there, and eniroute never changes what it did not make.",
    by_hand: "`ip -details route show table 10001`: the route, and who made it (`proto`)",
    remedy: "If it is not wanted, delete it and run `eniroute apply`; if it is, nothing is to be \
        done.",
};

/// See [`Code::R12`].
pub const R12: Entry = Entry {
    code: Code::R12,
    severity: Severity::Warning,
    title: "A change of the kernel is neither proven nor taken back",
    symptom: "A run of eniroute was killed or the machine crashed in the middle of it.",
    consequence: "Until it is proven, a change may stand that keeps the primary ENI from answering.",
    cause: "Before a change eniroute writes down what it is about to do, and afterwards proves that \
        the primary ENI still works. This run ended in between, and what it left is neither \
        proven nor undone yet.",
    by_hand: "`cat /run/eniroute/unproven.json`: what was about to be done\n\
        `journalctl -u 'eniroute*'`: why the run ended",
    remedy: "Any run that changes something, such as `eniroute apply`, first proves it or takes it \
        back.",
};

/// See [`Code::R13`].
pub const R13: Entry = Entry {
    code: Code::R13,
    severity: Severity::Warning,
    title: "This walk and the kernel's answer differ",
    symptom: "check says that its own walk and the kernel's answer differ.",
    consequence: "The kernel is right; what check says of the rule or route at fault may not be.",
    cause: "eniroute follows rules and routes itself, to name the one at fault, and asks the kernel \
        for the same packet. They differ where a rule selects by something that eniroute does \
        not follow, where rules were changed meanwhile, or where eniroute has a fault.",
    by_hand: "`ip route get DESTINATION from ADDRESS`: the kernel's answer\n\
        `ip -details rule`, `ip route show table all`: what decides it",
    remedy: "Run it again. If it stays so, report it with the output of these commands.",
};

/// See [`Code::R14`].
pub const R14: Entry = Entry {
    code: Code::R14,
    severity: Severity::Hint,
    title: "The rule index is prevented, or not whole",
    symptom: "A host with hundreds of addresses spends more time on each new flow than it has to; \
        `eniroute plan` wants to change the rule index again and again.",
    consequence: "All addresses work, but new flows, unconnected datagrams and forwarded packets pass \
        the rules one by one: 10 ns for each.",
    cause: "From 64 rules of a family on, eniroute lays a search tree of `goto` rules over them \
        (priorities 7000 to 9999 and 23200 to 24000). A rule of somebody else with a priority from \
        7000 to 24000 would be jumped over, so there is no tree then. Or somebody has taken rules \
        of the tree away.",
    by_hand: "`ip rule`, `ip -6 rule`: a rule from 7000 to 24000 that is not eniroute's\n\
        `ip rule show priority 7000`: the entrance of the tree",
    remedy: "Give the other rule a priority below 7000, or above 24000 and below 32766; `eniroute apply` \
        then makes the tree, or what is missing of it. `rule_index = \"off\"` in /etc/eniroute.toml \
        does without it.",
};
