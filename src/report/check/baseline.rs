//! What an earlier `check` found: what is not new.

use std::collections::BTreeSet;

use serde::Deserialize;

use crate::gather::Gather;
use crate::report::Finding;

/// The findings of an earlier report, each by its code, whose it is, and what it is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Baseline(BTreeSet<Known>);

#[derive(Deserialize)]
struct Earlier {
    command: String,
    findings: Vec<Known>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
struct Known {
    code: String,
    owner: String,
    object: Option<String>,
}

impl Baseline {
    /// Reads what `check --json` has printed.
    ///
    /// # Errors
    /// Says why it is no such report.
    pub fn parse(text: &str) -> Result<Self, String> {
        let told = "expected what `eniroute check --json` prints";
        let earlier: Earlier =
            serde_json::from_str(text).map_err(|error| format!("{error}; {told}"))?;
        if earlier.command != "check" {
            return Err(format!("it is a report of `{}`; {told}", earlier.command));
        }
        Ok(Self(earlier.findings.into_iter().gathered()))
    }

    /// It was found then, too.
    pub fn has(&self, finding: &Finding) -> bool {
        self.0.contains(&Known {
            code: finding.code.to_string(),
            owner: finding.whose(),
            object: finding.object.clone(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::Mac;
    use crate::numbering::Owner;
    use crate::report::{Code, Report};

    fn finding(number: u8, object: &str) -> Finding {
        let owner = Owner::Eni(Mac([2, 0, 0, 0, 0, number]));
        Finding::told(Code::A1, owner, "in other words".into()).about(object)
    }

    #[test]
    fn what_is_known_is_so_by_code_owner_and_object() {
        let report = Report {
            command: "check",
            findings: vec![
                finding(1, "10.0.0.1"),
                Finding::told(Code::M6, Owner::Host, "x".into()),
            ],
            ..Report::default()
        };
        let baseline = Baseline::parse(&report.json()).unwrap();
        for known in &report.findings {
            assert!(baseline.has(known), "{known}");
        }
        for new in [
            finding(2, "10.0.0.1"),
            finding(1, "10.0.0.2"),
            Finding {
                code: Code::A2,
                ..finding(1, "10.0.0.1")
            },
            Finding::told(Code::M6, Owner::Host, "x".into()).about("eth9"),
        ] {
            assert!(!baseline.has(&new), "{new}");
        }
    }

    #[test]
    fn what_is_no_report_of_check_is_refused_with_the_reason() {
        for (text, why) in [
            ("", "EOF"),
            ("{}", "missing field"),
            (r#"{"error": "no", "exit": 4}"#, "missing field"),
            (
                r#"{"command": "status", "findings": []}"#,
                "a report of `status`",
            ),
        ] {
            let told = Baseline::parse(text).unwrap_err();
            assert!(
                told.contains(why) && told.contains("eniroute check --json"),
                "{told}"
            );
        }
    }
}
