//! What the documentation shows comes from a run: each block of output in README.md and docs/ has a name in a comment
//! before it, and the test of that name compares it. `make pages` writes them anew.

use std::fs;
use std::path::{Path, PathBuf};

/// `make pages` sets it: the files are written, not compared.
pub const WRITE: &str = "ENIROUTE_WRITE_PAGES";

/// Every block's name. Whoever adds one here compares it by [`assert_shown`].
pub const NAMES: [&str; 10] = [
    "s1 before",
    "s1 plan",
    "s1 after",
    "s1 status",
    "explain before",
    "explain after",
    "egress-only out",
    "egress-only in",
    "check of an unknown address",
    "status of clients",
];

/// README.md and every page in docs/.
pub fn pages() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let docs = fs::read_dir(root.join("docs")).unwrap();
    let mut pages: Vec<PathBuf> = docs.map(|entry| entry.unwrap().path()).collect();
    pages.retain(|path| path.extension().is_some_and(|extension| extension == "md"));
    pages.extend(
        [
            "README.md",
            "CONTRIBUTING.md",
            "SECURITY.md",
            "contrib/README.md",
        ]
        .map(|name| root.join(name)),
    );
    pages.sort();
    pages
}

/// The blocks of this name show `text`, and there is one at least.
pub fn assert_shown(name: &str, text: &str) {
    assert!(NAMES.contains(&name), "{name} is not listed in {}", file!());
    let mut found = 0;
    for path in pages() {
        let page = fs::read_to_string(&path).unwrap();
        let Some((shown, updated)) = shown(&page, name, text) else {
            continue;
        };
        found += 1;
        if std::env::var_os(WRITE).is_some() && page != updated {
            fs::write(&path, updated).unwrap();
        } else {
            let path = path.display();
            assert!(
                page == updated,
                "{path} shows something else as `{name}`: make pages\n{shown}\nIt is:\n{text}"
            );
        }
    }
    assert!(found > 0, "no page shows `{name}`");
}

/// What this page shows by this name, and the page with `text` in its place; `None` where it shows nothing by it.
pub fn shown(page: &str, name: &str, text: &str) -> Option<(String, String)> {
    let start = format!("<!-- shown: {name} -->\n```console\n");
    let (before, rest) = page.split_once(&start)?;
    let (shown, after) = rest.split_once("```").unwrap();
    let text = text.trim_matches('\n');
    let updated = format!("{before}{start}{text}\n```{after}");
    Some((shown.to_owned(), updated))
}
