//! Where a line of code lives, and what it may use, held against every import: a room (a file or folder of `src/`) uses
//! rooms on lower floors only, and no circle of imports leads out of a folder.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Each room, and the floor that it is on.
const FLOORS: &[(&str, u8)] = &[
    ("main", 11),
    ("lib", 11),
    ("commands", 10),
    ("check", 9),
    ("reconcile", 8),
    ("cli", 7),
    ("stacks", 6),
    ("diff", 6),
    ("plan", 5),
    ("ledger", 5),
    ("kernel", 4),
    ("metadata", 4),
    ("platform", 4),
    ("conflicts", 4),
    ("select", 4),
    ("config", 4),
    ("files", 3),
    ("command", 3),
    ("report", 3),
    ("eni", 3),
    ("object", 2),
    ("numbering", 2),
    ("error", 2),
    ("code", 1),
    ("net", 1),
    ("nearest", 1),
    ("logger", 1),
    ("signals", 1),
    ("gather", 0),
];

/// A file of `src/` without its tests and comments.
struct Module {
    /// `a::b`
    name: String,
    text: String,
}

/// Who imports whom.
type Imports = BTreeSet<(String, String)>;

#[test]
fn no_import_goes_up_a_floor_or_along_it() {
    assert_eq!(upward(&imports(&modules())), Imports::new());
}

#[test]
fn no_circle_of_imports_leads_out_of_a_folder() {
    assert_eq!(circles(&imports(&modules())), Imports::new());
}

#[test]
fn every_room_of_the_table_is_there() {
    let modules = modules();
    let rooms: BTreeSet<&str> = modules.iter().map(|module| room(&module.name)).collect();
    assert_eq!(rooms, FLOORS.iter().map(|(name, _)| *name).collect());
}

#[test]
fn whoever_imports_from_above_or_in_a_circle_is_named_however_it_is_written() {
    let module = |(name, text): (&str, &str)| Module {
        name: name.to_owned(),
        text: text.to_owned(),
    };
    let of = |modules: &[(&str, &str)]| {
        imports(&modules.iter().copied().map(module).collect::<Vec<_>>())
    };
    let pairs = |pairs: &[(&str, &str)]| -> Imports {
        pairs
            .iter()
            .map(|(from, to)| ((*from).to_owned(), (*to).to_owned()))
            .collect()
    };
    let up = of(&[
        ("net", "use crate::plan;\n"),
        ("plan", "use crate::net::Mac;\n"),
    ]);
    assert_eq!(upward(&up), pairs(&[("net", "plan")]));
    assert_eq!(
        upward(&of(&[
            ("eni", "fn a() {\n    crate::files::read()\n}\n"),
            ("files", "")
        ])),
        pairs(&[("eni", "files")])
    );
    let nested = "use std::fmt;\nuse crate::{\n    files::{self, lock::Lock},\n    net::Mac,\n};\n";
    let nested = of(&[
        ("object", nested),
        ("files", ""),
        ("files::lock", ""),
        ("net", ""),
    ]);
    assert_eq!(
        upward(&nested),
        pairs(&[("object", "files"), ("object", "files::lock")])
    );
    let circle = of(&[
        ("stacks::a", "use super::b;\n"),
        ("stacks::b", "use crate::stacks::c::d;\n"),
        ("stacks::c::d", "use super::super::a::A;\n"),
    ]);
    assert_eq!(
        circles(&circle),
        pairs(&[("stacks::b", "stacks::c::d"), ("stacks::c::d", "stacks::a")])
    );
    let in_a_folder = of(&[
        ("plan", "mod a;\nuse a::A;\n"),
        ("plan::a", "use super::b;\n"),
        ("plan::b", "use super::a::A;\n"),
    ]);
    assert_eq!(
        (circles(&in_a_folder), in_a_folder.len()),
        (Imports::new(), 3)
    );
}

fn modules() -> Vec<Module> {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    walk(&src, &mut found);
    let module = |path: &PathBuf| {
        let name = path
            .strip_prefix(&src)
            .unwrap()
            .with_extension("")
            .display()
            .to_string()
            .replace('/', "::");
        let name = name.strip_suffix("::mod").unwrap_or(&name).to_owned();
        Module {
            name,
            text: code(&fs::read_to_string(path).unwrap()),
        }
    };
    found
        .iter()
        .filter(|path| !is_test(path))
        .map(module)
        .collect()
}

fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
    {
        if entry.is_dir() {
            walk(&entry, found);
        } else if entry.extension().is_some_and(|end| end == "rs") {
            found.push(entry);
        }
    }
}

fn is_test(path: &Path) -> bool {
    let name = path.file_stem().unwrap().to_string_lossy();
    name.ends_with("tests") || path.components().any(|part| part.as_os_str() == "tests")
}

/// A file's own tests come last in it.
fn code(text: &str) -> String {
    let code = text
        .split("#[cfg(test)]\nmod tests {")
        .next()
        .unwrap_or_default();
    code.lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .map(|line| format!("{line}\n"))
        .collect()
}

fn imports(modules: &[Module]) -> Imports {
    let names: BTreeSet<&str> = modules.iter().map(|module| module.name.as_str()).collect();
    let of = |module: &Module| {
        let found = module
            .paths()
            .into_iter()
            .filter_map(|path| module.resolve(&path, &names));
        let found = found.filter(|target| *target != module.name);
        found
            .map(|target| (module.name.clone(), target))
            .collect::<Vec<_>>()
    };
    modules.iter().flat_map(of).collect()
}

impl Module {
    /// What it names of other modules: what it only hands on (`pub use`) it does not use itself.
    fn paths(&self) -> Vec<String> {
        let mut paths = Vec::new();
        for statement in self.text.split(';') {
            let start = statement
                .lines()
                .position(|line| line.starts_with("use "))
                .unwrap_or(usize::MAX);
            let tree: String = statement.lines().skip(start).collect();
            expand(
                "",
                tree.strip_prefix("use ").unwrap_or_default(),
                &mut paths,
            );
        }
        let is_path = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
        let words = self.text.split(|c| !is_path(c));
        paths.extend(
            words
                .filter(|word| word.starts_with("crate::") || word.starts_with("super::"))
                .map(str::to_owned),
        );
        paths
    }

    /// The longest part of a path that is a module; `None` for another crate's.
    fn resolve(&self, path: &str, all: &BTreeSet<&str>) -> Option<String> {
        let mut parts = path.split("::").filter(|part| !part.is_empty()).peekable();
        let mut base: Vec<&str> = self.name.split("::").collect();
        match parts.next_if(|part| ["crate", "eniroute", "self"].contains(part)) {
            Some("self") => {}
            Some(_) => base.clear(),
            None => {
                while parts.next_if_eq(&"super").is_some() {
                    base.pop();
                }
            }
        }
        let mut found = all.get(base.join("::").as_str());
        for part in parts {
            base.push(part);
            found = all.get(base.join("::").as_str()).or(found);
        }
        found.map(|name| (*name).to_owned())
    }
}

/// `a::{b, c::{d}}` as its paths.
fn expand(prefix: &str, tree: &str, paths: &mut Vec<String>) {
    let Some((head, rest)) = tree.split_once('{') else {
        let path = tree.split(" as ").next().unwrap_or_default().trim();
        paths.extend((!path.is_empty()).then(|| format!("{prefix}{path}")));
        return;
    };
    let inner = rest.rsplit_once('}').map_or(rest, |(inner, _)| inner);
    for part in split_at_commas(inner) {
        expand(&format!("{prefix}{}", head.trim()), part.trim(), paths);
    }
}

fn split_at_commas(text: &str) -> Vec<String> {
    let (mut parts, mut depth) = (vec![String::new()], 0);
    for c in text.chars() {
        depth += i32::from(c == '{') - i32::from(c == '}');
        match (c, depth) {
            (',', 0) => parts.push(String::new()),
            _ => parts.last_mut().unwrap().push(c),
        }
    }
    parts
}

fn room(module: &str) -> &str {
    module.split("::").next().unwrap_or_default()
}

fn floor(module: &str) -> u8 {
    let found = FLOORS.iter().find(|(name, _)| *name == room(module));
    found
        .unwrap_or_else(|| {
            panic!(
                "{module}: src/{} needs a line in the table of floors",
                room(module)
            )
        })
        .1
}

fn upward(imports: &Imports) -> Imports {
    let is_up = |(from, to): &&(String, String)| room(from) != room(to) && floor(to) >= floor(from);
    imports.iter().filter(is_up).cloned().collect()
}

fn circles(imports: &Imports) -> Imports {
    let mut uses: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    imports
        .iter()
        .for_each(|(from, to)| uses.entry(from).or_default().push(to));
    let folder = |module: &str| {
        module
            .rsplit_once("::")
            .map_or(String::new(), |(folder, _)| folder.to_owned())
    };
    let is_near = |a: &str, b: &str| folder(a) == folder(b) || folder(a) == b || folder(b) == a;
    let leads_out = |(from, to): &&(String, String)| {
        !is_near(from, to) && reach(&uses, to).contains(from.as_str())
    };
    imports.iter().filter(leads_out).cloned().collect()
}

fn reach<'a>(uses: &BTreeMap<&'a str, Vec<&'a str>>, from: &'a str) -> BTreeSet<&'a str> {
    let (mut seen, mut next) = (BTreeSet::new(), vec![from]);
    while let Some(module) = next.pop() {
        next.extend(
            uses.get(module)
                .into_iter()
                .flatten()
                .filter(|to| seen.insert(**to)),
        );
    }
    seen
}

#[test]
fn files_are_opened_by_one_door() {
    let opens = [
        "fs::read(",
        "fs::read_to_string(",
        "File::open(",
        "OpenOptions::new(",
    ];
    let is_door = |name: &str| room(name) == "files";
    for module in modules().iter().filter(|module| !is_door(&module.name)) {
        let found = opens.iter().find(|word| module.text.contains(**word));
        assert_eq!(found, None, "{}: use files::plain", module.name);
    }
}

#[test]
fn the_kernel_is_changed_by_one_door() {
    let changes = [
        "kernel.apply(",
        "kernel.apply_all(",
        "kernel.change_index(",
        "kernel.end_flows(",
        "kernel.end_flows_that(",
    ];
    let is_door = |name: &str| name.starts_with("reconcile::executor");
    let modules = modules();
    let of = |word: &str| {
        let named = modules
            .iter()
            .filter(|module| code(&module.text).contains(word));
        named.map(|module| module.name.as_str()).collect::<Vec<_>>()
    };
    for word in changes {
        let users = of(word);
        assert!(!users.is_empty(), "nobody calls {word}");
        let others: Vec<_> = users.into_iter().filter(|name| !is_door(name)).collect();
        assert_eq!(others, [""; 0], "{word}: use reconcile::executor");
    }
}
