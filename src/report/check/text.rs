//! The report of `check` as text: the worst first, one screen; of a host where all is well, a line for each ENI.

use super::super::{Code, Finding, Remedy, Report, Severity};
use super::{EniVerdict, Form, ProbeReport};
use crate::gather::Gather;
use crate::logger::escape;
use crate::net::Mac;
use crate::numbering::Owner;
use crate::report::wrap::{Margins, wrapped};

/// So many findings are all told in full; of more, the first of each kind.
const FEW: usize = 4;

/// How many of the findings that are not told in full are named.
const NAMED: usize = 6;

/// A space at which no line is broken.
const GLUE: &str = "\u{a0}";

/// Where what is said of a finding begins, behind its name.
const INDENT: usize = 13;

impl Report {
    /// The findings, then what is right, then what is assumed.
    pub(in crate::report) fn check_text(&self) -> String {
        let form = self.form.unwrap_or_default();
        if form.brief {
            return self
                .findings
                .iter()
                .map(|finding| self.line(finding))
                .gathered();
        }
        let kinds = kinds(&self.findings);
        let found: String = kinds.iter().map(|kind| self.kind(kind)).gathered();
        found + &self.more(form) + &self.proven() + &self.limits()
    }

    /// One line.
    fn line(&self, finding: &Finding) -> String {
        format!(
            "{}\n",
            escape::line(&format!("{}{finding}", self.heading(finding)))
        )
    }

    /// The first of a kind in full, and which others there are.
    fn kind(&self, kind: &[&Finding]) -> String {
        let [first, others @ ..] = kind else {
            return String::new();
        };
        self.block(first) + &self.others(others)
    }

    /// A hint about which nothing is to be done is one sentence: the JSON and `explain` have the rest.
    fn block(&self, finding: &Finding) -> String {
        let what = self.paragraph("", &format!("{}{}", self.heading(finding), finding.what));
        if finding.is_mere_hint() {
            return what;
        }
        let consequence = Some(finding.code.entry().consequence.to_owned());
        let facts = [
            ("is:", &finding.is),
            ("should be:", &finding.expected),
            ("so:", &consequence.filter(|text| !text.is_empty())),
        ];
        let facts = facts
            .iter()
            .filter_map(|(name, text)| Some(self.paragraph(name, text.as_ref()?)));
        let facts: String = facts.gathered();
        let seen = finding.evidence.iter();
        let seen: String = seen
            .map(|seen| self.paragraph("see:", &format!("{}: {}", seen.source, seen.text)))
            .gathered();
        what + &facts + &self.remedies(finding) + &seen
    }

    fn remedies(&self, finding: &Finding) -> String {
        if finding.remedies.is_empty() {
            let told = finding.remedy.iter();
            return told.map(|told| self.paragraph("do:", told)).gathered();
        }
        finding
            .remedies
            .iter()
            .map(|remedy| self.command(remedy))
            .gathered()
    }

    /// Ready to paste, also where it does not fit into a line.
    fn command(&self, remedy: &Remedy) -> String {
        // A comment must not be broken: a shell would take its second line for a command.
        let advice = remedy.applicability.advice().replace(' ', GLUE);
        let command = format!("{} #{GLUE}{advice}", remedy.command);
        let margins = self.margins("do:");
        wrapped(
            &escape::line(&command),
            Margins {
                first: &margins,
                indent: INDENT + 2,
                columns: self.screen.columns,
                goes_on: " \\",
            },
        )
        .replace(GLUE, " ")
    }

    /// `and 17 more like it: 10.0.0.11, 10.0.0.12, ...`
    fn others(&self, others: &[&Finding]) -> String {
        if others.is_empty() {
            return String::new();
        }
        let named = others.iter().filter_map(|other| other.object.as_deref());
        let mut named: Vec<&str> = named.take(NAMED).gathered();
        if named.len() < others.len() && !named.is_empty() {
            named.push("...");
        }
        let names = if named.is_empty() {
            String::new()
        } else {
            format!(": {}", named.join(", "))
        };
        let text = format!("{} more like it{names}; --json has all", others.len());
        self.paragraph("and", &text)
    }

    /// `A2 error eth0 10.0.0.51: `
    fn heading(&self, finding: &Finding) -> String {
        let eni = match finding.owner {
            Owner::Eni(mac) => {
                let eni = self.enis.iter().find(|eni| eni.mac == mac);
                Some(eni.map_or_else(|| mac.to_string(), |eni| eni.name()))
            }
            Owner::Host => None,
        };
        let object = finding
            .object
            .clone()
            .filter(|object| eni.as_ref() != Some(object));
        let head = format!("{} {}", finding.code, finding.severity);
        let words = [Some(head), eni, object].into_iter().flatten();
        words.gathered::<Vec<_>>().join(" ") + ": "
    }

    /// How to know more, and what is not said because it is not new.
    fn more(&self, form: Form) -> String {
        let mut text = String::new();
        if let Some(worst) = self.findings.first() {
            let told = format!(
                "`eniroute explain {}` says more; so it is with each code",
                worst.code
            );
            text += &self.plain(&told);
        }
        match form.known {
            0 => {}
            1 => text += "1 finding is left out: the baseline has it\n",
            known => text += &format!("{known} findings are left out: the baseline has them\n"),
        }
        text
    }

    fn proven(&self) -> String {
        let verdicts = self.verdict.iter().flat_map(|verdict| &verdict.proven);
        let told = verdicts.map(|verdict| {
            let eni = self.enis.iter().find(|eni| eni.mac == verdict.mac);
            let name = eni.map_or_else(|| verdict.mac.to_string(), |eni| eni.name());
            self.plain(&format!(
                "{name}: {}{}",
                words(verdict),
                self.probed(verdict.mac)
            ))
        });
        told.gathered()
    }

    /// How many addresses of an ENI have had answers, where real packets were sent.
    fn probed(&self, mac: Mac) -> String {
        let probes = self.verdict.iter().flat_map(|verdict| &verdict.probe);
        let own: Vec<&ProbeReport> = probes.filter(|probe| probe.mac == mac).gathered();
        let asked = own.iter().filter(|probe| probe.metadata.is_some()).count();
        let answered = own
            .iter()
            .filter(|probe| probe.metadata == Some(true))
            .count();
        let mut text = String::new();
        if asked > 0 {
            text += &format!("; the metadata service has answered {answered} of {asked}");
        }
        for probe in own {
            if let Some(Some(seen)) = probe.seen_as {
                text += &format!("; {} is seen outside as {seen}", probe.address);
            }
        }
        text
    }

    /// What was not seen, and what cannot be.
    fn limits(&self) -> String {
        let Some(verdict) = &self.verdict else {
            return String::new();
        };
        let basis = verdict
            .basis
            .iter()
            .map(|basis| format!("judged by {basis}"));
        let unseen = verdict
            .unseen
            .iter()
            .map(|text| format!("not seen: {text}"));
        let assumed = || {
            let all = verdict.assumed.join("; ");
            format!("assumed: {all} (`eniroute explain {}`)", Code::M4)
        };
        let assumed = (!verdict.assumed.is_empty()).then(assumed);
        let all = basis.chain(unseen).chain(assumed);
        all.map(|text| self.plain(&text)).gathered()
    }

    fn plain(&self, text: &str) -> String {
        self.paragraph("", text)
    }

    /// What is said of a finding stands behind its name; without one it begins the line.
    fn paragraph(&self, name: &str, text: &str) -> String {
        let first = if name.is_empty() {
            String::new()
        } else {
            self.margins(name)
        };
        let indent = if name.is_empty() { 2 } else { INDENT };
        wrapped(
            &escape::line(text),
            Margins {
                first: &first,
                indent,
                columns: self.screen.columns,
                goes_on: "",
            },
        )
    }

    fn margins(&self, name: &str) -> String {
        format!("  {name:<width$}", width = INDENT - 2)
    }
}

/// The findings in their order, each alone, or where they are many those of one code and severity together.
fn kinds(findings: &[Finding]) -> Vec<Vec<&Finding>> {
    let mut kinds: Vec<Vec<&Finding>> = Vec::new();
    for finding in findings {
        let is_like = |kind: &&mut Vec<&Finding>| {
            let first = kind.first();
            first.is_some_and(|first| {
                first.code == finding.code && first.severity == finding.severity
            })
        };
        let like = kinds
            .iter_mut()
            .find(is_like)
            .filter(|_| findings.len() > FEW);
        match like {
            Some(kind) => kind.push(finding),
            None => kinds.push(vec![finding]),
        }
    }
    kinds
}

fn words(verdict: &EniVerdict) -> String {
    let addresses = match verdict.addresses {
        1 => "1 address".to_owned(),
        count => format!("{count} addresses"),
    };
    let ways = verdict.ways;
    if verdict.right == ways {
        format!("{addresses}, {ways} ways out, all by their own ENI")
    } else {
        format!(
            "{addresses}, {} of {ways} ways out by their own ENI",
            verdict.right
        )
    }
}

/// The code and the severity of each finding in the colour of how bad it is. `text` is what may be shown.
pub(in crate::report) fn coloured(text: &str) -> String {
    let painted = text.split_inclusive('\n').map(|line| {
        let severity = line.split(' ').nth(1).unwrap_or_default();
        let colour = [
            (Severity::Error, 31),
            (Severity::Warning, 33),
            (Severity::Hint, 36),
        ]
        .into_iter()
        .find(|(of, _)| of.to_string() == severity.trim_end_matches(':'));
        let end = line.find(severity).unwrap_or_default() + severity.len();
        match (colour, line.starts_with(' ')) {
            (Some((_, colour)), false) => {
                let (head, rest) = line.split_at(end);
                format!("\u{1b}[1;{colour}m{head}\u{1b}[0m{rest}")
            }
            _ => line.to_owned(),
        }
    });
    painted.gathered()
}

#[cfg(test)]
mod tests;
