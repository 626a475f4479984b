use super::*;

fn pool(count: u8) -> Vec<(Ipv4Addr, ())> {
    (0..count)
        .map(|last| (Ipv4Addr::new(10, 0, 0, 10 + last), ()))
        .collect()
}

fn clients() -> impl Iterator<Item = Ipv4Addr> {
    (0..=0xffff_u16).map(|low| Ipv4Addr::from(0x0a01_0000 | u32::from(low)))
}

fn address(pool: &[(Ipv4Addr, ())], client: Ipv4Addr) -> Ipv4Addr {
    address_of(pool, client).unwrap().0
}

#[test]
fn an_address_that_leaves_a_pool_moves_its_own_clients_alone_and_they_come_back_with_it() {
    for count in [2, 3, 4, 5, 8, 16] {
        let all = pool(count);
        for gone in 0..usize::from(count) {
            let mut left = all.clone();
            let (gone, ()) = left.remove(gone);
            // Fewer buckets is another deal.
            if buckets(all.len()) != buckets(left.len()) {
                continue;
            }
            for client in clients().step_by(97) {
                let before = address(&all, client);
                let after = address(&left, client);
                assert_eq!(before == gone, before != after, "{client} of {count}");
            }
        }
    }
}

#[test]
fn the_order_of_a_pool_does_not_matter() {
    let (all, mut turned) = (pool(7), pool(7));
    turned.reverse();
    for client in clients().step_by(31) {
        assert_eq!(address(&all, client), address(&turned, client));
    }
}

#[test]
fn clients_are_spread_within_a_third_of_evenly() {
    for count in [2, 3, 4, 5, 8] {
        let all = pool(count);
        let mut counts = std::collections::BTreeMap::new();
        clients().for_each(|client| *counts.entry(address(&all, client)).or_insert(0_usize) += 1);
        let even = 65536 / usize::from(count);
        for (ip, count) in counts {
            assert!(
                count.abs_diff(even) <= even / 3,
                "{ip} has {count} of {even}"
            );
        }
    }
}

#[test]
fn a_pool_without_addresses_gives_none() {
    assert_eq!(address_of::<()>(&[], Ipv4Addr::LOCALHOST), None);
}
