use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;

use nix::sys::stat::Mode;
use nix::unistd::mkfifo;

use super::*;

#[test]
fn a_plain_file_and_a_mask_are_read_and_nothing_else_is_even_waited_for() {
    let root = tempfile::tempdir().unwrap();
    let path = |name: &str| root.path().join(name);
    fs::write(path("plain"), "text\n").unwrap();
    symlink("plain", path("link")).unwrap();
    symlink(MASK, path("mask")).unwrap();
    assert_eq!(text(path("plain")).unwrap(), "text\n");
    assert_eq!(text(path("link")).unwrap(), "text\n");
    assert_eq!(text(path("mask")).unwrap(), "");
    fs::create_dir(path("folder")).unwrap();
    mkfifo(&path("fifo"), Mode::S_IRUSR).unwrap();
    symlink("fifo", path("to-fifo")).unwrap();
    let _socket = UnixListener::bind(path("socket")).unwrap();
    symlink("/dev/zero", path("device")).unwrap();
    for (name, what) in [
        ("folder", "a directory"),
        ("fifo", "a FIFO"),
        ("to-fifo", "a FIFO"),
        ("socket", "a socket"),
        ("device", "a device"),
    ] {
        let error = bytes(path(name)).unwrap_err().to_string();
        assert!(error.starts_with(&format!("is {what},")), "{name}: {error}");
    }
    assert_eq!(bytes(path("none")).unwrap_err().kind(), ErrorKind::NotFound);
}
