//! Real reboots: each image boots as an instance of the VPC, with real DHCP, real cloud-init and its
//! real network stack. `make test-boot` runs this, or a part: `cargo test --test boot -- trixie nm`.

// clippy takes only `#[test]` functions for tests, and a failing step panics.
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "../vpc/mod.rs"]
mod vpc;

mod agent;
mod baseline;
mod deadline;
mod guest;
mod image;
mod qmp;
mod survive;
mod table;

use std::process::ExitCode;
use std::{env, thread};

use image::Image;
use table::Steps;

fn main() -> ExitCode {
    let wanted: Vec<_> = env::args().skip(1).filter(|arg| !arg.starts_with('-')).collect();
    let is_wanted = |image: &Image| wanted.is_empty() || wanted.iter().any(|part| image.name().contains(part.as_str()));
    let images: Vec<_> = Image::ALL.into_iter().filter(is_wanted).collect();
    assert!(!images.is_empty(), "no image is called {wanted:?}: there are {:?}", Image::ALL.map(Image::name));
    let failed: usize = images.into_iter().map(run).sum();
    println!("{failed} steps failed");
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Each story in a thread of its own, as a VPC wants it.
fn run(image: Image) -> usize {
    [baseline::run, survive::run].into_iter().map(|story| thread::spawn(move || tell(image, story)).join().unwrap_or(1)).sum()
}

fn tell(image: Image, story: fn(Image, &mut Steps)) -> usize {
    let mut steps = Steps::new(image.name());
    story(image, &mut steps);
    steps.failed()
}
