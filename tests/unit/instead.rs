//! What the release binary has instead of the C library's functions for bytes and texts does what they do.

use std::process::Command;

/// As build.rs compiles them, so that none is a call of itself.
const FLAGS: [&str; 5] = [
    "-w",
    "-ffreestanding",
    "-fno-builtin",
    "-fno-tree-loop-distribute-patterns",
    "-fvisibility=hidden",
];

#[test]
fn bytes_are_moved_filled_and_compared_as_by_loops() {
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("instead");
    for level in ["-Os", "-O2"] {
        let built = Command::new("cc")
            .args(FLAGS)
            .args([level, "-o"])
            .arg(&program)
            .args(["tests/unit/instead.c", "instead.c"])
            .output()
            .unwrap();
        assert!(built.status.success(), "{level}: {built:?}");
        let code = Command::new(&program).status().unwrap().code();
        assert_eq!(
            code,
            Some(0),
            "{level}: the code says which, in tests/unit/instead.c"
        );
    }
}
