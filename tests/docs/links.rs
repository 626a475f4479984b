//! Links of the documentation lead to what is there: files, and headings within them.

use std::fs;
use std::path::Path;

use crate::support::shown::pages;

#[test]
fn no_link_in_the_documentation_is_broken() {
    let broken: Vec<String> = pages().iter().flat_map(|page| broken_in(page)).collect();
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn a_link_to_a_page_or_to_a_heading_that_is_not_there_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let page = folder.path().join("page.md");
    let text = "# One Two: three\n[a](page.md#one-two-three) [b](page.md#four) [c](none.md) \
                ![d](none.svg) [e](#one-two-three) [f](https://example.com)\n```\n[g](none)\n```\n";
    fs::write(&page, text).unwrap();
    let broken = broken_in(&page);
    assert_eq!(broken.len(), 3, "{broken:?}");
}

fn broken_in(page: &Path) -> Vec<String> {
    let text = prose(&fs::read_to_string(page).unwrap());
    let links = text
        .split("](")
        .skip(1)
        .filter_map(|rest| rest.split(')').next());
    links
        .filter(|link| !link.contains("://") && !leads_somewhere(page, link))
        .map(|link| format!("{}: {link} is not there", page.display()))
        .collect()
}

fn leads_somewhere(page: &Path, link: &str) -> bool {
    let (file, heading) = link.split_once('#').unwrap_or((link, ""));
    let target = match file {
        "" => page.to_owned(),
        file => page.parent().unwrap().join(file),
    };
    if heading.is_empty() {
        return target.exists();
    }
    let text = fs::read_to_string(target).unwrap_or_default();
    if text.contains(&format!("id=\"{heading}\"")) {
        return true;
    }
    prose(&text)
        .lines()
        .filter(|line| line.starts_with('#'))
        .any(|line| anchor(line) == heading)
}

/// As GitHub makes it of a heading.
fn anchor(heading: &str) -> String {
    let text = heading.trim_start_matches('#').trim().to_lowercase();
    let kept = text
        .chars()
        .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}

/// The page without its blocks of code.
fn prose(text: &str) -> String {
    let outside = text.split("```").step_by(2);
    outside.collect::<Vec<_>>().join("\n")
}
