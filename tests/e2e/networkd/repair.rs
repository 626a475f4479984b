//! What networkd, or another daemon beside it, drops while it loads our files: it is put back, and is ours from then on.

use super::{ALL_ETH, ETH, three_enis};

/// The primary's second address was somebody else's, who lets go of it while networkd loads our files.
const NETWORKCTL_THAT_DROPS: &str = r#"
cp -L /usr/bin/networkctl /run/bin/real-networkctl
cat >/run/bin/networkctl <<'SH'
#!/bin/sh
/run/bin/real-networkctl "$@" || exit $?
ip address del 10.0.0.11/20 dev eth0 2>/dev/null || :
SH
chmod 755 /run/bin/networkctl
mount --bind /run/bin/networkctl /usr/bin/networkctl
"#;

#[test]
fn what_is_put_back_after_a_hand_over_is_told_and_goes_at_remove() {
    let lab = three_enis(&[("/etc/netplan/90-default.yaml", ALL_ETH)], &ETH);
    lab.guest.ip("address add 10.0.0.11/20 dev eth0 noprefixroute");
    lab.guest.sh(NETWORKCTL_THAT_DROPS);
    let run = lab.eniroute("apply --json");
    assert_eq!(run.code, 0, "{run:#?}");
    assert!(run.stdout.contains("ip -4 address replace 10.0.0.11/32 dev eth0"), "{}", run.stdout);
    assert!(lab.guest.ip("address show eth0").contains("10.0.0.11/32"));
    assert_eq!(lab.eniroute("remove").code, 0);
    assert!(!lab.guest.ip("address show eth0").contains("10.0.0.11"), "{}", lab.guest.ip("address show eth0"));
}
