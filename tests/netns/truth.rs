//! What `check` says of random broken states, held against real pings: see [`crate::support::truth`].

use crate::support::truth::{SHAPES, Tally, Truth, clock, number, shape_of};

/// So many states of each VPC in `make test`.
const STATES: u64 = 51;

/// The states of these VPCs, or the one that is asked for.
fn of_shapes(shapes: [usize; 2]) {
    if let Ok(number) = std::env::var("ENIROUTE_STATE") {
        let number = number.parse().unwrap();
        if shapes.contains(&shape_of(number)) {
            Truth::of_number(number).run(number);
        }
        return;
    }
    let first = clock();
    for shape in shapes {
        let numbers = (0..STATES).map(|n| number(first + n, shape));
        let mut truth = Truth::of_number(number(first, shape));
        for number in numbers {
            println!("ENIROUTE_STATE={number}");
            truth.run(number);
        }
        println!("{:?}: {:?}", SHAPES[shape], truth.tally);
        let Tally { dead, alive, .. } = truth.tally;
        assert!(
            dead > 20 && alive > 20,
            "both kinds of address: {dead}, {alive}"
        );
    }
}

#[test]
fn of_two_enis_no_verdict_differs_from_what_packets_say() {
    of_shapes([0, 1]);
}

#[test]
fn of_three_and_four_enis_no_verdict_differs_from_what_packets_say() {
    of_shapes([2, 3]);
}

#[test]
fn of_five_and_six_enis_no_verdict_differs_from_what_packets_say() {
    of_shapes([4, 5]);
}
