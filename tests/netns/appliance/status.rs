//! What `status` tells of a router: what each ENI has passed on, and its paths.

use serde_json::json;

use crate::check::validate;

use super::scene::{PUBLIC, Scene, TWO_ARMS};

#[test]
fn status_counts_what_each_eni_passes_on_in_both_families_and_names_the_paths() {
    let scene = Scene::applied(TWO_ARMS, [0, 1]);
    let before = scene.sent();
    assert!(scene.vpc.inet().ping(&[PUBLIC]).is_empty());
    scene.assert_passes();
    let mut report = scene.appliance.json("status");
    validate(&report);
    let told = report["forwarding"].take();
    let of = |eni: usize, way: &str| told["enis"][eni][way]["packets"].as_u64().unwrap();
    assert_eq!((of(0, "in"), of(0, "out")), (0, 0), "{told:#}");
    assert!(of(1, "in") > 20 && of(2, "in") > 20, "{told:#}");
    // Fragments are put together before they are counted, and cut again afterwards.
    let after = scene.sent();
    for eni in [1, 2] {
        let sent = after[eni] - before[eni];
        assert!(
            of(eni, "out") > 20 && of(eni, "out") <= sent,
            "{sent}: {told:#}"
        );
    }
    assert_eq!(
        told["paths"],
        json!([
            { "in": "eth1", "out": "eth2", "here": true },
            { "in": "eth2", "out": "eth1", "here": true },
        ])
    );
    let text = scene.appliance.must("status");
    assert!(
        text.contains("forwarding: in by eth1, out by eth2\n"),
        "{text}"
    );
    let metrics = scene.appliance.must("status --metrics");
    let line = "eniroute_forwarded_packets_total{interface=\"eth1\",eni=\"eni-";
    assert!(metrics.contains(line), "{metrics}");
    assert_eq!(scene.appliance.json("plan")["kernel"], json!([]));
}
