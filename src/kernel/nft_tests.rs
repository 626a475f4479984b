use super::*;

const LISTED: &str = "\
table inet eniroute {
	counter e1_out {
	}

	ct timeout idle_350 {
		protocol tcp
		l3proto ip
		policy = { established : 350 }
	}

	set e1_limit_9 {
		type ipv4_addr
		size 65535
		flags dynamic
		elements = { 10.0.0.1 ct count over 9 }
	}

	map new4 {
		type ipv4_addr : verdict
		elements = { 10.0.0.1 : goto eni_1 }
	}

	chain text_0123 {
	}

	chain stands_2f_4567 {
	}

	chain eni_1 {
		type filter hook prerouting priority mangle + 5; policy accept;
	}
}
";

#[test]
fn only_what_rules_fill_and_what_tells_of_the_listing_does_not_count_as_a_change() {
    let before = lasting(LISTED);
    let with = |from: &str, to: &str| lasting(&LISTED.replace(from, to));
    assert_eq!(with("stands_2f_4567", "stands_30_89ab"), before);
    assert_eq!(with("\tchain stands_2f_4567 {\n\t}\n\n", ""), before);
    assert_eq!(with("10.0.0.1 ct count", "10.0.0.2 ct count"), before);
    for (from, to) in [
        ("10.0.0.1 : goto", "10.0.0.2 : goto"),
        ("mangle + 5", "mangle + 6"),
        ("text_0123", "text_0124"),
        ("\tcounter e1_out {\n\t}\n", ""),
    ] {
        assert_ne!(with(from, to), before, "{from}");
    }
}

#[test]
fn a_table_tells_the_generation_that_its_transaction_begins() {
    let told = |generation| stands(generation, "4567");
    assert_eq!(told(Some(0x2e)), "add chain inet eniroute stands_2f_4567\n");
    assert_eq!(
        told(Some(u32::MAX)),
        "add chain inet eniroute stands_0_4567\n"
    );
}

#[test]
fn what_the_new_text_lacks_is_emptied_before_it_is_deleted_and_chains_go_after_maps() {
    let text = "add table inet eniroute\nadd chain inet eniroute eni_1 { type filter hook }\nadd counter inet eniroute e1_outs\n";
    let parts = [
        ("counter", "e1_out"),
        ("ct timeout", "idle_350"),
        ("set", "e1_limit_9"),
        ("map", "new4"),
        ("chain", "text_0123"),
        ("chain", "stands_2f_4567"),
        ("chain", "eni_1"),
    ];
    assert_eq!(
        stale(&parts.map(|(kind, name)| (kind, name.to_owned())), text),
        "flush chain inet eniroute text_0123\n\
         flush chain inet eniroute stands_2f_4567\n\
         delete set inet eniroute e1_limit_9\n\
         delete map inet eniroute new4\n\
         delete chain inet eniroute text_0123\n\
         delete chain inet eniroute stands_2f_4567\n\
         delete counter inet eniroute e1_out\n\
         delete ct timeout inet eniroute idle_350\n"
    );
}

#[test]
fn what_an_address_has_counted_stays_as_long_as_its_entry_does() {
    let text = "add table inet eniroute\nadd counter inet eniroute e1_out\n";
    let counters = [
        "e1_172_31_5_10_out",
        "e1_172_31_5_10_in",
        "e2_172_31_5_10_out",
    ];
    assert_eq!(
        stale(&counters.map(|name| ("counter", name.to_owned())), text),
        "delete counter inet eniroute e1_172_31_5_10_in\n\
         delete counter inet eniroute e2_172_31_5_10_out\n"
    );
}
