//! The disk in temporary folders. Full and read-only disks need mounts: tests/netns/persist.rs.

use std::fs::Permissions;
use std::os::unix::fs::{PermissionsExt, symlink};

use super::*;

fn disk() -> (tempfile::TempDir, Disk) {
    let root = tempfile::tempdir().unwrap();
    let disk = Disk::new(root.path()).unwrap();
    (root, disk)
}

fn file(path: &str, mode: u32, text: &str) -> File {
    File {
        path: path.into(),
        mode,
        text: text.into(),
    }
}

/// Plans and commits, and shows what was done.
fn write(disk: &Disk, wanted: &[File], obsolete: &[&str]) -> Vec<String> {
    let obsolete: Vec<PathBuf> = obsolete.iter().map(PathBuf::from).collect();
    let changes = disk.plan(wanted.to_vec(), &obsolete).unwrap();
    changes
        .iter()
        .for_each(|change| disk.commit(change).unwrap());
    changes.iter().map(ToString::to_string).collect()
}

fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(dir)
        .unwrap()
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

fn mode(path: PathBuf) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

#[test]
fn a_second_write_of_the_same_changes_nothing() {
    let (root, disk) = disk();
    let wanted = [file("/etc/netplan/60-a.yaml", 0o600, "a\n")];
    assert_eq!(
        write(&disk, &wanted, &[]),
        ["create /etc/netplan/60-a.yaml"]
    );
    assert_eq!(write(&disk, &wanted, &[]), [""; 0]);
    assert_eq!(
        fs::read_to_string(root.path().join("etc/netplan/60-a.yaml")).unwrap(),
        "a\n"
    );
    assert_eq!(names(&root.path().join("etc/netplan")), ["60-a.yaml"]);
}

#[test]
fn modes_are_exact_and_new_folders_are_readable_for_all() {
    let (root, disk) = disk();
    write(
        &disk,
        &[
            file("/etc/netplan/60-a.yaml", 0o600, "a\n"),
            file("/etc/b", 0o644, "b\n"),
        ],
        &[],
    );
    assert_eq!(mode(root.path().join("etc/netplan/60-a.yaml")), 0o600);
    assert_eq!(mode(root.path().join("etc/b")), 0o644);
    assert_eq!(mode(root.path().join("etc/netplan")), 0o755);
}

#[test]
fn a_mode_that_somebody_changed_is_repaired() {
    let (root, disk) = disk();
    let wanted = [file("/a.yaml", 0o600, "a\n")];
    write(&disk, &wanted, &[]);
    fs::set_permissions(root.path().join("a.yaml"), Permissions::from_mode(0o666)).unwrap();
    let changes = disk.plan(wanted.to_vec(), &[]).unwrap();
    assert_eq!(changes[0].unified_diff(), "# /a.yaml: mode becomes 0600\n");
    assert_eq!(write(&disk, &wanted, &[]), ["update /a.yaml"]);
    assert_eq!(mode(root.path().join("a.yaml")), 0o600);
}

#[test]
fn an_obsolete_file_goes_with_the_drop_in_folder_that_it_leaves_empty() {
    let (root, disk) = disk();
    let [ours, dir] = ["/etc/10-a.network.d/60-e.conf", "etc/10-a.network.d"];
    write(
        &disk,
        &[
            file(ours, 0o644, "x\n"),
            file("/etc/10-a.network.d/50-theirs.conf", 0o644, "y\n"),
        ],
        &[],
    );
    assert_eq!(
        write(&disk, &[], &[ours, "/etc/not-there"]),
        [format!("delete {ours}")]
    );
    assert_eq!(names(&root.path().join(dir)), ["50-theirs.conf"]);
    write(&disk, &[], &["/etc/10-a.network.d/50-theirs.conf"]);
    assert_eq!(names(&root.path().join("etc")), [""; 0]);
}

#[test]
fn diffs_read_as_those_of_diff() {
    let create = FileChange::Create(file("/etc/a", 0o644, "one\n"));
    assert_eq!(
        create.unified_diff(),
        "--- /dev/null\n+++ /etc/a\n@@ -0,0 +1 @@\n+one\n"
    );
    let update = FileChange::Update {
        file: file("/etc/a", 0o644, "one\ntwo\n"),
        old: "one\n2\n".into(),
    };
    assert_eq!(
        update.unified_diff(),
        "--- /etc/a\n+++ /etc/a\n@@ -1,2 +1,2 @@\n one\n-2\n+two\n"
    );
    let delete = FileChange::Delete {
        path: "/etc/a".into(),
        old: "one\n".into(),
    };
    assert_eq!(
        delete.unified_diff(),
        "--- /etc/a\n+++ /dev/null\n@@ -1 +0,0 @@\n-one\n"
    );
}

#[test]
fn a_path_that_could_leave_the_root_is_refused_by_name() {
    let (_root, disk) = disk();
    for path in ["/etc/../../escape", "relative"] {
        let why = disk.read(path).unwrap_err().to_string();
        assert!(why.starts_with(path), "{why}");
        let why = disk
            .commit(&FileChange::Create(file(path, 0o644, "x")))
            .unwrap_err()
            .to_string();
        assert!(why.starts_with(path), "{why}");
    }
}

#[test]
fn links_are_followed_below_the_root_only() {
    let (root, disk) = disk();
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("secret"), "s").unwrap();
    fs::create_dir(root.path().join("usr")).unwrap();
    symlink("usr", root.path().join("lib")).unwrap();
    symlink(outside.path(), root.path().join("out")).unwrap();

    write(&disk, &[file("/lib/netplan/a", 0o644, "a")], &[]);
    assert_eq!(disk.read("/usr/netplan/a").unwrap().as_deref(), Some("a"));

    let why = disk.read("/out/secret").unwrap_err().to_string();
    assert!(
        why.starts_with("/out/secret: a symbolic link leads out of the root folder"),
        "{why}"
    );
    disk.commit(&FileChange::Create(file("/out/new/a", 0o644, "a")))
        .unwrap_err();
    assert!(!disk.exists("/out/secret"));
    assert_eq!(names(outside.path()), ["secret"]);
}

#[test]
fn a_link_at_the_target_is_neither_replaced_nor_deleted() {
    let (root, disk) = disk();
    fs::write(root.path().join("real"), "real").unwrap();
    symlink("real", root.path().join("link")).unwrap();
    let wanted = file("/link", 0o644, "ours");
    for change in disk.plan(vec![wanted], &["/link".into()]).unwrap() {
        let why = disk.commit(&change).unwrap_err().to_string();
        assert!(why.starts_with("/link: is a symbolic link"), "{why}");
    }
    assert_eq!(
        fs::read_to_string(root.path().join("real")).unwrap(),
        "real"
    );
    assert_eq!(names(root.path()), ["link", "real"]);
}

#[test]
fn a_failed_write_leaves_no_temporary_file() {
    let (root, disk) = disk();
    fs::create_dir_all(root.path().join("etc/a")).unwrap(); // a folder stands where the file should be
    let why = disk
        .commit(&FileChange::Create(file("/etc/a", 0o644, "x")))
        .unwrap_err()
        .to_string();
    assert!(why.starts_with("/etc/a: "), "{why}");
    assert_eq!(names(&root.path().join("etc")), ["a"]);
}

#[test]
fn listing_is_sorted_and_a_missing_folder_is_empty() {
    let (_root, disk) = disk();
    write(
        &disk,
        &[file("/d/b", 0o644, ""), file("/d/a", 0o644, "")],
        &[],
    );
    assert_eq!(
        disk.list("/d").unwrap(),
        [Path::new("/d/a"), Path::new("/d/b")]
    );
    assert!(disk.list("/none").unwrap().is_empty());
    assert_eq!(disk.read("/none/a").unwrap(), None);
    assert_eq!(disk.read("/d/a/b").unwrap(), None);
}

#[test]
fn a_drop_in_folder_goes_with_the_last_of_its_files() {
    let root = tempfile::tempdir().unwrap();
    let disk = Disk::new(root.path()).unwrap();
    let paths = ["a", "b"]
        .map(|name| PathBuf::from(format!("/etc/systemd/network/x.network.d/{name}.conf")));
    for path in paths.clone() {
        disk.commit(&FileChange::Create(File {
            path,
            mode: 0o644,
            text: "[Network]\n".into(),
        }))
        .unwrap();
    }
    let gone = disk.plan(Vec::new(), &paths).unwrap();
    disk.commit_all(&gone.iter().collect::<Vec<_>>())
        .into_iter()
        .for_each(|ended| ended.unwrap());
    assert!(
        disk.exists("/etc/systemd/network") && !disk.exists("/etc/systemd/network/x.network.d")
    );
}

#[test]
fn bytes_that_are_not_utf_8_are_read_with_a_replacement_and_compared_as_they_are() {
    let (root, disk) = disk();
    fs::write(root.path().join("a"), b"gr\xfcn\n").unwrap();
    assert_eq!(disk.read("/a").unwrap().unwrap(), "gr\u{fffd}n\n");
    // Our own text may have the replacement itself.
    assert_eq!(
        write(&disk, &[file("/a", 0o644, "gr\u{fffd}n\n")], &[]),
        ["update /a"]
    );
    assert_eq!(
        fs::read(root.path().join("a")).unwrap(),
        "gr\u{fffd}n\n".as_bytes()
    );
    fs::write(root.path().join("a"), b"\xff").unwrap();
    assert_eq!(write(&disk, &[], &["/a"]), ["delete /a"]);
}

#[test]
fn a_copy_has_the_very_bytes() {
    let ((root, from), (other_root, to)) = (disk(), disk());
    fs::create_dir_all(root.path().join("etc/netplan")).unwrap();
    fs::write(root.path().join("etc/netplan/a.yaml"), b"# gr\xfcn\n").unwrap();
    from.copy_to(&to, Path::new("/etc/netplan/a.yaml"), 0o600)
        .unwrap();
    let copy = other_root.path().join("etc/netplan/a.yaml");
    assert_eq!(fs::read(&copy).unwrap(), b"# gr\xfcn\n");
    assert_eq!(mode(copy), 0o600);
}

#[test]
fn what_of_ours_cannot_be_understood_is_an_error_and_can_be_set_aside() {
    let (root, disk) = disk();
    let parse = |text: &str| {
        text.trim()
            .parse::<u32>()
            .map_err(|error| error.to_string())
    };
    assert!(disk.read_own("/var/a", parse).unwrap().is_none());
    fs::create_dir(root.path().join("var")).unwrap();
    for bad in [&b"1\xff"[..], b"", b"x"] {
        fs::write(root.path().join("var/a"), bad).unwrap();
        let error = disk.read_own("/var/a", parse).unwrap_err().to_string();
        assert!(error.starts_with("/var/a: "), "{error}");
        assert_eq!(disk.set_aside("/var/a").unwrap(), Path::new("/var/a.bad"));
        assert_eq!(fs::read(root.path().join("var/a.bad")).unwrap(), bad);
        assert!(!disk.exists("/var/a"));
    }
    fs::write(root.path().join("var/a"), "7\n").unwrap();
    assert_eq!(disk.read_own("/var/a", parse).unwrap(), Some(7));
}
