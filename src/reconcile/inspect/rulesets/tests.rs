use super::*;

fn told(text: &str) -> Vec<Chain> {
    iptables::chains(text, Family::Ipv4, Tool::Iptables)
}

fn want(field: Field, is_not: bool, among: &[&str]) -> Want {
    let among = among.iter().map(|word| (*word).to_owned()).collect();
    Want {
        field,
        is_not,
        among,
    }
}

#[test]
fn a_rule_of_iptables_is_understood_in_its_own_words() {
    let text = "*filter\n:FORWARD DROP [0:0]\n:OWN - [0:0]\n\
        -A FORWARD ! -s 10.0.0.0/8 -i docker+ ! -o eth0 -m conntrack --ctstate RELATED,ESTABLISHED -m comment --comment \"a b\" -j OWN\n\
        -A OWN -p tcp -m tcp --dport 25 -j REJECT --reject-with icmp-port-unreachable\n\
        -A OWN -m iprange --src-range 10.0.0.1-10.0.0.9 -g OTHER\n\
        -A OWN -m connmark ! --mark 0x0/0xff000000 -j MARK --set-xmark 0x1000000/0xff000000\nCOMMIT\n";
    let chains = told(text);
    let [forward, own] = &chains[..] else {
        panic!("{chains:?}")
    };
    assert_eq!((forward.hook.as_str(), forward.drops), ("forward", true));
    assert_eq!((own.hook.as_str(), own.kind.as_str()), ("", ""));
    let wants = &forward.rules[0].wants;
    assert_eq!(
        *wants,
        [
            want(Field::Source, true, &["10.0.0.0/8"]),
            want(Field::Iif, false, &["docker*"]),
            want(Field::Oif, true, &["eth0"]),
            want(Field::State, false, &["related", "established"]),
        ]
    );
    assert_eq!(forward.rules[0].verdict, Verdict::Jump("OWN".to_owned()));
    assert_eq!(own.rules[0].verdict, Verdict::Drop);
    assert_eq!(
        own.rules[0].wants[0],
        want(Field::Protocol, false, &["tcp"])
    );
    assert!(own.rules[0].wants.contains(&Want::OTHER));
    assert_eq!(own.rules[1].verdict, Verdict::Goto("OTHER".to_owned()));
    let written = Written {
        to_connection: false,
        value: 0x0100_0000,
        mask: 0xff00_0000,
    };
    assert_eq!(
        (own.rules[2].writes, &own.rules[2].verdict),
        (Some(written), &Verdict::Next)
    );
}

#[test]
fn marks_that_are_copied_or_set_by_iptables_tell_which_bits_they_change() {
    for (words, to_connection, value, mask) in [
        (
            "CONNMARK --restore-mark --nfmask 0xffffffff --ctmask 0xffffffff",
            false,
            0,
            u32::MAX,
        ),
        (
            "CONNMARK --save-mark --nfmask 0xff --ctmask 0xff",
            true,
            0,
            0xff,
        ),
        ("CONNMARK --set-xmark 0x7/0xffffffff", true, 7, u32::MAX),
        ("MARK --set-xmark 0x4000/0x4000", false, 0x4000, 0x4000),
    ] {
        let chains = told(&format!(
            "*mangle\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -j {words}\n"
        ));
        let written = Written {
            to_connection,
            value,
            mask,
        };
        assert_eq!(chains[0].rules[0].writes, Some(written), "{words}");
    }
}

/// As nft 1.0.6 and 1.1.3 show them.
#[test]
fn rules_of_nft_are_understood_in_the_json_of_each_version() {
    let rule = |text: &str| {
        nft::rules(&items(
            &serde_json::from_str(&format!("{{\"expr\": [{text}]}}")).unwrap(),
            "expr",
        ))
    };
    let mark = |left: &str, right: &str| {
        format!(r#"{{"match": {{"op": "!=", "left": {left}, "right": {right}}}}}"#)
    };
    for text in [
        mark(
            r#"{"ct": {"key": "mark"}}"#,
            r#"{"prefix": {"addr": 0, "len": 8}}"#,
        ),
        mark(r#"{"&": [{"ct": {"key": "mark"}}, 4278190080]}"#, "0"),
    ] {
        assert_eq!(
            rule(&text)[0].wants,
            [want(Field::Connmark, true, &["0x0/0xff000000"])]
        );
    }
    let set = r#"{"match": {"op": "==", "left": {"payload": {"protocol": "ip", "field": "saddr"}},
        "right": {"set": [{"range": ["1.2.3.4", "1.2.3.9"]}, {"prefix": {"addr": "10.0.0.0", "len": 8}}]}}}, {"drop": null}"#;
    let rules = rule(set);
    assert_eq!(
        rules[0].wants[1],
        want(Field::Source, false, &["1.2.3.4-1.2.3.9", "10.0.0.0/8"])
    );
    assert_eq!(rules[0].verdict, Verdict::Drop);
    let states = r#"{"vmap": {"key": {"ct": {"key": "state"}}, "data": {"set": [["invalid", {"drop": null}], ["new", {"jump": {"target": "x"}}]]}}}"#;
    let rules = rule(states);
    assert_eq!(rules[0].wants, [want(Field::State, false, &["invalid"])]);
    assert_eq!(rules[1].verdict, Verdict::Jump("x".to_owned()));
    assert_eq!(rules[2].verdict, Verdict::Next);
    let named = mark(
        r#"{"payload": {"protocol": "ip", "field": "saddr"}}"#,
        "\"@bad\"",
    );
    assert_eq!(rule(&named)[0].wants[1], Want::OTHER);
}

#[test]
fn marks_that_nft_sets_tell_which_bits_they_change() {
    let written = |key: &str, value: &str| {
        let text = format!(
            r#"[{{"mangle": {{"key": {{"{key}": {{"key": "mark"}}}}, "value": {value}}}}}]"#
        );
        let expressions: Vec<Value> = serde_json::from_str(&text).unwrap();
        let writes = nft::rules(&expressions)[0].writes.unwrap();
        (writes.value, writes.mask)
    };
    let own = r#"{"|": [{"&": [{"meta": {"key": "mark"}}, 33554431]}, 16777216]}"#;
    assert_eq!(written("meta", own), (0x0100_0000, 0xff00_0000));
    assert_eq!(written("meta", "7"), (7, u32::MAX));
    assert_eq!(written("meta", r#"{"ct": {"key": "mark"}}"#), (0, u32::MAX));
    assert_eq!(
        written("ct", r#"{"&": [{"meta": {"key": "mark"}}, 255]}"#),
        (0, u32::MAX)
    );
    assert_eq!(
        written("meta", r#"{"|": [{"meta": {"key": "mark"}}, 4]}"#),
        (4, 4)
    );
}
