//! What the disk of each network stack looks like, as far as eniroute tells one from the other by it.

/// Its name, its files by path, and the beginning of the path of a file of ours on it.
pub type Stack = (
    &'static str,
    &'static [(&'static str, &'static str)],
    &'static str,
);

/// Each stack as its disk shows it.
pub const STACKS: [Stack; 5] = [
    (
        "netplan",
        &[
            ("usr/sbin/netplan", ""),
            (
                "etc/netplan/50-cloud-init.yaml",
                "network: {version: 2, ethernets: {eth0: {dhcp4: true}}}\n",
            ),
        ],
        "etc/netplan/60-eniroute-eth1.yaml",
    ),
    (
        "networkd",
        &[
            ("run/systemd/netif/state", ""),
            (
                "etc/systemd/network/20-eth0.network",
                "[Match]\nName=eth0\n[Network]\nDHCP=ipv4\n",
            ),
            (
                "etc/systemd/network/20-eth0.network.d/mine.conf",
                "[Network]\nLLDP=no\n",
            ),
            (
                "etc/systemd/network/20-eth1.network",
                "[Match]\nName=eth1\n[Network]\nDHCP=ipv4\n",
            ),
        ],
        "etc/systemd/network/20-eth1.network.d/60-eniroute-eth1.conf",
    ),
    (
        "network-manager",
        &[
            ("usr/sbin/NetworkManager", ""),
            ("run/NetworkManager/devices/2", "[device]\nmanaged=true\n"),
            (
                "etc/NetworkManager/system-connections/eth0.nmconnection",
                "[connection]\nid=eth0\ninterface-name=eth0\n",
            ),
        ],
        "etc/NetworkManager/system-connections/eniroute-eni-",
    ),
    (
        "network-scripts",
        &[
            ("etc/sysconfig/network-scripts/ifup-eth", ""),
            ("var/lock/subsys/network", ""),
            (
                "etc/sysconfig/network-scripts/ifcfg-eth0",
                "DEVICE=eth0\nONBOOT=yes\nBOOTPROTO=dhcp\n",
            ),
            (
                "etc/sysconfig/network-scripts/route-eth9",
                "10.9.0.0/16 via 10.0.0.1 dev eth9\n",
            ),
        ],
        "etc/sysconfig/network-scripts/ifcfg-eth1",
    ),
    (
        "ifupdown",
        &[
            (
                "etc/network/interfaces",
                "source /etc/network/interfaces.d/*\nauto eth0\niface eth0 inet dhcp\n",
            ),
            (
                "etc/network/interfaces.d/mine",
                "auto eth1\niface eth1 inet manual\n",
            ),
        ],
        "etc/network/interfaces.d/zz-eniroute-eth1",
    ),
];
