//! Faults, each in its own cell of a matrix: what may go wrong x where x in which network stack. `make test` runs a
//! sample of every matrix, drawn by a seed that it prints; `make soak` runs all of them. A cell's name is all that it
//! takes to run it again: `make soak ARGS=CELL`. See [`stage::Stage`] for how to add a matrix.

// Helper functions of tests may panic, too.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod choice;
#[allow(dead_code, unused_imports)] // this has tests of its own, which are not run here
#[path = "../e2e/proof.rs"]
mod cut;
#[path = "../e2e/disks.rs"]
mod disks;
#[path = "../draw.rs"]
#[allow(dead_code)] // the unit tests use the rest
mod draw;
mod hostile;
#[allow(dead_code)] // the end-to-end tests use the rest
#[path = "../e2e/instance.rs"]
mod instance;
mod interrupted;
mod life;
mod metadata;
mod proof;
mod run;
mod stage;
mod truth;
mod twin;
#[allow(dead_code, unused_imports)] // this has tests of its own, which are not run here
#[path = "../e2e/units.rs"]
mod units;
#[allow(dead_code, unused_imports)] // this has tests of its own, which are not run here
#[path = "../e2e/truth/mod.rs"]
mod verdict;
#[path = "../vpc/mod.rs"]
mod vpc;

use std::process::ExitCode;

use choice::Choice;
use stage::Scene;

/// All matrices.
fn scenes() -> Vec<Scene> {
    [
        interrupted::scenes(),
        life::scenes(),
        metadata::scenes(),
        proof::scenes(),
        truth::scenes(),
    ]
    .concat()
}

fn main() -> ExitCode {
    let choice = Choice::from(std::env::args().skip(1));
    let scenes = choice.scenes(scenes());
    run::all(scenes, &choice)
}
