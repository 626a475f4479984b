//! A container on the host: a network of its own behind a bridge, for which the host forwards, and the faults that come
//! of one.

use super::dice::Dice;
use crate::support::vpc::Host;

const BRIDGE: &str = "br0";
const ADDRESS: &str = "172.17.0.2";

/// Every other shape has one.
pub fn of_shape(shape: usize, host: &Host) -> Option<Host> {
    let is_one = shape % 2 == 1;
    is_one.then(|| host.container(BRIDGE, &format!("{ADDRESS}/16")))
}

/// What empties its bridge, before all is made anew.
pub fn flush(container: Option<&Host>) -> Vec<String> {
    let commands = [
        format!("address flush dev {BRIDGE} scope global"),
        format!("neighbour flush dev {BRIDGE}"),
    ];
    container
        .into_iter()
        .flat_map(|_| commands.clone())
        .collect()
}

/// One fault of IPv4: the bridge takes a range that the VPC has, or a route leads into the container.
pub fn fault(dice: &mut Dice, subnet: &str, destination: &str, table: &str) -> String {
    let near = subnet.replace("0/24", "222/24");
    match dice.roll(3) {
        0 => format!("address add {near} dev {BRIDGE}"),
        1 => format!("route add {subnet} via {ADDRESS} dev {BRIDGE} table {table} metric 1"),
        _ => format!("route add {destination} via {ADDRESS} dev {BRIDGE} table {table} metric 1"),
    }
}

/// A rule for what the container sends.
pub const SELECTOR: &str = "iif br0";
