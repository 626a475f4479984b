//! What of a report is an entry of its own in the journal: each line that tells a finding, with its code and its ENI.

use super::{Finding, Report, Severity};
use crate::logger::escape;
use crate::numbering::Owner;

/// The fields of an entry.
pub type Fields = Vec<(&'static str, String)>;

impl Report {
    /// The entry for this line of the report's text, where it tells a finding.
    pub fn entry(&self, line: &str) -> Option<Fields> {
        let tells = |finding: &&Finding| line.contains(&escape::line(&finding.what));
        let finding = self.findings.iter().find(tells)?;
        let mut fields = vec![
            ("MESSAGE", line.to_owned()),
            ("PRIORITY", priority(finding.severity).to_owned()),
            ("ENIROUTE_CODE", finding.code.to_string()),
        ];
        if let Owner::Eni(mac) = finding.owner {
            fields.push(("ENIROUTE_MAC", mac.to_string()));
            let eni = self.enis.iter().find(|eni| eni.mac == mac);
            let of = |what: Option<&String>| what.map(|text| escape::line(text));
            let id = of(eni.and_then(|eni| eni.eni.as_ref()));
            fields.extend(id.map(|id| ("ENIROUTE_ENI", id)));
            let interface = of(eni.and_then(|eni| eni.interface.as_ref()));
            fields.extend(interface.map(|interface| ("ENIROUTE_INTERFACE", interface)));
        }
        Some(fields)
    }
}

/// As syslog counts.
fn priority(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "3",
        Severity::Warning => "4",
        Severity::Hint => "6",
    }
}
