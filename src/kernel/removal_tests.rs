//! Whether the kernel's word that there is nothing to remove is believed. Asks the kernel for the loopback interface, which
//! is everywhere, and changes nothing.

use nix::errno::Errno;

use super::*;
use crate::net::Address;

fn absent() -> Result<bool, Refusal> {
    Err(std::io::Error::from_raw_os_error(Errno::ESRCH as i32).into())
}

#[test]
fn what_the_kernel_calls_absent_is_looked_for() {
    let mut kernel = Kernel::open().unwrap();
    let links = kernel.links().unwrap();
    let address = |net: &str| {
        let net = net.parse().unwrap();
        Object::Address(Address {
            dev: "lo".into(),
            net,
        })
    };
    let (there, gone) = (address("127.0.0.1/8"), address("127.0.0.2/8"));
    for object in [there, Object::LinkUp("lo".into())] {
        let said = kernel.unless_gone(absent(), &object, &links).unwrap_err();
        let said = said.of("it").to_string();
        assert!(said.contains("there all the same"), "{said}");
    }
    for object in [gone, Object::LinkUp("eth9".into())] {
        assert!(!kernel.unless_gone(absent(), &object, &links).unwrap());
    }
    let refused = || Refusal::because("no");
    let gone = Object::LinkUp("eth9".into());
    assert!(kernel.unless_gone(Err(refused()), &gone, &links).is_err());
    assert!(kernel.unless_gone(Ok(true), &gone, &links).unwrap());
}
