//! Route tables of the VPC that send traffic to an ENI: NAT instances, appliances, ingress routing.

use super::Vpc;
use super::eni::{EniId, SubnetId};

/// Whose packets a route table is for.
#[derive(Clone, Copy, Debug)]
pub enum RouteTable {
    /// Those that leave a subnet.
    Subnet(SubnetId),
    /// Those that come in by the Internet gateway: ingress routing.
    Internet,
}

impl Vpc {
    /// Routes, in one of the VPC's route tables, what goes to `destination` to this ENI.
    pub fn route(&self, table: RouteTable, destination: &str, eni: EniId) {
        let (incoming, table) = self.table(table);
        let target = &self.enis[eni.0].spec;
        let via = target
            .addresses()
            .find(|a| a.is_ipv6() == destination.contains(':'))
            .expect("an address of that family");
        let bridge = &self.subnets[target.subnet.0].bridge;
        let family = if via.is_ipv4() { "-4" } else { "-6" };
        self.router.ip(&format!(
            "{family} route replace {destination} via {via} dev {bridge} onlink table {table}"
        ));
        let rules = self.router.ip(&format!("{family} rule"));
        if !rules
            .lines()
            .any(|rule| rule.split_whitespace().last() == Some(&table.to_string()))
        {
            self.router
                .ip(&format!("{family} rule add iif {incoming} lookup {table}"));
        }
    }

    fn table(&self, table: RouteTable) -> (&str, usize) {
        match table {
            RouteTable::Subnet(SubnetId(n)) => (&self.subnets[n].bridge, 1001 + n),
            RouteTable::Internet => ("igw", 1000),
        }
    }
}
