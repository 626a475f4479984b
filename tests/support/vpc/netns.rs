//! A [`Host`] is a network namespace with a mount namespace of its own, and a way to run programs and
//! closures in it. Knows nothing of VPCs, and nothing needs cleaning up: the kernel drops a namespace
//! with its last file descriptor, so even SIGKILL leaves nothing behind.

use std::fs::{self, File};
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::Arc;
use std::{env, panic, thread};

use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::{CloneFlags, setns, unshare};
use nix::unistd::geteuid;

use super::command::Cmd;

const NAMES: &str = "/run/netns";

/// A machine on the network. Cheap to clone: all clones are the same machine.
#[derive(Clone)]
pub struct Host {
    name: String,
    net: Arc<OwnedFd>,
    mounts: Arc<OwnedFd>,
}

/// Gives the calling thread its own, empty `/run/netns`. Panics unless root.
///
/// `/run/netns` is shared with the hosts made later, so that each knows every other by name.
pub fn isolate() {
    assert!(
        geteuid().is_root(),
        "these tests build network namespaces and send packets: run them as root"
    );
    unshare(CloneFlags::CLONE_NEWNS).expect("a mount namespace of this thread's own");
    remount("/", MsFlags::MS_REC | MsFlags::MS_PRIVATE);
    fs::create_dir_all(NAMES).expect(NAMES);
    mount(
        Some("netns"),
        NAMES,
        Some("tmpfs"),
        MsFlags::empty(),
        None::<&str>,
    )
    .expect("a tmpfs on /run/netns");
    remount(NAMES, MsFlags::MS_SHARED);
}

/// Takes back what [`isolate`] mounted: with `--test-threads=1` one thread runs all tests.
pub fn forget_names() {
    // An error leaves an unused mount in a private namespace; a panic here would hide the test's own.
    let _ = umount2(NAMES, MntFlags::MNT_DETACH);
}

fn remount(path: &str, flags: MsFlags) {
    mount(None::<&str>, path, None::<&str>, flags, None::<&str>)
        .unwrap_or_else(|e| panic!("mount {path} {flags:?}: {e}"));
}

impl Host {
    /// A machine with nothing but a loopback, which is up. `name` works with `ip netns exec` too.
    pub fn new(name: &str) -> Self {
        let (net, mounts) =
            thread::scope(|scope| scope.spawn(new_namespaces).join()).expect("new namespaces");
        let file = format!("{NAMES}/{name}");
        File::create_new(&file).unwrap_or_else(|e| panic!("a second host called {name}: {e}"));
        let fd = format!("/proc/self/fd/{}", net.as_raw_fd());
        mount(
            Some(fd.as_str()),
            file.as_str(),
            None::<&str>,
            MsFlags::MS_BIND,
            None::<&str>,
        )
        .expect("a name for the namespace");
        let host = Self {
            name: name.to_owned(),
            net: Arc::new(net),
            mounts: Arc::new(mounts),
        };
        host.ip("link set lo up");
        host
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// Runs `work` on this host. What it opens (sockets, children) stays there; mounts that it makes
    /// are seen by whatever runs here later, and by nobody else.
    pub fn enter<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        let entered = || {
            self.join();
            work()
        };
        thread::scope(|scope| scope.spawn(entered).join())
            .unwrap_or_else(|panic| panic::resume_unwind(panic))
    }

    /// Moves the calling thread into this host, for good.
    pub(super) fn join(&self) {
        let folder = env::current_dir().expect("a current directory");
        // setns(2) refuses a mount namespace while the working directory is shared with other threads.
        unshare(CloneFlags::CLONE_FS).expect("a working directory of this thread's own");
        setns(&*self.mounts, CloneFlags::CLONE_NEWNS).expect("enter the host's mounts");
        setns(&*self.net, CloneFlags::CLONE_NEWNET).expect("enter the host's network");
        env::set_current_dir(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    }

    /// `program`, to be run here.
    pub fn command(&self, program: &str) -> Cmd {
        Cmd::new(self, program)
    }

    /// The output of `ip ARGUMENTS`, here. Panics with `ip`'s own words when it fails.
    pub fn ip(&self, arguments: &str) -> String {
        self.command("ip").args(arguments.split_whitespace()).run()
    }

    /// Many `ip` commands, one a line, in one process. Lines that begin with `-6` come after the
    /// others, in a process of their own: a batch speaks one family.
    pub fn ip_batch(&self, lines: &str) {
        let (v6, other): (Vec<_>, Vec<_>) = lines
            .lines()
            .partition(|line| line.trim_start().starts_with("-6 "));
        let v6: Vec<_> = v6
            .iter()
            .map(|line| line.trim_start().trim_start_matches("-6 "))
            .collect();
        if !other.is_empty() {
            self.command("ip")
                .args(["-batch", "-"])
                .input(other.join("\n"))
                .run();
        }
        if !v6.is_empty() {
            self.command("ip")
                .args(["-6", "-batch", "-"])
                .input(v6.join("\n"))
                .run();
        }
    }

    /// A bash script, which ends at its first error.
    pub fn sh(&self, script: &str) -> String {
        self.command("bash")
            .args(["-euo", "pipefail", "-c", script])
            .run()
    }

    /// Sets `net.ipv4.ip_forward` and the like.
    pub fn sysctl(&self, key: &str, value: u32) {
        let path = format!("/proc/sys/{}", key.replace('.', "/"));
        self.enter(|| {
            fs::write(&path, value.to_string()).unwrap_or_else(|e| panic!("{path}: {e}"))
        });
    }
}

/// In a thread of its own: both namespaces, with this network's own /sys.
fn new_namespaces() -> (OwnedFd, OwnedFd) {
    unshare(CloneFlags::CLONE_NEWNET | CloneFlags::CLONE_NEWNS)
        .expect("network and mount namespaces");
    // A slave still hears of the hosts that are named later, and tells nobody of its own mounts.
    remount("/", MsFlags::MS_REC | MsFlags::MS_SLAVE);
    umount2("/sys", MntFlags::MNT_DETACH).expect("unmount the machine's /sys");
    mount(
        Some("sysfs"),
        "/sys",
        Some("sysfs"),
        MsFlags::empty(),
        None::<&str>,
    )
    .expect("mount /sys of this network");
    (
        open("/proc/thread-self/ns/net"),
        open("/proc/thread-self/ns/mnt"),
    )
}

fn open(path: &str) -> OwnedFd {
    File::open(path)
        .unwrap_or_else(|e| panic!("{path}: {e}"))
        .into()
}
