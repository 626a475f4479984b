//! What a person reads, and what a program parses.

use super::*;
use crate::net::{Address, Family, Rule};
use crate::numbering::Owner;
use crate::object::Object;

fn eni(number: u8, state: State) -> EniReport {
    EniReport {
        interface: Some(format!("eth{number}")),
        eni: Some(format!("eni-000000000000000{number:02x}")),
        mac: Mac([2, 0, 0, 0, 0, number]),
        primary: number == 0,
        device_number: Some(number.into()),
        network_card: Some(0),
        table: Some(10_000 + u32::from(number)),
        addresses: vec![AddressReport {
            address: format!("10.0.0.{number}").parse().unwrap(),
            role: Role::Primary,
            public: Vec::new(),
            state: AddressState::default(),
        }],
        prefixes: Vec::new(),
        membership: Membership::default(),
        whole: AddressState::default(),
        state,
        reason: None,
    }
}

fn changes() -> Vec<Change> {
    let rule = |ip: &str| Rule {
        priority: 10001,
        family: Family::Ipv4,
        from: Some(ip.parse().unwrap()),
        table: 10001,
        suppress_prefixlength: None,
        extra: None,
    };
    vec![
        Change::Add(Object::LinkUp("eth1".into())),
        Change::Add(Object::Address(Address::host(
            &"eth1".into(),
            "10.0.0.1".parse().unwrap(),
        ))),
        Change::Add(Object::Rule(rule("10.0.0.1/32"))),
        Change::Add(Object::Rule(rule("10.0.0.2/32"))),
        Change::Remove(Object::Rule(rule("10.0.0.3/32"))),
    ]
}

fn report(command: &'static str) -> Report {
    Report {
        command,
        enis: vec![eni(0, State::Ok), eni(1, State::Ok)],
        ..Report::default()
    }
}

#[test]
fn apply_counts_what_it_did_and_names_files_exceptions_and_notes() {
    let file = FileReport {
        path: "/etc/netplan/60-eniroute-eth1.yaml".into(),
        action: "create",
        diff: String::new(),
    };
    let report = Report {
        enis: vec![eni(0, State::Ok), eni(1, State::Missing(2))],
        kernel: changes(),
        backend: Some("netplan".into()),
        files: vec![file],
        notes: vec!["a remark".into()],
        ..report("apply")
    };
    assert_eq!(
        report.text(),
        "kernel: 1 link, 1 address, 2 rules set; 1 rule removed\n\
         files (netplan): 1 changed\n  create /etc/netplan/60-eniroute-eth1.yaml\n\
         eth1: missing 2\nnote: a remark\n"
    );
}

#[test]
fn a_run_with_nothing_to_do_counts_only_what_is_right() {
    assert_eq!(
        report("apply").text(),
        "nothing to do: 2 ENIs are as EC2 describes them\n"
    );
    let report = Report {
        enis: vec![eni(0, State::Ok), eni(1, State::Unmanaged)],
        ..report("apply")
    };
    assert_eq!(
        report.text(),
        "nothing to do: 1 ENI is as EC2 describes it\neth1: unmanaged\n"
    );
    let report = Report {
        errors: vec!["it failed".into()],
        ..report
    };
    assert_eq!(
        (report.text().as_str(), report.exit_code()),
        ("nothing was changed\neth1: unmanaged\n", 1)
    );
}

#[test]
fn what_runs_again_and_again_speaks_only_of_changes_and_notes() {
    let told = || Report {
        notes: vec!["a remark".into(), "another".into()],
        ..report("refresh")
    };
    assert_eq!(told().silent_unless_changed().text(), "");
    assert_eq!(
        told().notes_unless_changed().text(),
        "note: a remark\nnote: another\n"
    );
    assert_eq!(report("hotplug").notes_unless_changed().text(), "");
    for changed in [Report::silent_unless_changed, Report::notes_unless_changed] {
        let text = changed(Report {
            kernel: changes(),
            ..told()
        })
        .text();
        assert!(
            text.starts_with("kernel: 1 link, ")
                && text.ends_with("note: a remark\nnote: another\n"),
            "{text}"
        );
    }
}

#[test]
fn a_run_that_had_nothing_to_say_tells_what_it_began_with() {
    let first = || Report {
        kernel: changes(),
        notes: vec!["taken back".into()],
        ..report("refresh")
    };
    assert_eq!(
        Report::silent("refresh").after(report("refresh")).text(),
        ""
    );
    let text = Report::silent("refresh").after(first()).text();
    assert!(
        text.starts_with("kernel: 1 link, ") && text.ends_with("note: taken back\n"),
        "{text}"
    );
    let line = Report::one_line("apply", "another tool is in charge".into());
    assert_eq!(line.text(), "another tool is in charge\n");
    assert!(
        line.after(first())
            .text()
            .ends_with("note: taken back\nnote: another tool is in charge\n")
    );
}

#[test]
fn a_plan_is_a_script_whose_remarks_are_comments() {
    let file = FileReport {
        path: "/x".into(),
        action: "create",
        diff: "--- /dev/null\n+++ /x\n".into(),
    };
    let notes = vec!["a remark".into()];
    let report = Report {
        kernel: changes(),
        backend: Some("netplan".into()),
        files: vec![file],
        notes,
        ..report("plan")
    };
    let text = report.text();
    let commands: Vec<&str> = text
        .lines()
        .filter(|line| line.starts_with("ip "))
        .collect();
    assert_eq!(commands.len(), 5);
    assert_eq!(commands[1], "ip -4 address replace 10.0.0.1/32 dev eth1");
    assert!(
        text.starts_with("# kernel: ") && text.ends_with("--- /dev/null\n+++ /x\n# a remark\n"),
        "{text}"
    );
}

#[test]
fn status_is_one_aligned_table_with_a_row_for_each_address() {
    let mut second = eni(1, State::Misrouted(1));
    second.network_card = Some(2);
    second.addresses[0].public = vec!["203.0.113.9".parse().unwrap()];
    second.prefixes = vec!["10.0.3.16/28".into()];
    let late = EniReport {
        interface: None,
        eni: None,
        device_number: None,
        table: None,
        addresses: vec![],
        ..eni(2, State::Incomplete)
    };
    let report = Report {
        enis: vec![eni(0, State::Ok), second, late],
        ..report("status")
    };
    assert_eq!(
        report.text(),
        "\
INTERFACE  ENI                    DEVICE  TABLE  ADDRESS       PUBLIC       STATE
eth0       eni-00000000000000000  0       10000  10.0.0.0      -            ok
eth1       eni-00000000000000001  2/1     10001  10.0.0.1      203.0.113.9  misrouted 1
                                                 10.0.3.16/28  -
-          02:00:00:00:00:02      -       -                                 incomplete
"
    );
}

#[test]
fn an_address_has_its_own_state_the_worst_of_what_was_found_of_it_or_of_its_whole_eni() {
    let (mac, other) = (Mac([2, 0, 0, 0, 0, 1]), Mac([2, 0, 0, 0, 0, 2]));
    let ip = |n: u8| std::net::IpAddr::from([10, 0, 0, n]);
    let of = |code, n| Finding::told(code, Owner::Eni(mac), String::new()).of_address(ip(n));
    let mut findings = vec![
        of(Code::R1, 1),
        of(Code::A1, 1),
        of(Code::A6, 2),
        of(Code::A4, 3),
    ];
    findings.push(Finding::told(
        Code::L3,
        Owner::Eni(other),
        "another ENI's".into(),
    ));
    let states = |findings: &[Finding]| {
        [1, 2, 3, 4].map(|n| AddressState::of(findings, mac, ip(n)).to_string())
    };
    assert_eq!(states(&findings), ["A1", "ok", "A4", "ok"]);
    assert!(AddressState::of_whole(&findings, mac).is_ok());
    findings.push(Finding::told(Code::L3, Owner::Eni(mac), String::new()));
    assert_eq!(states(&findings), ["A1", "L3", "L3", "L3"]);
}

#[test]
fn a_row_of_the_table_shows_the_state_of_its_address_where_the_whole_eni_has_another() {
    let mut eni = eni(1, State::Missing(2));
    let broken = Finding::told(Code::A1, Owner::Eni(eni.mac), String::new());
    let broken = [broken.of_address([10, 0, 0, 3].into())];
    let address = |n: u8| AddressReport {
        address: [10, 0, 0, n].into(),
        role: Role::Secondary,
        public: Vec::new(),
        state: AddressState::of(&broken, Mac([2, 0, 0, 0, 0, 1]), [10, 0, 0, n].into()),
    };
    eni.addresses = [1, 2, 3].map(address).to_vec();
    let report = Report {
        enis: vec![eni],
        ..report("status")
    };
    let states: Vec<Vec<String>> = report
        .text()
        .lines()
        .skip(1)
        .map(|line| line.split_whitespace().map(str::to_owned).collect())
        .collect();
    assert_eq!(states[0][5..], ["-", "missing", "2"]);
    assert_eq!(states[1], ["10.0.0.2", "-"]);
    assert_eq!(states[2], ["10.0.0.3", "-", "A1"]);
}

#[test]
fn json_has_the_documented_names() {
    let report = Report {
        kernel: changes(),
        enis: vec![eni(0, State::NoLink), eni(1, State::Missing(3))],
        ..report("apply")
    };
    let json: serde_json::Value = serde_json::from_str(&report.json()).unwrap();
    assert_eq!(json["command"], "apply");
    assert_eq!(json["kernel"][0], "ip link set dev eth1 up");
    assert_eq!(json["enis"][0]["state"], "no link");
    assert_eq!(
        (&json["enis"][1]["state"], &json["enis"][1]["count"]),
        (&"missing".into(), &3.into())
    );
    assert_eq!(
        json["enis"][1]["addresses"][0],
        serde_json::json!({"address": "10.0.0.1", "role": "primary", "public": [], "state": "ok"})
    );
    assert_eq!(json["errors"], serde_json::json!([]));
}

#[test]
fn the_state_of_an_eni_is_the_summary_of_its_findings() {
    let mac = |number| Mac([2, 0, 0, 0, 0, number]);
    let state = |codes: &[Code]| {
        let mut findings: Vec<_> = codes
            .iter()
            .map(|code| Finding::told(*code, Owner::Eni(mac(1)), String::new()))
            .collect();
        findings.push(Finding::told(
            Code::A1,
            Owner::Eni(mac(2)),
            "another ENI's".into(),
        ));
        findings.push(Finding::told(Code::O1, Owner::Host, "the host's".into()));
        State::of(&findings, mac(1))
    };
    assert_eq!(state(&[]), State::Ok);
    assert_eq!(state(&[Code::R3, Code::R11, Code::L5, Code::L2]), State::Ok);
    assert_eq!(
        state(&[Code::A1, Code::R2, Code::R4, Code::R9, Code::L3, Code::R1]),
        State::Missing(5)
    );
    assert_eq!(state(&[Code::R1, Code::R1]), State::Misrouted(2));
    assert_eq!(
        (state(&[Code::O1]), state(&[Code::O5])),
        (State::Unmanaged, State::Unmanaged)
    );
    assert_eq!(
        (state(&[Code::L1]), state(&[Code::M2, Code::A1])),
        (State::NoLink, State::Incomplete)
    );
}

#[test]
fn a_finding_says_what_it_is_about_how_bad_it_is_and_what_to_do() {
    let mac = Mac([2, 0, 0, 0, 0, 1]);
    let findings = vec![
        Finding::new(
            Code::A1,
            Owner::Eni(mac),
            "eth1 lacks 10.0.0.1".into(),
            "eniroute apply",
        ),
        Finding::told(Code::M6, Owner::Host, "no ENI is `eth9`".into()),
    ];
    assert_eq!(
        findings[0].to_string(),
        "eth1 lacks 10.0.0.1; eniroute apply"
    );
    assert_eq!(findings[1].to_string(), "no ENI is `eth9`");
    let json: serde_json::Value = serde_json::from_str(
        &Report {
            findings,
            ..report("status")
        }
        .json(),
    )
    .unwrap();
    assert_eq!(
        json["findings"],
        serde_json::json!([
            {"code": "A1", "severity": "error", "owner": "02:00:00:00:00:01", "what": "eth1 lacks 10.0.0.1",
             "consequence": Code::A1.entry().consequence, "remedy": "eniroute apply"},
            {"code": "M6", "consequence": Code::M6.entry().consequence, "severity": "warning", "owner": "host", "what": "no ENI is `eth9`", "remedy": null},
        ])
    );
}
