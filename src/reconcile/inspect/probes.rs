//! Real packets, for who asks for them: a request to the metadata service from each address, a datagram to each subnet's
//! router, so that the kernel asks for it, and a request to a service that answers with the address that it sees.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV6, UdpSocket};

use crate::eni::IPV6_ROUTER;
use crate::gather::Gather;
use crate::metadata::imds::{Question, Url, address_in, ask_from};
use crate::net::{Link, Mac};
use crate::plan::Planned;
use crate::reconcile::assess::Assessment;
use crate::reconcile::host::Host;

/// The discard service (RFC 863), which no router has.
const DISCARD: u16 = 9;

/// What came of the packets of one address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probe {
    pub mac: Mac,
    pub from: IpAddr,
    /// The metadata service has answered; `None`: it was not asked, or answers nobody of this family.
    pub metadata: Option<bool>,
    /// As which address the service outside saw it; `None`: none was asked.
    pub seen: Option<Option<IpAddr>>,
}

/// Sends them, from each address that is up.
pub fn send(host: &Host, assessment: &Assessment, url: Option<&Url>) -> Vec<Probe> {
    let enis = assessment.desired.enis.iter();
    let sources: Vec<(Mac, IpAddr)> = enis
        .flat_map(|planned| sources(assessment, planned))
        .gathered();
    for planned in &assessment.desired.enis {
        knock(assessment, planned);
    }
    let service = host
        .imds
        .as_ref()
        .map_or_else(Vec::new, |imds| imds.questions());
    let metadata = answers(&sources, &service);
    let echo = url.map(Url::questions);
    let seen = echo.map(|questions| answers(&sources, &questions));
    let probe = |(n, (mac, from)): (usize, &(Mac, IpAddr))| Probe {
        mac: *mac,
        from: *from,
        metadata: metadata[n].as_ref().map(Option::is_some),
        seen: seen.as_ref().and_then(|seen| {
            let answer = seen[n].as_ref()?;
            Some(answer.as_deref().and_then(address_in))
        }),
    };
    let mut probes: Vec<Probe> = sources.iter().enumerate().map(probe).gathered();
    forget_silent_families(&mut probes);
    probes
}

fn sources(assessment: &Assessment, planned: &Planned) -> Vec<(Mac, IpAddr)> {
    let is_up = |ip: &IpAddr| {
        let mut up = assessment.observed.addresses.iter();
        up.any(|up| up.dev == planned.dev && up.net.addr() == *ip)
    };
    let own = planned.eni.addresses().filter(is_up);
    own.map(|ip| (planned.eni.mac, ip)).gathered()
}

/// Of each source: `None` where no question suits it, else the answer, if one came.
fn answers(sources: &[(Mac, IpAddr)], questions: &[Question]) -> Vec<Option<Option<String>>> {
    let suiting = |from: IpAddr| questions.iter().find(move |question| question.suits(from));
    let asked = sources
        .iter()
        .filter_map(|(_, from)| Some((*from, suiting(*from)?.clone())));
    let asked: Vec<(IpAddr, Question)> = asked.gathered();
    let mut answers = ask_from(&asked).into_iter();
    let of_source = |(_, from): &(Mac, IpAddr)| suiting(*from).map(|_| answers.next().flatten());
    sources.iter().map(of_source).gathered()
}

/// The service's endpoint of one family is off on most instances: where it answers nobody, nothing is known.
fn forget_silent_families(probes: &mut [Probe]) {
    for is_ipv4 in [true, false] {
        let of_family = |probe: &&Probe| probe.from.is_ipv4() == is_ipv4;
        let mut known = probes.iter().filter(of_family);
        if !known.any(|probe| probe.metadata == Some(true)) {
            let silent = probes
                .iter_mut()
                .filter(|probe| probe.from.is_ipv4() == is_ipv4);
            silent.for_each(|probe| probe.metadata = None);
        }
    }
}

/// Has the kernel ask for the routers of an ENI's subnets by ARP and neighbour discovery. What it knows then is looked at
/// later; that it cannot send is no news.
fn knock(assessment: &Assessment, planned: &Planned) {
    let mut links = assessment.observed.links.iter();
    let link = links.find(|link| link.name == planned.dev);
    for (_, from) in sources(assessment, planned) {
        let Some(router) = router(planned, from, link) else {
            continue;
        };
        let socket = UdpSocket::bind((from, 0));
        let _ = socket.and_then(|socket| socket.send_to(&[], router));
    }
}

fn router(planned: &Planned, from: IpAddr, link: Option<&Link>) -> Option<SocketAddr> {
    match from {
        IpAddr::V4(_) => {
            let base = u32::from(planned.eni.subnet_ipv4?.network());
            Some(SocketAddr::from((
                Ipv4Addr::from(base.checked_add(1)?),
                DISCARD,
            )))
        }
        IpAddr::V6(_) => Some(SocketAddrV6::new(IPV6_ROUTER, DISCARD, 0, link?.index).into()),
    }
}
