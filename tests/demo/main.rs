//! `make demo`: a person watches scenario S1 break and heal, with packets, in a fake VPC; `make demo-broken`: a host that is
//! broken in five ways, and what eniroute says of each; `make demo-nat` and `make demo-appliance`: one that forwards for
//! others. All are smoke tests as well: they fail when anything is not as told. They show what eniroute does and use none
//! of its code.

mod appliance;
mod broken;
mod heal;
mod nat;
mod screen;
mod stage;
#[path = "../support/vpc/mod.rs"]
mod vpc;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::{env, panic, process};

use nix::unistd::geteuid;

use broken::Broken;
use heal::Heal;
use stage::Stage;

/// What is played, and what its audience may look at next.
type Show = (fn(PathBuf) -> Stage, &'static str);

const HEAL: Show = (
    |eniroute| Heal(Stage::new(eniroute)).show(),
    "Next: `make demo-broken` breaks this host in five ways, and shows what `eniroute check` says of each; `make demo-nat`\n\
     and `make demo-appliance` have it forward for others. docs/operation.md has what happens at boots, at an attach, and\n\
     each minute; `eniroute help` the commands.",
);

const BROKEN: Show = (
    |eniroute| Broken(Stage::new(eniroute)).show(),
    "Next: docs/troubleshooting.md has every finding, by what people see; `eniroute explain ADDRESS` is the walk of one packet.",
);

const NAT: Show = (
    nat::show,
    "Next: docs/nat.md has a NAT instance in five minutes, and a pair with fail-over in fifteen.",
);

const APPLIANCE: Show = (
    appliance::show,
    "Next: docs/appliance.md has two arms, published ports, tunnels, and fail-over.",
);

fn main() -> ExitCode {
    panic::set_hook(Box::new(|panic| {
        eprintln!(
            "demo: {}",
            panic
                .payload_as_str()
                .unwrap_or("failed for an unknown reason")
        );
        process::exit(1);
    }));
    match eniroute().and_then(|path| Ok((show()?, path))) {
        Ok(((play, next), path)) => play(path).tidy_up(next),
        Err(why) => {
            eprintln!("demo: {why}");
            ExitCode::from(2)
        }
    }
}

/// The binary to show: the demo's first argument.
fn eniroute() -> Result<PathBuf, String> {
    if !geteuid().is_root() {
        return Err("needs root, to make network namespaces: run `make demo` as root".to_owned());
    }
    let path = env::args_os()
        .nth(1)
        .ok_or("expected the path of the eniroute binary as argument: run `make demo`")?;
    let path = Path::new(&path);
    path.canonicalize()
        .map_err(|e| format!("{}: {e}: build it first: run `make demo`", path.display()))
}

/// The demo's second argument.
fn show() -> Result<Show, String> {
    match env::args().nth(2).as_deref() {
        None => Ok(HEAL),
        Some("broken") => Ok(BROKEN),
        Some("nat") => Ok(NAT),
        Some("appliance") => Ok(APPLIANCE),
        Some(other) => Err(format!(
            "{other}: no such demo; there is broken, nat, appliance, or none for the first one"
        )),
    }
}
