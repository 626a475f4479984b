//! What a person reads of `check`: how much of it, in which lines, and in which colours.

use std::net::IpAddr;

use super::*;
use crate::report::{Code, Evidence, Screen, Verdict};

const MAC: Mac = Mac([2, 0, 0, 0, 0, 1]);

fn lacks(n: usize) -> Finding {
    let n = u8::try_from(n).unwrap();
    let ip = IpAddr::from([10, 0, 0, n]);
    Finding::new(
        Code::A1,
        Owner::Eni(MAC),
        format!("eth1 lacks {ip}, which EC2 has assigned"),
        "eniroute apply",
    )
    .of_address(ip)
}

fn unknown() -> Finding {
    Finding::told(Code::A2, Owner::Eni(MAC), "eth1 has 10.0.0.51".into())
        .of_address([10, 0, 0, 51].into())
        .is_not("10.0.0.51/24 on eth1", "10.0.0.133 alone, as EC2 has it")
        .mended_by(Remedy::outside(
            "aws ec2 assign-private-ip-addresses --network-interface-id eni-06cedd285bb800000 \
             --private-ip-addresses 10.0.0.51",
        ))
        .mended_by(Remedy::review("ip address del 10.0.0.51/24 dev eth1"))
        .known_from(Evidence::kernel("ip address show dev eth1", "10.0.0.51/24"))
}

fn report(findings: Vec<Finding>) -> Report {
    Report {
        command: "check",
        findings,
        form: Some(Form::default()),
        verdict: Some(Verdict {
            assumed: vec![
                "the security groups let it pass".into(),
                "so do the ACLs".into(),
            ],
            ..Verdict::default()
        }),
        ..Report::default()
    }
}

#[test]
fn a_finding_is_told_with_what_is_what_should_be_what_comes_of_it_what_to_do_and_the_proof() {
    let text = report(vec![unknown()]).text();
    let consequence = Code::A2.entry().consequence;
    assert!(
        text.starts_with("A2 error 02:00:00:00:00:01 10.0.0.51: eth1 has 10.0.0.51\n"),
        "{text}"
    );
    for line in [
        "  is:        10.0.0.51/24 on eth1\n",
        "  should be: 10.0.0.133 alone, as EC2 has it\n",
        "  do:        ip address del 10.0.0.51/24 dev eth1 # look first\n",
        "  see:       ip address show dev eth1: 10.0.0.51/24\n",
        "assumed: the security groups let it pass; so do the ACLs (`eniroute explain M4`)\n",
    ] {
        assert!(text.contains(line), "{line}{text}");
    }
    let words: Vec<&str> = text.split_whitespace().collect();
    assert!(
        words.join(" ").contains(&format!("so: {consequence}")),
        "{text}"
    );
}

#[test]
fn no_line_is_wider_than_the_screen_and_a_command_that_is_stays_one_for_a_shell() {
    for columns in [40, 60, 80, 100] {
        let screen = Screen {
            columns,
            has_colours: false,
        };
        let text = Report {
            screen,
            ..report(vec![unknown()])
        }
        .text();
        let is_long = |line: &&str| {
            let words = line.trim_end_matches(" \\").trim();
            line.chars().count() > columns && words.contains(' ')
        };
        assert_eq!(text.lines().find(is_long), None, "{text}");
        let (_, command) = text.split_once("do:        aws").unwrap();
        let command = command.replace("\\\n", " ");
        let line: Vec<&str> = command.lines().next().unwrap().split_whitespace().collect();
        assert!(line.join(" ").contains("10.0.0.51 # in AWS"), "{text}");
    }
}

#[test]
fn many_findings_of_one_kind_are_one_and_the_names_of_some_more() {
    let text = report((1..=250).map(lacks).collect()).text();
    assert_eq!(text.matches("A1 error").count(), 1, "{text}");
    assert!(
        text.contains("249 more like it: 10.0.0.2, 10.0.0.3, "),
        "{text}"
    );
    assert!(text.contains("--json has all"), "{text}");
    assert!(text.lines().count() < 12, "{text}");
    let few = report((1..=3).map(lacks).collect()).text();
    assert_eq!(few.matches("A1 error").count(), 3, "{few}");
}

#[test]
fn in_brief_each_finding_is_one_line_and_nothing_else_is_told() {
    let form = Form {
        brief: true,
        ..Form::default()
    };
    let brief = |findings| Report {
        form: Some(form),
        ..report(findings)
    };
    assert_eq!(brief(vec![]).text(), "");
    assert_eq!(
        brief(vec![lacks(1), lacks(2)]).text(),
        "A1 error 02:00:00:00:00:01 10.0.0.1: eth1 lacks 10.0.0.1, which EC2 has assigned; eniroute apply\n\
         A1 error 02:00:00:00:00:01 10.0.0.2: eth1 lacks 10.0.0.2, which EC2 has assigned; eniroute apply\n"
    );
}

#[test]
fn only_the_names_of_findings_have_a_colour_and_only_where_the_screen_has_some() {
    let in_colour = Report {
        screen: Screen {
            has_colours: true,
            ..Screen::default()
        },
        ..report(vec![unknown()])
    };
    let text = in_colour.text();
    assert!(
        text.starts_with("\u{1b}[1;31mA2 error\u{1b}[0m 02:00:"),
        "{text:?}"
    );
    assert_eq!(text.matches('\u{1b}').count(), 2, "{text:?}");
    assert!(!report(vec![unknown()]).text().contains('\u{1b}'));
}

#[test]
fn text_from_outside_moves_no_cursor_and_makes_no_line_of_its_own() {
    let hostile = Finding::told(Code::F1, Owner::Host, "a\u{1b}[2J\nA1 error eth0: b".into());
    let text = report(vec![hostile]).text();
    assert!(text.starts_with("F1 "), "{text:?}");
    assert!(
        !text.contains('\u{1b}') && !text.contains("\nA1 error"),
        "{text:?}"
    );
}

#[test]
fn what_the_baseline_has_is_counted() {
    let form = Form {
        known: 3,
        ..Form::default()
    };
    let text = Report {
        form: Some(form),
        ..report(vec![])
    }
    .text();
    assert!(
        text.starts_with("3 findings are left out: the baseline has them\n"),
        "{text}"
    );
}
