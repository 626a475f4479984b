use super::*;

fn note_of(ours: &str, theirs: &str) -> String {
    let file = File {
        path: "/etc/sysconfig/network-scripts/route-eth1".into(),
        mode: 0o644,
        text: ours.to_owned(),
    };
    note(&file, &Standing::Plain(String::new()), theirs)
}

#[test]
fn a_route_that_stands_there_in_other_words_is_not_missing() {
    let ours = "# Written by eniroute\n10.0.0.0/20 dev eth1 scope link src 10.0.0.20 table 10001\n\
                default via 10.0.0.1 dev eth1 table 10001\n";
    let theirs = "# mine\n  0.0.0.0/0 dev eth1 via 10.0.0.1 table 10001 proto static onlink\n";
    let said = note_of(ours, theirs);
    assert!(
        said.contains(
            "written: `10.0.0.0/20 dev eth1 scope link src 10.0.0.20 table 10001`. At a boot"
        ),
        "{said}"
    );
    let whole = note_of("default via 10.0.0.1 dev eth1 table 10001\n", theirs);
    assert!(
        whole.ends_with("it has all that eniroute would write there"),
        "{whole}"
    );
}

#[test]
fn what_only_resembles_it_is_missing() {
    for (ours, theirs) in [
        (
            "default via 10.0.0.1 dev eth1 table 10001",
            "default via 10.0.0.1 dev eth1 table 10002",
        ),
        (
            "default via 10.0.0.1 dev eth1 metric 10001",
            "default via 10.0.0.1 dev eth1",
        ),
        (
            "from 10.0.0.20 lookup 10001 priority 10001",
            "from 10.0.0.20 lookup 10001 priority 100",
        ),
        (
            "from 10.0.0.20 lookup 10001 priority 10001",
            "#from 10.0.0.20 lookup 10001 priority 10001",
        ),
        ("Name=eth1", "Name=eth10"),
    ] {
        assert!(
            note_of(ours, theirs).contains(&format!("`{ours}`")),
            "{theirs}"
        );
    }
    let same = "from 10.0.0.20/32 table 10001 pref 10001";
    assert!(!note_of("from 10.0.0.20 lookup 10001 priority 10001", same).contains('`'));
}

#[test]
fn a_long_file_is_not_shown_whole() {
    let ours: String = (1..=9)
        .map(|n| format!("from 10.0.0.{n} lookup 10001\n"))
        .collect();
    let said = note_of(&ours, "");
    assert!(
        said.contains("10.0.0.6") && !said.contains("10.0.0.7"),
        "{said}"
    );
    assert!(said.contains("and 3 more lines"), "{said}");
}
