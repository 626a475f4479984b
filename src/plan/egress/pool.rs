//! Which addresses of which ENIs an entry's `as` means.

use std::net::{IpAddr, Ipv4Addr};

use super::{Ground, Meaning};
use crate::config::{Config, Egress};
use crate::eni::Eni;
use crate::gather::Gather;
use crate::numbering::Slot;
use crate::plan::{Planned, link_of};
use crate::select::Selector;

/// What an entry's clients leave as.
#[derive(Default)]
pub(super) struct Pool {
    /// The private address and its ENI's slot.
    pub(super) ipv4: Vec<(Ipv4Addr, Slot)>,
    /// Those that get no new flows.
    pub(super) drained: Vec<(Ipv4Addr, Slot)>,
    /// Words that mean nothing here yet.
    pub(super) absent: Vec<String>,
    /// The slot of the first one's ENI.
    pub(super) ipv6: Option<Slot>,
}

impl Pool {
    /// Of this entry: what is here of it.
    pub(super) fn of(
        egress: &Egress,
        ground: Ground,
        config: &Config,
        meaning: &mut Meaning,
    ) -> Self {
        let mut pool = Self::default();
        for word in &egress.leave_as {
            let (mistakes, notes) = (&mut meaning.mistakes, &mut meaning.notes);
            match meant(word, ground) {
                Ok((ip, planned, slot)) => {
                    let private = ip.filter(|ip| !planned.eni.public.contains_key(ip));
                    meaning.remarks.extend(private.map(|ip| {
                        format!(
                            "{}: {ip} of `as` has no public address: the Internet answers nobody who leaves as it",
                            egress.place
                        )
                    }));
                    pool.take(ip.map(|ip| (ip, slot)), ground);
                    pool.take_ipv6(planned, slot);
                }
                Err(_) if config.forwarding.expects(word) => {
                    pool.absent.push(word.clone());
                    notes.push(format!("{}: {word} in `as` is not here yet", egress.place));
                }
                Err(why) => mistakes.push(format!("{}: {why}", egress.place)),
            }
        }
        pool
    }

    fn take(&mut self, one: Option<(Ipv4Addr, Slot)>, ground: Ground) {
        let is_drained = one.is_some_and(|(ip, _)| ground.observed.drained.contains(&ip));
        let list = match is_drained {
            true => &mut self.drained,
            false => &mut self.ipv4,
        };
        list.extend(one.filter(|one| !list.contains(one)));
    }

    fn take_ipv6(&mut self, planned: &Planned, slot: Slot) {
        let is_first = self.ipv6.is_none() && planned.eni.has_ipv6();
        if is_first {
            self.ipv6 = Some(slot);
        }
    }
}

/// The address and the ENI that a word of `as` means; no address: the ENI has IPv6 alone.
fn meant<'a>(
    word: &str,
    ground: Ground<'a>,
) -> Result<(Option<Ipv4Addr>, &'a Planned, Slot), String> {
    let selector = Selector::new(word);
    let is_meant = |eni: &Eni| selector.matches(eni, link_of(eni, &ground.observed.links));
    let found = ground.desired.enis.iter().find(|one| is_meant(&one.eni));
    let Some(planned) = found else {
        return Err(nobody_s(word, ground, is_meant));
    };
    let slot = planned.slot().ok_or_else(|| {
        let number = planned.eni.number();
        format!("`as` means {}, whose device number {number} has no room in a mark: attach it as another device", planned.eni.id)
    })?;
    Ok((address(word, &planned.eni)?, planned, slot))
}

fn nobody_s(word: &str, ground: Ground, is_meant: impl Fn(&Eni) -> bool) -> String {
    let mut skipped = ground.desired.skipped.iter();
    if let Some(skipped) = skipped.find(|skipped| is_meant(&skipped.eni)) {
        return format!(
            "`as` means {}, which is left alone: {}",
            skipped.eni.id, skipped.why
        );
    }
    let public = |eni: &Eni| {
        eni.public
            .values()
            .flatten()
            .map(ToString::to_string)
            .gathered()
    };
    let known: Vec<Vec<String>> = ground.enis().map(public).gathered();
    let known = match known.concat().join(", ") {
        none if none.is_empty() => "none".to_owned(),
        known => known,
    };
    format!(
        "`as` has `{word}`, which is no address, interface or ENI of this host (its public addresses: {known}); correct \
         it, or name it in `standby` of [forwarding] if it may come later"
    )
}

/// The private address that a word means: itself, the one that a public address leads to, or the ENI's first.
fn address(word: &str, eni: &Eni) -> Result<Option<Ipv4Addr>, String> {
    match word.parse() {
        Ok(IpAddr::V4(ip)) => {
            let leads = |(_, public): &(&Ipv4Addr, &Vec<Ipv4Addr>)| public.contains(&ip);
            let behind = eni.public.iter().find(leads);
            Ok(Some(behind.map_or(ip, |(private, _)| *private)))
        }
        Ok(IpAddr::V6(ip)) => Err(format!(
            "`as` has {ip}: IPv6 clients keep their own addresses; name the ENI instead: {}",
            eni.id
        )),
        Err(_) => Ok(eni.ipv4.first().copied()),
    }
}
