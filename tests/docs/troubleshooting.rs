//! docs/troubleshooting.md: what `eniroute explain CODE` says of each code, with an index by symptom.

use std::fmt::Write;

use eniroute::code::{Code, Entry};

const HEAD: &str = "\
# Troubleshooting

Made of the texts of `eniroute explain CODE` by `make pages`. `eniroute check` says which of these a host has, and
`eniroute explain ADDRESS` shows the way of a packet step by step.

## What people see

| symptom | code |
|---|---|
";

/// The whole page.
pub fn page() -> String {
    let entries: Vec<&Entry> = Code::all().map(Code::entry).collect();
    let index = entries.iter().map(|entry| {
        let code = entry.code;
        format!(
            "| {} | [{code}](#{}) |\n",
            entry.symptom.replace('|', "\\|"),
            code.to_string().to_lowercase()
        )
    });
    let sections = entries.iter().map(|entry| section(entry));
    HEAD.to_owned() + &index.collect::<String>() + &sections.collect::<String>()
}

fn section(entry: &Entry) -> String {
    let Entry {
        code,
        severity,
        title,
        symptom,
        consequence,
        cause,
        by_hand,
        remedy,
    } = entry;
    let anchor = code.to_string().to_lowercase();
    let mut text = format!("\n<a id=\"{anchor}\"></a>\n\n## {code} ({severity}): {title}\n\n");
    let parts = [
        ("Symptom", symptom),
        ("Consequence", consequence),
        ("Cause", cause),
    ];
    for (name, words) in parts {
        write!(text, "**{name}.** {words}\n\n").unwrap();
    }
    text.push_str("**See it by hand.**\n\n");
    for line in by_hand.lines() {
        writeln!(text, "- {line}").unwrap();
    }
    text + &format!("\n**Remedy.** {remedy}\n")
}

#[test]
fn each_code_is_in_the_index_and_has_a_section_with_all_its_texts() {
    let page = std::fs::read_to_string("docs/troubleshooting.md").unwrap();
    assert_eq!(lacking(&page), [""; 0]);
}

#[test]
fn a_finding_without_its_section_its_line_of_the_index_or_one_of_its_texts_is_found() {
    let page = page();
    assert_eq!(lacking(&page), [""; 0]);
    let entry = Code::all().nth(3).unwrap().entry();
    for part in [
        &section(entry),
        &format!("[{}](#", entry.code),
        entry.remedy,
        entry.by_hand.lines().next().unwrap(),
    ] {
        let without = page.replacen(part, "", 1);
        assert_eq!(lacking(&without), [entry.code.to_string()], "{part}");
    }
}

/// The codes of which this page does not say all.
fn lacking(page: &str) -> Vec<String> {
    let codes = Code::all().filter(|code| !has_all(page, code.entry()));
    codes.map(|code| code.to_string()).collect()
}

fn has_all(page: &str, entry: &Entry) -> bool {
    let code = entry.code;
    let (index, sections) = page.split_once("<a id=").unwrap();
    let Some((_, section)) = sections.split_once(&format!("## {code} (")) else {
        return false;
    };
    let section = section.split("<a id=").next().unwrap();
    let texts = [
        entry.title,
        entry.symptom,
        entry.consequence,
        entry.cause,
        entry.remedy,
    ];
    let mut texts = texts.into_iter().chain(entry.by_hand.lines());
    index.contains(&format!("[{code}](#"))
        && texts.all(|text| !text.is_empty() && section.contains(text))
}
