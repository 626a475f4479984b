//! Which way packets from each address would leave: to the Internet, to a neighbour in its own subnet, and to each
//! other ENI's subnet. The kernel is asked, as it looks up a real packet.

use std::net::IpAddr;

use ipnet::IpNet;

use crate::eni::Eni;
use crate::error::Result;
use crate::kernel::Kernel;
use crate::net::{Dev, Family, Mac};
use crate::plan::Planned;
use crate::reconcile::assess::Assessment;
use crate::reconcile::proof::outside;

/// A packet that would be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// Whose address it is from.
    pub mac: Mac,
    /// The interface that should carry it.
    pub dev: Dev,
    pub from: IpAddr,
    pub to: IpAddr,
    pub destination: Destination,
}

/// Where a packet goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Destination {
    Internet,
    /// In the ENI's own subnet.
    Neighbour,
    /// In another ENI's subnet.
    SubnetOf(Mac),
}

/// What the kernel says of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    pub question: Question,
    /// Every interface by which some flows would leave; empty: none would.
    pub devs: Vec<Dev>,
}

impl Answer {
    /// All flows leave by the interface that has the address.
    pub fn is_right(&self) -> bool {
        !self.devs.is_empty() && self.devs.iter().all(|dev| *dev == self.question.dev)
    }
}

/// Asks for each address that is up.
///
/// # Errors
/// The kernel cannot be asked.
pub(super) fn ask(assessment: &Assessment, kernel: &mut Kernel) -> Result<Vec<Answer>> {
    let links = &assessment.observed.links;
    let mut answers = Vec::new();
    for planned in &assessment.desired.enis {
        for question in questions(assessment, planned) {
            let devs = kernel.ways_out(question.to, Some(question.from), links)?;
            answers.push(Answer { question, devs });
        }
    }
    Ok(answers)
}

fn questions(assessment: &Assessment, planned: &Planned) -> Vec<Question> {
    let up = assessment.observed.addresses.iter();
    let up = up.filter(|up| up.dev == planned.dev);
    let up = up.map(|up| up.net.addr());
    let own: Vec<IpAddr> = planned.eni.addresses().collect();
    up.filter(|ip| own.contains(ip))
        .flat_map(|from| of_address(assessment, planned, from))
        .collect()
}

fn of_address(assessment: &Assessment, planned: &Planned, from: IpAddr) -> Vec<Question> {
    let family = Family::of(from);
    let enis = assessment.desired.enis.iter().map(|other| &other.eni);
    let others = enis.filter(|eni| eni.mac != planned.eni.mac);
    let others =
        others.filter_map(|eni| Some((Destination::SubnetOf(eni.mac), stranger(eni, family)?)));
    let own = stranger(&planned.eni, family).map(|ip| (Destination::Neighbour, ip));
    let internet = Some((Destination::Internet, outside(family)));
    let all = internet.into_iter().chain(own).chain(others);
    all.map(|(destination, to)| Question {
        mac: planned.eni.mac,
        dev: planned.dev.clone(),
        from,
        to,
        destination,
    })
    .collect()
}

/// An address of the ENI's subnet that is no ENI's of this host: the last one that a host may have.
fn stranger(eni: &Eni, family: Family) -> Option<IpAddr> {
    let subnet = eni.subnets().find(|net| Family::of(net.addr()) == family)?;
    let mut hosts = candidates(subnet).into_iter();
    hosts.find(|ip| !eni.addresses().any(|own| own == *ip))
}

/// The last addresses of a subnet but for the broadcast one.
fn candidates(subnet: IpNet) -> Vec<IpAddr> {
    let before = |n: u8| match subnet.broadcast() {
        IpAddr::V4(ip) => u32::from(ip)
            .checked_sub(n.into())
            .map(|ip| IpAddr::V4(ip.into())),
        IpAddr::V6(ip) => u128::from(ip)
            .checked_sub(n.into())
            .map(|ip| IpAddr::V6(ip.into())),
    };
    (1..=u8::MAX).filter_map(before).collect()
}
