//! What is read, and what is refused with its line.

use super::*;

fn parse(text: &str) -> Result<Config> {
    Config::parse(Path::new("/etc/eniroute.toml"), text)
}

fn complaint(text: &str) -> String {
    let error = parse(text).unwrap_err();
    assert_eq!(error.exit_code(), 2);
    error.to_string()
}

#[test]
fn an_absent_or_empty_file_means_the_defaults() {
    assert_eq!(parse("").unwrap(), Config::default());
    assert_eq!(
        Config::load(Path::new("/nonexistent/eniroute.toml"), false).unwrap(),
        Config::default()
    );
    assert!(Config::default().main_route && !Config::default().main_routes_first);
}

#[test]
fn a_file_that_the_user_named_must_exist() {
    let error = Config::load(Path::new("/nonexistent/eniroute.toml"), true).unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("/nonexistent/eniroute.toml: "),
        "{error}"
    );
}

#[test]
fn every_key_is_read() {
    let config =
        parse("main_route = false\nmain_routes_first = true\nexclude = [\"eni-0abc\", \"eth3\"]\nrule_index = \"off\"\n")
            .unwrap();
    assert!(!config.main_route && config.main_routes_first);
    assert_eq!(config.rule_index, RuleIndex::Off);
    assert_eq!(Config::default().rule_index, RuleIndex::Auto);
    let refused = complaint("\nrule_index = \"on\"\n");
    assert!(
        refused.starts_with("/etc/eniroute.toml:2: ") && refused.contains("auto"),
        "{refused}"
    );
    assert_eq!(config.exclude, ["eni-0abc", "eth3"]);
}

#[test]
fn an_unknown_key_is_named_with_its_line() {
    let text = complaint("main_route = true\n\nexclud = [\"eth1\"]\n");
    assert!(text.starts_with("/etc/eniroute.toml:3: "), "{text}");
    assert!(
        text.contains("exclud") && text.contains("main_routes_first"),
        "{text}"
    );
}

#[test]
fn a_slip_in_a_key_or_a_value_names_the_nearest_with_its_line() {
    for (text, line, said) in [
        (
            "[[egres]]\n",
            1,
            "unknown key `egres`: did you mean `egress`? Expected one of `",
        ),
        (
            "\nexclud = []\n",
            2,
            "unknown key `exclud`: did you mean `exclude`?",
        ),
        (
            "main-route = true\n",
            1,
            "unknown key `main-route`: did you mean `main_route`?",
        ),
        (
            "[eni.eth1]\nmtu_internt = 1500\n",
            2,
            "did you mean `mtu_internet`? Expected `mtu_internet`",
        ),
        (
            "[forwarding]\n\nenabeld = true\n",
            3,
            "did you mean `enabled`?",
        ),
        (
            "[[forwarding.path]]\nin = \"eth1\"\nuot = \"eth2\"\n",
            3,
            "did you mean `out`?",
        ),
        (
            "forwarding = { symetric = true }\n",
            1,
            "did you mean `symmetric`?",
        ),
        (
            "[[egress]]\nform = \"10.0.3.0/24\"\n",
            2,
            "did you mean `from`?",
        ),
        (
            "rule_index = \"of\"\n",
            1,
            "unknown variant `of`: did you mean `off`?",
        ),
    ] {
        let complaint = complaint(text);
        assert!(
            complaint.starts_with(&format!("/etc/eniroute.toml:{line}: ")),
            "{complaint}"
        );
        assert!(complaint.contains(said), "{complaint}");
    }
}

#[test]
fn where_nothing_is_near_all_keys_are_named_and_none_is_meant() {
    for text in [
        "frobnicate = 1\n",
        "include = []\n",
        "[forwarding]\nx = 1\n",
        "rule_index = \"bsd\"\n",
    ] {
        let complaint = complaint(text);
        assert!(
            complaint.contains("unknown ") && complaint.contains(", expected "),
            "{complaint}"
        );
        assert!(!complaint.contains("did you mean"), "{complaint}");
    }
}

fn load(bytes: &[u8]) -> Result<Config> {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("eniroute.toml");
    std::fs::write(&path, bytes).unwrap();
    Config::load(&path, false)
}

#[test]
fn a_comment_in_another_encoding_is_no_mistake() {
    let config =
        load(b"# caf\xe9\nmain_route = false # gr\xfcn\nexclude = [\n  # \xff\n  \"eth1\",\n]\n")
            .unwrap();
    assert!(!config.main_route);
    assert_eq!(config.exclude, ["eth1"]);
}

#[test]
fn a_key_or_value_with_a_byte_that_is_not_utf_8_is_named_with_its_line() {
    for (bytes, line, words) in [
        (
            &b"# caf\xe9\nexclude = [\n  \"eth1\",\n  \"eth\xe9\",\n]\n"[..],
            4,
            "not UTF-8",
        ),
        (b"# caf\xe9\n\nexclude = [\"eth\xe9\"]\n", 3, "not UTF-8"),
        (b"# caf\xe9\nexclud\xe9 = [\"eth1\"]\n", 2, "key"),
        (b"# caf\xe9\nmain_route = tru\xe9\n", 2, ""),
    ] {
        let error = load(bytes).unwrap_err();
        let text = error.to_string();
        assert!(
            error.exit_code() == 2 && text.contains(&format!("eniroute.toml:{line}: ")),
            "{text}"
        );
        assert!(text.contains(words), "{text}");
    }
}

#[test]
fn a_wrong_type_and_a_syntax_error_are_named_with_their_line() {
    let text = complaint("exclude = []\nmain_route = \"yes\"\n");
    assert!(
        text.starts_with("/etc/eniroute.toml:2: ") && text.contains("boolean"),
        "{text}"
    );
    let text = complaint("main_route = true\nexclude = [\n");
    assert!(text.starts_with("/etc/eniroute.toml:"), "{text}");
}

/// The parser's own words for them are of numbers, times and booleans.
#[test]
fn a_value_without_quotes_is_named_with_its_line_and_the_remedy() {
    for value in [
        "yes",
        "10.0.0.1",
        "2001:db8::/64",
        "fd00::1",
        "eni-0123",
        "client.example",
        "08.1/24",
    ] {
        for text in [
            format!("\nmain_route = {value}"),
            format!("\n[[egress]]\nfrom = [{value}, \"10.0.0.2\"]\n").replacen('\n', "", 1),
            format!("exclude = [\n{value} # a comment\n]"),
        ] {
            let said = complaint(&text);
            let expected = format!(
                "/etc/eniroute.toml:2: `{value}` is neither true, false nor a number: text stands in quotes, \"{value}\""
            );
            assert_eq!(said, expected, "{text}");
        }
    }
}

#[test]
fn what_is_wrong_but_for_quotes_is_said_as_it_is() {
    for text in [
        "main_route =",
        "exclude = [\"eth1\" \"eth2\"]",
        "exclude = ['eth1]",
    ] {
        let said = complaint(text);
        assert!(!said.contains("neither"), "{said}");
    }
}

fn chosen(selector: &str, mtu: u32, line: usize) -> EniConfig {
    EniConfig {
        selector: selector.to_owned(),
        mtu_internet: Some(mtu),
        place: format!("/etc/eniroute.toml:{line}"),
    }
}

#[test]
fn a_table_for_one_eni_is_read_with_its_line() {
    let text = "main_route = true\n\n[eni.\"eth1\"]\nmtu_internet = 1500\n\n[eni.'02:00:00:00:00:02']\n# jumbo\n\
                mtu_internet = 9001\n";
    let [mac, name] = [
        chosen("02:00:00:00:00:02", 9001, 8),
        chosen("eth1", 1500, 4),
    ];
    assert_eq!(parse(text).unwrap().eni, [mac, name]);
    for (text, expected) in [
        ("[eni.eth1]\nmtu_internet = 68\n", chosen("eth1", 68, 2)),
        (
            "\neni.\"2001:db8::1\".mtu_internet = 9_216\n",
            chosen("2001:db8::1", 9216, 2),
        ),
        (
            "eni = { 1 = { mtu_internet = 0x5dc } }\n",
            chosen("1", 1500, 1),
        ),
    ] {
        assert_eq!(parse(text).unwrap().eni, [expected], "{text}");
    }
    let empty = &parse("[eni.eth1]\n").unwrap().eni[0];
    assert_eq!((&*empty.selector, empty.mtu_internet), ("eth1", None));
}

#[test]
fn what_is_wrong_in_a_table_for_one_eni_is_named_with_its_line() {
    let bounds = "from 68 to 9216";
    for (value, words) in [
        ("67", &["67", bounds][..]),
        ("9217", &["9217", bounds]),
        ("0", &["`0`", bounds]),
        ("-1500", &["-1500", bounds]),
        ("9223372036854775807", &["9223372036854775807", bounds]),
        ("\"1500\"", &["string \"1500\"", bounds]),
        ("1500.0", &["1500", bounds]),
        ("true", &["true", bounds]),
        ("[1500]", &["sequence", bounds]),
        ("99999999999999999999", &[]),
    ] {
        let text = complaint(&format!("\n[eni.\"eth1\"]\nmtu_internet = {value}\n"));
        assert!(text.starts_with("/etc/eniroute.toml:3: "), "{text}");
        words
            .iter()
            .for_each(|word| assert!(text.contains(word), "{word}: {text}"));
    }
    for (text, line, word) in [
        ("[eni.eth1]\nmtu = 1500\n", 2, "mtu_internet"),
        ("[eni]\nmtu_internet = 1500\n", 2, "integer"),
        ("eni = [\"eth1\"]\n", 1, "map"),
        ("[eni.eth1]\n[eni.eth1]\n", 2, "duplicate"),
        ("[[eni.eth1]]\nmtu_internet = 1500\n", 1, "map"),
    ] {
        let said = complaint(text);
        let place = format!("/etc/eniroute.toml:{line}: ");
        assert!(
            said.starts_with(&place) && said.contains(word),
            "{text}: {said}"
        );
    }
    let text = load(b"\n[eni.\"eth\xe9\"]\nmtu_internet = 1500\n")
        .unwrap_err()
        .to_string();
    assert!(
        text.contains("eniroute.toml:2: ") && text.contains("not UTF-8"),
        "{text}"
    );
}

const FORWARDING: &str = r#"
[forwarding]
enabled = true
symmetric = false
standby = ["10.0.0.50", "2001:db8::50", "eni-0abc"]

[[forwarding.path]]
in = "eth2"
out = "eth1"
[[forwarding.path]]
in = "gwi-x1"
out = "eni-0def"
"#;

#[test]
fn forwarding_is_read_with_the_lines_of_its_paths() {
    let forwarding = parse(FORWARDING).unwrap().forwarding;
    assert!(forwarding.enabled && !forwarding.symmetric);
    let paths = forwarding.paths.iter();
    let ends: Vec<_> = paths
        .map(|path| (&*path.input, &*path.output, &*path.place))
        .collect();
    assert_eq!(
        ends,
        [
            ("eth2", "eth1", "/etc/eniroute.toml:7"),
            ("gwi-x1", "eni-0def", "/etc/eniroute.toml:10")
        ]
    );
    for ip in ["10.0.0.50", "2001:db8::50"] {
        assert!(forwarding.is_standby(ip.parse().unwrap()), "{ip}");
    }
    assert!(!forwarding.is_standby("10.0.0.51".parse().unwrap()));
    assert!(forwarding.awaits("eni-0abc") && !forwarding.awaits("eni-0def"));
}

#[test]
fn nothing_is_forwarded_or_marked_unless_it_is_asked_for() {
    for text in [
        "",
        "[forwarding]\n",
        "[forwarding]\nstandby = [\"10.0.0.50\"]\n",
    ] {
        let config = parse(text).unwrap();
        assert!(!config.forwards() && !config.marks(), "{text}");
    }
    let enabled = parse("[forwarding]\nenabled = true\n").unwrap();
    assert!(enabled.forwards() && enabled.marks());
    let asymmetric = parse("[forwarding]\nenabled = true\nsymmetric = false\n").unwrap();
    assert!(asymmetric.forwards() && !asymmetric.marks());
}

#[test]
fn a_mistake_in_forwarding_is_told_with_its_line() {
    for (text, line, words) in [
        ("[forwarding]\nenabeld = true\n", 2, "enabeld"),
        ("[forwarding]\nenabled = 1\n", 2, "boolean"),
        (
            "[forwarding]\n\nstandby = [\"10.0.0.0/24\"]\n",
            3,
            "10.0.0.0/24",
        ),
        ("[forwarding]\nstandby = [\n  \"eth1\"]\n", 3, "eni-id"),
        ("[forwarding]\nstandby = \"10.0.0.50\"\n", 2, "sequence"),
        ("[[forwarding.path]]\nin = \"eth1\"\n", 1, "out"),
        (
            "[[forwarding.path]]\nin = \"a\"\nout = \"b\"\nvia = \"c\"\n",
            4,
            "via",
        ),
        ("[[forwarding.path]]\nin = 1\nout = \"b\"\n", 2, "string"),
        (
            "[[forwarding.path]]\nin = \"a\"\nout = \"b\"\n[[forwarding.path]]\nin = \"a\"\nout = \"c\"\n",
            4,
            "/etc/eniroute.toml:1",
        ),
    ] {
        let said = complaint(text);
        let start = format!("/etc/eniroute.toml:{line}: ");
        assert!(said.starts_with(&start) && said.contains(words), "{said}");
    }
}
