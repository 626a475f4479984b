//! Which ENIs a Kubernetes CNI runs, told by the rules that it has made: their addresses are its pods', and would be
//! the host's own with us. The numbers are those of the VPC CNI (pkg/networkutils/network.go) and of Cilium's ENI mode
//! (pkg/datapath/linux/linux_defaults).

use ipnet::IpNet;

use crate::eni::Eni;
use crate::gather::Gather;
use crate::net::{Extra, Family, MAIN, Rule};

/// The VPC CNI's rule for marked packets of node ports: it is at work on this host.
const VPC_CNI_HOST: u32 = 1024;
/// `from` an ENI's own address: also the first priority that the kernel gives a rule without one.
const VPC_CNI_ENI: u32 = 32_765;
const VPC_CNI_POD: [u32; 2] = [512, 1536];
const CILIUM_POD: [u32; 3] = [20, 110, 111];

/// How we know of each ENI that a CNI runs it, in the order of `enis`; `None` for one that none does.
///
/// Where one is at work it gives pods addresses of the primary ENI, too, whether it has begun to or not.
pub(super) fn evidence(enis: &[Eni], rules: &[Rule]) -> Vec<Option<String>> {
    let host = rules.iter().find(|rule| is_vpc_cni_host(rule));
    let of_eni = |eni: &Eni| {
        rules
            .iter()
            .find_map(|rule| Some((name(eni, rule, host.is_some())?, rule)))
    };
    let found: Vec<_> = enis.iter().map(of_eni).gathered();
    let any = found
        .iter()
        .flatten()
        .next()
        .copied()
        .or(host.map(|rule| ("the VPC CNI", rule)));
    let each = enis
        .iter()
        .zip(found)
        .map(|(eni, found)| if eni.primary { found.or(any) } else { found });
    each.map(|found| found.map(|(name, rule)| told(name, rule)))
        .gathered()
}

/// `fwmark 0x80/0x80 lookup main`, and nothing else; its environment may name another mark (`AWS_VPC_K8S_CNI_CONNMARK`).
fn is_vpc_cni_host(rule: &Rule) -> bool {
    let (priority, family, mark) = (VPC_CNI_HOST, rule.family, rule.extra().mark);
    let host = Rule {
        priority,
        family,
        from: None,
        table: MAIN,
        suppress_prefixlength: None,
        extra: None,
    };
    let host = host.with(Extra {
        mark,
        ..Extra::NONE
    });
    mark.is_some_and(|mark| mark.value != 0 && mark.value == mark.mask) && *rule == host
}

fn told(name: &str, rule: &Rule) -> String {
    let family = match rule.family {
        Family::Ipv4 => "",
        Family::Ipv6 => "-6 ",
    };
    format!("{name} gives its addresses to pods (the rule `ip {family}rule add {rule}` shows it)")
}

/// The CNI that has made `rule` for an address of `eni`. Its priority is looked at first: that is none of theirs in all but
/// a few of the thousands of rules that there can be.
fn name(eni: &Eni, rule: &Rule, is_vpc_cni_host: bool) -> Option<&'static str> {
    let is_pods = || {
        let mut nets = [rule.from, rule.extra().to].into_iter().flatten();
        nets.any(|net| is_of(eni, &net))
    };
    let own = || {
        let mut addresses = eni.addresses();
        let own = addresses.find(|ip| Family::of(*ip) == rule.family);
        own.map(IpNet::from)
    };
    match rule.priority {
        priority if VPC_CNI_POD.contains(&priority) && is_pods() => Some("the VPC CNI"),
        VPC_CNI_ENI if is_vpc_cni_host && rule.table != MAIN && rule.from == own() => {
            Some("the VPC CNI")
        }
        priority if CILIUM_POD.contains(&priority) && is_pods() => Some("Cilium"),
        _ => None,
    }
}

/// Whether `net` is an address or a part of a delegated prefix of `eni`.
fn is_of(eni: &Eni, net: &IpNet) -> bool {
    let is_host = net.prefix_len() == net.max_prefix_len();
    eni.addresses().any(|ip| is_host && ip == net.addr())
        || eni.prefixes().any(|prefix| prefix.contains(net))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::{self, Mac, Mark};

    /// With 10.0.0.N0 and 10.0.0.N1 (10.0.0.0 is as good as any here), a delegated prefix, and an IPv6 address.
    fn eni(number: u32) -> Eni {
        Eni {
            mac: Mac([2, 0, 0, 0, 0, number as u8]),
            id: format!("eni-{number}"),
            primary: number == 0,
            device_number: number,
            network_card: 0,
            ipv4: [0, 1]
                .map(|last| format!("10.0.0.{}", 10 * number + last).parse().unwrap())
                .into(),
            ipv6: vec![format!("2001:db8::{number}").parse().unwrap()],
            ipv4_prefixes: vec![format!("10.0.{number}.16/28").parse().unwrap()],
            ipv6_prefixes: Vec::new(),
            subnet_ipv4: Some("10.0.0.0/20".parse().unwrap()),
            subnet_ipv6: Vec::new(),
            vpc: None,
            vpc_ranges: Vec::new(),
            public: Default::default(),
        }
    }

    fn rule(priority: u32, from: &str, to: &str, table: u32) -> Rule {
        let net = |text: &str| (!text.is_empty()).then(|| text.parse().unwrap());
        let (from, to): (Option<IpNet>, Option<IpNet>) = (net(from), net(to));
        let family = from
            .or(to)
            .map_or(Family::Ipv4, |net| Family::of(net.addr()));
        let words = format!(
            "{}{} {}",
            net::From(from),
            to.map_or(String::new(), |to| format!(" to {to}")),
            net::Lookup(table)
        );
        let foreign = (to.is_some() || from.is_none()).then(|| words.into());
        let rule = Rule {
            priority,
            family,
            from,
            table,
            suppress_prefixlength: None,
            extra: None,
        };
        rule.with(Extra {
            to,
            foreign,
            ..Extra::NONE
        })
    }

    /// `fwmark VALUE/MASK lookup main`, at the VPC CNI's priority.
    fn marked(value: u32, mask: u32) -> Rule {
        rule(1024, "", "", MAIN).with(Extra {
            mark: Some(Mark { value, mask }),
            ..Extra::NONE
        })
    }

    /// The device numbers of the ENIs that are a CNI's.
    fn claimed(rules: &[Rule]) -> Vec<u32> {
        let enis = [0, 1, 2].map(eni);
        let found = evidence(&enis, rules);
        enis.iter()
            .zip(found)
            .filter(|(_, found)| found.is_some())
            .map(|(eni, _)| eni.device_number)
            .collect()
    }

    #[test]
    fn the_vpc_cni_shows_by_its_pods_rules_and_then_the_primary_is_its_too() {
        assert_eq!(claimed(&[rule(512, "", "10.0.0.21/32", MAIN)]), [0, 2]);
        assert_eq!(claimed(&[rule(1536, "10.0.0.11/32", "", 2)]), [0, 1]);
        assert_eq!(
            claimed(&[rule(1536, "10.0.2.17/32", "", 3)]),
            [0, 2],
            "an address of a delegated prefix"
        );
        assert_eq!(claimed(&[rule(512, "", "2001:db8::1/128", MAIN)]), [0, 1]);
    }

    #[test]
    fn a_rule_without_a_priority_of_its_own_counts_only_beside_the_vpc_cni_s_mark() {
        let own = rule(32_765, "10.0.0.10/32", "", 2);
        assert_eq!(
            claimed(std::slice::from_ref(&own)),
            [0; 0],
            "as anybody's `ip rule add`"
        );
        assert_eq!(claimed(&[marked(0x80, 0x80), own]), [0, 1]);
        assert_eq!(claimed(&[marked(0x80, 0x80)]), [0]);
        assert_eq!(claimed(&[marked(0x100, 0x100)]), [0], "by its setting");
    }

    #[test]
    fn no_rule_that_says_more_or_other_than_the_vpc_cni_s_is_taken_for_it() {
        let host = marked(0x80, 0x80);
        let others = [
            marked(0x80, 0xff),
            marked(0x80, u32::MAX),
            marked(0, 0),
            rule(1024, "", "", MAIN),
            rule(1024, "", "", MAIN).with(Extra {
                foreign: Some("from all iif eth1 lookup main".into()),
                ..Extra::NONE
            }),
            host.clone().with(Extra {
                foreign: Some("from all fwmark 0x80/0x80 iif eth1 lookup main".into()),
                ..host.extra().clone()
            }),
            Rule {
                from: Some("10.0.0.10/32".parse().unwrap()),
                ..host.clone()
            },
            Rule {
                suppress_prefixlength: Some(0),
                ..host.clone()
            },
            Rule {
                priority: 1025,
                ..host.clone()
            },
            Rule {
                table: 10_001,
                ..host
            },
        ];
        for other in others {
            assert_eq!(claimed(std::slice::from_ref(&other)), [0; 0], "{other}");
        }
    }

    #[test]
    fn cilium_shows_by_its_endpoints_rules() {
        assert_eq!(
            claimed(&[rule(111, "10.0.0.21/32", "10.0.0.0/16", 12)]),
            [0, 2]
        );
        assert_eq!(claimed(&[rule(110, "10.0.0.11/32", "", 3)]), [0, 1]);
        assert_eq!(claimed(&[rule(20, "", "10.0.0.11/32", MAIN)]), [0, 1]);
        let found = evidence(
            &[0, 1].map(eni),
            &[rule(111, "10.0.0.11/32", "10.0.0.0/16", 11)],
        );
        let text = found[1].as_deref().unwrap();
        assert!(
            text.contains("Cilium")
                && text.contains("from 10.0.0.11 to 10.0.0.0/16 lookup 11 priority 111"),
            "{text}"
        );
    }

    #[test]
    fn the_rules_of_others_show_no_cni() {
        let others = [
            // Cilium beside VPC addresses that are no pods', cloud-init, nm-cloud-setup, ours.
            rule(9, "", "", 2004),
            rule(100, "", "", 255),
            rule(111, "10.9.0.1/32", "", 11),
            rule(512, "", "10.0.0.0/20", MAIN),
            rule(32_764, "10.0.0.10/32", "", 101),
            rule(30_400, "10.0.0.10/32", "", 30_400),
            rule(10_001, "10.0.0.10/32", "", 10_001),
            rule(1024, "", "", MAIN).with(Extra::NONE),
        ];
        assert_eq!(claimed(&others), [0; 0]);
    }
}
