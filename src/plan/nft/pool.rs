//! Which address of a pool a client has: the kernel's hash of the client's address leads to a bucket, and each bucket is
//! dealt to the address that draws highest for it. So a client's address depends on nothing but the two: a reload moves
//! nobody, an address taken away moves its own clients alone, and a stand-by deals the same.

use std::net::Ipv4Addr;

use super::draft::joined;

/// The seed of the hash: any number that stays.
const SEED: u32 = 0x656e_6972;

/// With few addresses so many buckets are dealt as evenly as more would be.
const FEW: usize = 4;

/// So many buckets for a pool.
fn buckets(pool: usize) -> u32 {
    if pool <= FEW { 256 } else { 1024 }
}

/// The rule that leads each client to the chain of its address, or of that address's ENI.
pub(super) fn spread<T>(
    pool: &[(Ipv4Addr, T)],
    chain: impl Fn(&(Ipv4Addr, T)) -> String,
) -> Option<String> {
    match pool {
        [] => None,
        [only] => Some(format!("goto {}", chain(only))),
        pool => {
            let count = buckets(pool.len());
            let deal = (0..count).map(|bucket| (bucket, &pool[dealt(pool, bucket)]));
            let deal = joined(deal.map(|(bucket, one)| format!("{bucket} : goto {}", chain(one))));
            let hash = format!("jhash ip saddr mod {count} seed {SEED:#x}");
            Some(format!("{hash} vmap {{ {deal} }}"))
        }
    }
}

/// The rules that give a flow this address. Ports below 1024 are kept from clients: they may be the host's own.
pub(super) fn give(ip: Ipv4Addr, random: bool) -> [String; 2] {
    let how = if random { " fully-random" } else { "" };
    [
        format!("meta l4proto {{ tcp, udp }} snat ip to {ip}:1024-65535{how}"),
        format!("snat ip to {ip}"),
    ]
}

/// The address of a pool that a client leaves as, as the kernel will find it.
pub fn address_of<T>(pool: &[(Ipv4Addr, T)], client: Ipv4Addr) -> Option<&(Ipv4Addr, T)> {
    let bucket = client_bucket(client, buckets(pool.len()));
    (!pool.is_empty()).then(|| &pool[dealt(pool, bucket)])
}

/// The bucket of a client, of `count`, as nftables' `jhash` has it on a little-endian host (`reciprocal_scale`).
pub fn client_bucket(client: Ipv4Addr, count: u32) -> u32 {
    let hash = u64::from(jhash(u32::from_le_bytes(client.octets())));
    // The upper half of a product of two numbers of 32 bits has 32 bits.
    u32::try_from((hash * u64::from(count)) >> 32).unwrap_or(u32::MAX)
}

/// Bob Jenkins' lookup3 of one word (`linux/jhash.h`).
fn jhash(word: u32) -> u32 {
    let start = 0xdead_beef_u32.wrapping_add(4).wrapping_add(SEED);
    let (mut a, mut b, mut c) = (start.wrapping_add(word), start, start);
    let step = |to: &mut u32, by: u32, turn: u32| {
        *to ^= by;
        *to = to.wrapping_sub(by.rotate_left(turn));
    };
    step(&mut c, b, 14);
    step(&mut a, c, 11);
    step(&mut b, a, 25);
    step(&mut c, b, 16);
    step(&mut a, c, 4);
    step(&mut b, a, 14);
    step(&mut c, b, 24);
    c
}

/// Which of a pool has this bucket: the one that draws highest (rendezvous hashing).
fn dealt<T>(pool: &[(Ipv4Addr, T)], bucket: u32) -> usize {
    let drawn = |(ip, _): &(Ipv4Addr, T)| (draw(*ip, bucket), *ip);
    let highest = (0..pool.len()).max_by_key(|index| drawn(&pool[*index]));
    highest.unwrap_or(0)
}

/// The finalizer of MurmurHash3 over address and bucket. It stays as it is: another one would move clients.
fn draw(ip: Ipv4Addr, bucket: u32) -> u64 {
    let mut x = u64::from(u32::from(ip)) << 32 | u64::from(bucket);
    x = (x ^ x >> 33).wrapping_mul(0xff51_afd7_ed55_8ccd);
    x = (x ^ x >> 33).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    x ^ x >> 33
}

#[cfg(test)]
#[path = "pool_tests.rs"]
mod tests;
