//! The verdict of `check` against real pings, in random broken states: see tests/netns/truth.rs, which runs some hundred. A
//! cell is a state, by its number; its scene is the VPC that the state is of.

use crate::stage::{Scene, Stage};
use crate::verdict::{SHAPES, Truth, number};

/// So many states of each VPC.
const STATES: u64 = 834;

pub fn scenes() -> Vec<Scene> {
    let scene = |shape: usize| {
        let (enis, subnets) = SHAPES[shape];
        Scene {
            matrix: "truth",
            name: format!("{enis}-enis-{subnets}-subnets"),
            is_tested: true,
            make,
        }
    };
    (0..SHAPES.len()).map(scene).collect()
}

fn make(name: &str) -> Box<dyn Stage> {
    let is_it = |(enis, subnets): &(usize, usize)| name == format!("{enis}-enis-{subnets}-subnets");
    let shape = SHAPES.iter().position(is_it).unwrap();
    let truth = Truth::of_number(number(0, shape));
    Box::new(States { shape, truth })
}

/// The states of one VPC.
struct States {
    shape: usize,
    truth: Truth,
}

impl Stage for States {
    fn cells(&mut self) -> Vec<String> {
        let numbers = (0..STATES).map(|n| number(n, self.shape));
        numbers.map(|number| number.to_string()).collect()
    }

    fn run(&mut self, cell: &str) {
        self.truth.run(cell.parse().unwrap());
    }
}
