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

	chain stands_4567 {
	}

	chain eni_1 {
		type filter hook prerouting priority mangle + 5; policy accept;
	}
}
";

#[test]
fn a_listing_tells_its_parts_and_what_it_was_made_from() {
    let live = read(LISTED);
    let parts: Vec<String> = live
        .parts
        .iter()
        .map(|(kind, name)| format!("{kind} {name}"))
        .collect();
    assert_eq!(
        parts,
        [
            "counter e1_out",
            "ct timeout idle_350",
            "set e1_limit_9",
            "map new4",
            "chain text_0123",
            "chain stands_4567",
            "chain eni_1"
        ]
    );
    assert_eq!(
        (live.text.as_deref(), live.listing.as_deref()),
        (Some("0123"), Some("4567"))
    );
}

#[test]
fn only_what_rules_fill_and_what_tells_of_the_listing_does_not_count_as_a_change() {
    let before = read(LISTED).digest;
    let with = |from: &str, to: &str| read(&LISTED.replace(from, to)).digest;
    assert_eq!(with("stands_4567", "stands_89ab"), before);
    assert_eq!(with("\tchain stands_4567 {\n\t}\n\n", ""), before);
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
fn what_the_new_text_lacks_is_emptied_before_it_is_deleted_and_chains_go_after_maps() {
    let text = "add table inet eniroute\nadd chain inet eniroute eni_1 { type filter hook }\nadd counter inet eniroute e1_outs\n";
    assert_eq!(
        stale(&read(LISTED), text),
        "flush chain inet eniroute text_0123\n\
         flush chain inet eniroute stands_4567\n\
         delete set inet eniroute e1_limit_9\n\
         delete map inet eniroute new4\n\
         delete chain inet eniroute text_0123\n\
         delete chain inet eniroute stands_4567\n\
         delete counter inet eniroute e1_out\n\
         delete ct timeout inet eniroute idle_350\n"
    );
}
