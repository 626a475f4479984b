//! Addresses that EC2 has taken away, or never gave, and that somebody else's file still brings.

use crate::numbering::Owner;
use crate::object::{Change, Object};
use crate::reconcile::assess::Assessment;
use crate::reconcile::strays::Stray;
use crate::report::{Code, Finding};

/// One for each address that is not eniroute's to take away.
pub(super) fn unassigned(assessment: &Assessment) -> impl Iterator<Item = Finding> {
    let is_ours = |stray: &&Stray| {
        let address = Object::Address(stray.address.clone());
        assessment.scope.has_made(&address)
    };
    let foreign = assessment
        .strays
        .iter()
        .filter(move |stray| !is_ours(stray));
    foreign.map(finding)
}

fn finding(stray: &Stray) -> Finding {
    let (dev, ip) = (&stray.address.dev, stray.address.net.addr());
    let what = format!(
        "{dev} has {}, which EC2 has not assigned to it, so this host answers itself what it sends to {ip}",
        stray.address.net
    );
    let away = Change::Remove(Object::Address(stray.address.clone()));
    let remedy = match stray.place() {
        Some(place) => format!(
            "take it out of line {} of {}, then {away}; or assign it in EC2",
            place.line,
            place.path.display()
        ),
        None => format!("no file of a network stack names it: {away}; or assign it in EC2"),
    };
    Finding::new(Code::A2, Owner::Eni(stray.mac), what, remedy).of_address(ip)
}
