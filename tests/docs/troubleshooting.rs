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
    let (index, sections) = page.split_once("<a id=").unwrap();
    for code in Code::all() {
        let Entry {
            symptom,
            consequence,
            cause,
            by_hand,
            remedy,
            title,
            ..
        } = code.entry();
        assert!(index.contains(&format!("[{code}](#")), "{code}");
        let (_, section) = sections.split_once(&format!("## {code} (")).unwrap();
        let section = section.split("<a id=").next().unwrap();
        for text in [title, symptom, consequence, cause, remedy] {
            assert!(!text.is_empty() && section.contains(text), "{code}: {text}");
        }
        assert!(
            by_hand.lines().all(|line| section.contains(line)),
            "{code}: {by_hand}"
        );
    }
}
