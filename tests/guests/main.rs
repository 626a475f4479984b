//! Real reboots: each image boots as an instance of the VPC, with real DHCP, real cloud-init and its
//! real network stack. `make test-boot` runs this, or a part: `cargo test --test guests -- trixie nm/survive`.

// clippy takes only `#[test]` functions for tests, and a failing step panics.
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "../support/vpc/mod.rs"]
mod vpc;

mod agent;
mod appliance;
mod baseline;
mod deadline;
mod early;
mod forgotten;
mod guest;
mod image;
mod imds;
mod installed;
mod loaded;
mod nat;
mod packages;
mod pings;
mod plugged;
mod qmp;
mod repaired;
mod survive;
mod table;
mod user_data;

use std::process::ExitCode;
use std::{env, thread};

use image::Image;
use table::Steps;

/// What is told of each image.
type Story = (&'static str, fn(Image, &mut Steps));
const STORIES: [Story; 9] = [
    ("baseline", baseline::run),
    ("survive", survive::run),
    ("forgotten", forgotten::run),
    ("installed", installed::run),
    ("plugged", plugged::run),
    ("repaired", repaired::run),
    ("imds", imds::run),
    ("nat", nat::run),
    ("appliance", appliance::run),
];
/// What is told of one image alone.
const BINARY: (Image, Story) = (
    Image::BookwormNetplan,
    ("user-data-binary", user_data::of_binary),
);
const PACKAGE: (Image, Story) = (
    Image::BookwormNetplan,
    ("user-data-package", user_data::of_package),
);

fn main() -> ExitCode {
    let wanted: Vec<_> = env::args()
        .skip(1)
        .filter(|arg| !arg.starts_with('-'))
        .collect();
    let is_wanted =
        |name: &str| wanted.is_empty() || wanted.iter().any(|part| name.contains(part.as_str()));
    let all = Image::ALL
        .into_iter()
        .flat_map(|image| STORIES.map(|story| (image, story)))
        .filter(|(image, (story, _))| image.tells(story))
        .chain([BINARY]);
    let all = all.chain(user_data::deb().map(|_| PACKAGE));
    let all = all.map(|(image, (name, story))| (format!("{image}/{name}"), image, story));
    let chosen: Vec<_> = all.filter(|(name, ..)| is_wanted(name)).collect();
    assert!(
        !chosen.is_empty(),
        "nothing is called {wanted:?}: images are {:?}",
        Image::ALL.map(Image::name)
    );
    let failed: usize = chosen
        .into_iter()
        .map(|(name, image, story)| tell(name, image, story))
        .sum();
    println!("{failed} steps failed");
    if failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// In a thread of its own, as a VPC wants it. Gives the number of steps that failed.
fn tell(name: String, image: Image, story: fn(Image, &mut Steps)) -> usize {
    let work = move || {
        let mut steps = Steps::new(name);
        story(image, &mut steps);
        steps.failed()
    };
    thread::spawn(work).join().unwrap_or(1)
}
