//! The confinement of the units in system/, for a run by hand.

use std::fs;
use std::path::Path;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/system");

/// The words before a command that take away what the units take away: capabilities, and the ways to get any back.
pub fn confined() -> Vec<String> {
    let unit = fs::read_to_string(Path::new(FOLDER).join("eniroute.service")).unwrap();
    let value = |key: &str| {
        unit.lines()
            .find_map(|line| line.strip_prefix(key))
            .unwrap_or_else(|| panic!("no {key}"))
    };
    let kept = value("CapabilityBoundingSet=").split_whitespace();
    let kept: String = kept
        .map(|name| format!(",+{}", name.to_lowercase().trim_start_matches("cap_")))
        .collect();
    assert_eq!(value("NoNewPrivileges="), "yes");
    vec![
        "setpriv".to_owned(),
        "--no-new-privs".to_owned(),
        format!("--bounding-set=-all{kept}"),
        "--".to_owned(),
    ]
}
