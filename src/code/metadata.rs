//! Metadata: what each finding means, at length.

use super::{Code, Entry, Severity};

/// See [`Code::M1`].
pub const M1: Entry = Entry {
    code: Code::M1,
    severity: Severity::Error,
    title: "The metadata service cannot be reached, or refuses",
    symptom: "curl to 169.254.169.254 hangs, is refused, or says 401 or 403; cloud-init finds no data \
        source.",
    consequence: "Nobody on the host learns what EC2 assigns; eniroute keeps what is there and follows no \
        change.",
    cause: "The metadata service is turned off for the instance, a firewall or a route keeps the \
        host from it, a proxy takes the requests, systemd-imdsd has locked it, or the hop limit \
        is too low for a container.",
    by_hand: "`curl -sS -m 2 -X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 60' \
        http://169.254.169.254/latest/api/token`: a token is right; 403: turned off\n\
        `ip route get 169.254.169.254`: the way to it",
    remedy: "`aws ec2 modify-instance-metadata-options --instance-id ID --http-endpoint enabled`, \
        from elsewhere; for containers `--http-put-response-hop-limit 2`. On the host, remove \
        what is in the way.",
};

/// See [`Code::M2`].
pub const M2: Entry = Entry {
    code: Code::M2,
    severity: Severity::Warning,
    title: "The metadata of an ENI is not all there yet, or cannot be true",
    symptom: "A freshly attached ENI is not configured; its state is `incomplete`.",
    consequence: "This ENI is left as it is until its metadata is whole.",
    cause: "EC2 publishes an ENI's keys one after the other, for some seconds after an attach, and \
        now and then up to a minute. Values that contradict each other are not believed.",
    by_hand: "`eniroute status -vv`: each request and what came of it",
    remedy: "Wait: it is read again every minute. After that compare with `aws ec2 \
        describe-network-interfaces`.",
};

/// See [`Code::M3`].
pub const M3: Entry = Entry {
    code: Code::M3,
    severity: Severity::Hint,
    title: "ENIs of overlapping subnets, or of several VPCs",
    symptom: "Two ENIs in subnets with the same range, or in two VPCs; the wrong one is used.",
    consequence: "By its destination alone a packet cannot be told apart, so unbound traffic takes the ENI \
        whose route is better.",
    cause: "VPCs may have overlapping ranges, and an instance may have ENIs in several VPCs. From a \
        bound address each ENI's own table decides, so that works.",
    by_hand: "`ip route show`: two routes for one range, by metric",
    remedy: "Nothing for answers. Programs that start connections to the second one must bind to an \
        address of its ENI.",
};

/// See [`Code::M4`].
pub const M4: Entry = Entry {
    code: Code::M4,
    severity: Severity::Hint,
    title: "Security groups and network ACLs",
    symptom: "Everything on the host is right, and the port still does not answer.",
    consequence: "A packet that they do not allow never arrives, and cannot be seen from inside.",
    cause: "Security groups belong to an ENI, network ACLs and route tables to a subnet. The host \
        has no knowledge of their rules.",
    by_hand: "`tcpdump -ni eth1`: whether the packet arrives at all",
    remedy: "Look at them in AWS (`aws ec2 describe-security-groups`, `aws ec2 \
        describe-network-acls`), or let the Reachability Analyzer walk the path.",
};

/// See [`Code::M5`].
pub const M5: Entry = Entry {
    code: Code::M5,
    severity: Severity::Warning,
    title: "The ENI belongs to another account, or to a service",
    symptom: "An ENI of a load balancer, of EKS or of another account is attached to the instance.",
    consequence: "Its owner may change or detach it at any time, and its addresses may not be meant for \
        this host.",
    cause: "The ENI's owner id is not that of the instance: a service or another account has \
        attached it.",
    by_hand: "`aws ec2 describe-network-interfaces --network-interface-ids ENI`: RequesterManaged, \
        OwnerId",
    remedy: "Leave it to its owner: list it under `exclude` in `/etc/eniroute.toml`.",
};

/// See [`Code::M6`].
pub const M6: Entry = Entry {
    code: Code::M6,
    severity: Severity::Warning,
    title: "An entry of the configuration has no effect",
    symptom: "exclude or [eni.\"...\"] in /etc/eniroute.toml has no effect.",
    consequence: "eniroute configures the ENI as if the entry were not there.",
    cause: "No attached ENI has that interface name, altname, MAC, id, device number or address: a \
        slip of the pen, another name after a reboot, or an ENI that was detached. Or a table \
        `[eni.\"...\"]` means the primary ENI, whose default route is not eniroute's. Or its \
        `mtu_internet` is less than the 1280 bytes that IPv6 needs, and EC2 has given the ENI IPv6. Or a \
        `[[forwarding.path]]` stands beside a `[forwarding]` that lacks `enabled = true`.",
    by_hand: "`eniroute status`: names, ids and addresses",
    remedy: "Correct the entry or delete it. The id (`eni-...`) lasts; a name may change. The \
        primary ENI's MTU belongs into the file of its own network stack. IPv6 takes an MTU of \
        1280 bytes or more.",
};
