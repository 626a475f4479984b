//! Faults, each in its own cell of a matrix: what may go wrong x where x in which network stack. `make test` runs a
//! sample of every matrix, drawn by a seed that it prints; `make soak` runs all of them. A cell's name is all that it
//! takes to run it again: `make soak ARGS=CELL`. See [`stage::Stage`] for how to add a matrix.

// Helper functions of tests may panic, too.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod choice;
mod hostile;
mod interrupted;
mod life;
mod metadata;
mod nat;
mod proof;
mod run;
mod stage;
#[path = "../support/mod.rs"]
mod support;
mod truth;
mod twin;

use std::process::ExitCode;

use choice::Choice;
use stage::Scene;
use support::{cut, disks, draw, instance, truth as verdict, vpc};

/// All matrices.
fn scenes() -> Vec<Scene> {
    [
        interrupted::scenes(),
        life::scenes(),
        metadata::scenes(),
        nat::scenes(),
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
