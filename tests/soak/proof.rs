//! A change that cuts the primary ENI off, by every way to the metadata service: see tests/netns/proof.rs, which runs the
//! same cells one after the other.

use crate::cut::{Cut, Way};
use crate::stage::{Scene, Stage};

const WAYS: [(&str, Way); 4] = [
    ("plain", Way::Plain),
    ("only-ipv6", Way::OnlyIpv6),
    ("by-device", Way::ByDevice),
    ("slow-once", Way::SlowOnce),
];

pub fn scenes() -> Vec<Scene> {
    let scene = |(name, _): (&str, Way)| Scene {
        matrix: "proof",
        name: name.to_owned(),
        is_tested: true,
        make,
    };
    WAYS.map(scene).into()
}

fn make(name: &str) -> Box<dyn Stage> {
    let (_, way) = WAYS.into_iter().find(|(known, _)| *known == name).unwrap();
    Box::new(Cut::new(way))
}

impl Stage for Cut {
    fn cells(&mut self) -> Vec<String> {
        Self::cells()
    }

    fn run(&mut self, cell: &str) {
        Self::run(self, cell);
    }
}
