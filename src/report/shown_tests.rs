//! What comes from outside into a report, in every field and by every way to a reader.

use std::io;

use super::*;
use crate::numbering::Owner;

/// ESC, a bell, C1's CSI, an override of direction, and a line that passes for one of ours.
const ACTIVE: &str = "x\x1b[31m\x07\u{9b}2J\u{202e}\nFORGED\r";

fn of(text: &str) -> String {
    text.to_owned()
}

fn assert_safe(field: &str, text: &str) {
    let is_active = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
    assert!(!text.contains(is_active), "{field}: {text:?}");
    assert!(
        text.lines().all(|line| !line.starts_with("FORGED")),
        "{field}: {text}"
    );
}

/// Every word that a host, EC2 or a program may have chosen is `word`.
fn report(command: &'static str, word: &str) -> Report {
    let finding = Finding::new(Code::A2, Owner::Host, of(word), of(word))
        .about(of(word))
        .is_not(of(word), of(word))
        .mended_by(Remedy::review(of(word)))
        .known_from(Evidence::file(of(word), of(word)));
    let eni = EniReport {
        interface: Some(of(word)),
        eni: Some(of(word)),
        mac: Mac([2, 0, 0, 0, 0, 1]),
        primary: false,
        device_number: Some(1),
        network_card: Some(0),
        table: Some(10001),
        addresses: vec![AddressReport {
            address: "10.0.0.1".parse().unwrap(),
            role: Role::Primary,
            public: Vec::new(),
            state: AddressState::default(),
        }],
        prefixes: Vec::new(),
        membership: Membership {
            subnet: Some(of(word)),
            security_groups: Some(vec![of(word)]),
            vpc: Some(of(word)),
            account: Some(of(word)),
        },
        whole: AddressState::default(),
        state: State::Unmanaged,
        reason: Some(of(word)),
    };
    Report {
        command,
        enis: vec![eni],
        files: vec![FileReport {
            path: of(word),
            action: "create",
            diff: "+x\x1b\u{9b}\n".to_owned(),
        }],
        backend: Some("netplan".to_owned()),
        findings: vec![finding],
        notes: vec![of(word)],
        errors: vec![of(word)],
        news: vec![of(word)],
        is_wide: true,
        ..Report::default()
    }
}

#[test]
fn no_field_of_a_report_reaches_a_terminal_as_it_is() {
    for command in [
        "apply", "plan", "status", "check", "remove", "refresh", "hotplug",
    ] {
        let shown = report(command, ACTIVE);
        assert_safe(command, &shown.text());
        let json = shown.json();
        assert_safe(command, &json);
        let read: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(read["notes"][0], ACTIVE, "JSON reads the same");
        let idle = Report {
            files: Vec::new(),
            ..shown.clone()
        };
        assert_safe(command, &idle.text());
        for said in [
            idle.clone().silent_unless_changed(),
            idle.clone().notes_unless_changed(),
        ] {
            assert!(said.text().contains("FORGED"), "{command} says it");
            assert_safe(command, &said.text());
        }
        assert_safe(command, &Report::one_line(command, of(ACTIVE)).text());
        let found = idle.clone().about("10.0.0.1".parse().unwrap()).unwrap();
        assert_safe("an address", &found.text());
        let unknown = idle.about("10.0.0.9".parse().unwrap()).unwrap_err();
        assert_safe("a stranger", &escape::message(&unknown.to_string()));
    }
}

#[test]
fn no_field_of_an_error_reaches_a_log_or_a_report_as_it_is() {
    let mac = Mac([2, 0, 0, 0, 0, 1]);
    let source = || io::Error::other(ACTIVE);
    let errors = [
        ("usage", Error::Usage(of(ACTIVE))),
        ("a file", Error::file(ACTIVE, source())),
        (
            "a text",
            Error::Parse {
                path: ACTIVE.into(),
                why: of(ACTIVE),
            },
        ),
        (
            "no answer",
            Error::Unreachable {
                url: of(ACTIVE),
                why: of(ACTIVE),
            },
        ),
        (
            "a refusal",
            Error::Refused {
                url: of(ACTIVE),
                why: of(ACTIVE),
            },
        ),
        (
            "metadata",
            Error::Metadata {
                mac,
                key: of(ACTIVE),
                why: of(ACTIVE),
                lack: crate::error::Lack::Wrong,
            },
        ),
        (
            "the kernel",
            Error::Kernel {
                what: of(ACTIVE),
                source: source(),
                ext_ack: Some(of(ACTIVE)),
            },
        ),
        ("a program", Error::Failed(of(ACTIVE))),
    ];
    for (field, error) in errors {
        let text = error.to_string();
        assert_safe(field, &escape::message(&text));
        let noted = Report {
            notes: vec![text.clone()],
            errors: vec![text],
            ..Report::default()
        };
        for command in ["apply", "plan", "status", "check"] {
            let report = Report {
                command,
                ..noted.clone()
            };
            assert_safe(field, &report.text());
            assert_safe(field, &report.json());
        }
    }
}
