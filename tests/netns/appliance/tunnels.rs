//! Tunnels as ends of a path, by whichever device: it is their name that tells what they are.

use super::scene::Scene;
use crate::vpc::{Host, INTERNET, tcp, udp};

/// Behind the tunnel, and its public address.
const FAR: &str = "10.0.3.77";
const FAR_PUBLIC: &str = "203.0.113.77";

/// A host at the far end of a device of this name, which main leads to; nothing of it is eniroute's.
fn behind(scene: &Scene, name: &str) -> Host {
    let (host, far) = (&scene.appliance.host, Host::new("far"));
    host.ip_batch(&format!(
        "link add {name} type veth peer name tunnel netns far\n\
         address add 192.0.2.1/32 dev {name}\n\
         link set {name} up\n\
         route add {FAR}/32 dev {name}\n"
    ));
    far.ip_batch(&format!(
        "address add {FAR}/32 dev tunnel\nlink set tunnel up\n\
         route add 192.0.2.1 dev tunnel\nroute add default via 192.0.2.1\n"
    ));
    far
}

#[test]
fn what_comes_by_a_tunnel_leaves_by_the_eni_of_its_path_and_what_is_for_it_gets_there() {
    for name in ["wg0", "gwi-1a2b", "gwo-1a2b", "tun7"] {
        let config = format!(
            "[forwarding]\nenabled = true\n\
             [[forwarding.path]]\nin = \"{name}\"\nout = \"eth1\"\n\
             [[forwarding.path]]\nin = \"eth1\"\nout = \"{name}\"\n"
        );
        let scene = Scene::new(&config);
        scene.route(scene.arms[0], scene.arms[0]);
        scene.vpc.elastic_ip(FAR, FAR_PUBLIC);
        let far = behind(&scene, name);
        scene.appliance.must("apply");
        scene.appliance.host.settle();
        let (inet, before) = (scene.vpc.inet(), scene.sent());
        assert!(far.ping(&[INTERNET[0]]).is_empty(), "{name}");
        tcp(&far, INTERNET[0], &inet, INTERNET[0]);
        tcp(&inet, FAR_PUBLIC, &far, FAR);
        udp(&inet, FAR_PUBLIC, &far, FAR, 10);
        let [primary, first, second] = super::passed(before, scene.sent());
        assert!(
            first > 10 && primary < super::OWN && second < super::OWN,
            "{name}"
        );
        assert_eq!(scene.vpc.spoofed(), 0, "{name}");
        let status = scene.appliance.json("status");
        assert!(!status["enis"].to_string().contains(name), "{status}");
    }
}
