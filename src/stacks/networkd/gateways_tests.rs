use super::super::syntax::assignments;
use super::*;
use crate::stacks::guest;

fn spared(text: &str) -> usize {
    let mut gateways = Gateways::default();
    gateways.take(&assignments(text).unwrap());
    let (planned, mut rendering) = (guest::eth1(), Rendering::default());
    let spared = gateways.spare(&planned, &mut rendering);
    assert_eq!(
        spared.routes.len() < planned.routes.len(),
        !rendering.limits.is_empty()
    );
    planned.routes.len() - spared.routes.len()
}

#[test]
fn the_subnet_of_our_table_gives_way_to_a_gateway_that_waits_for_its_lease_alone() {
    let routes = guest::eth1().routes;
    let is_subnet = |route: &&Route| route.table != MAIN && route.via.is_none();
    let network = routes.iter().find(is_subnet).unwrap().dst;
    let router = network.hosts().next().unwrap();
    for (text, gives_way) in [
        (
            format!("[Route]\nDestination=192.0.2.0/24\nGateway={router}\n"),
            1,
        ),
        (format!("[Network]\nDHCP=yes\nGateway={router}\n"), 1),
        (format!("[Route]\nGateway={router}\nGatewayOnLink=yes\n"), 0),
        (
            format!("[Route]\nGatewayOnlink=true\nGateway={router}\n"),
            0,
        ),
        (
            format!("[Route]\nGatewayOnLink=yes\n[Route]\nGateway={router}\n"),
            1,
        ),
        (
            format!(
                "[Route]\nGateway={router}\n[Address]\nAddress={router}/{}\n",
                network.prefix_len()
            ),
            0,
        ),
        (
            format!("[Route]\nGateway={router}\n[Network]\nAddress={router}/32\n"),
            0,
        ),
        (
            "[Route]\nGateway=192.0.2.1\n[Route]\nGateway=_dhcp4\n[Route]\nGateway=fe80::1\n"
                .to_owned(),
            0,
        ),
    ] {
        assert_eq!(spared(&text), gives_way, "{text}");
    }
}
