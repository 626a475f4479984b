//! An instance with two ENIs whose disk is a small Debian. systemd does not run there: it enables units, and ignores
//! what else it is asked to do, which is written down.

use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use nix::mount::{MsFlags, mount};
use tempfile::TempDir;

use crate::vpc::{EniSpec, Host, SubnetId, Vpc};

/// What the second ENI answers to, once eniroute has run: from a neighbour in the primary's subnet.
const SECOND: [&str; 3] = ["10.1.0.30", "10.1.0.31", "2001:db8:0:b::300"];

/// Writes down each call, and whether eniroute had configured the ENIs by then. What needs no running systemd is done.
const SYSTEMCTL: &str = r#"#!/bin/sh
echo "$(test -e /run/eniroute/metadata.json && echo after || echo before) apply: $*" >> /systemctl.log
case " $* " in
*" preset "* | *" disable "* | *" is-enabled "*) exec /usr/bin/systemctl.real --root=/ "$@" ;;
esac
"#;

pub struct Place {
    pub vpc: Vpc,
    pub host: Host,
    subnet: SubnetId,
    folder: TempDir,
}

impl Place {
    /// With systemd running, by the look of it.
    pub fn new() -> Self {
        let place = Self::image();
        place.run("mkdir -p /run/systemd/system");
        place
    }

    /// As an image is built: nothing runs.
    pub fn image() -> Self {
        let mut vpc = Vpc::new();
        let a = vpc.subnet("10.0.0.0/20", Some("2001:db8:0:a::/64"));
        let b = vpc.subnet("10.1.0.0/20", Some("2001:db8:0:b::/64"));
        vpc.attach(
            EniSpec::new(a, "eth0")
                .ipv4(["10.0.0.10"])
                .public("10.0.0.10", "203.0.113.10"),
        );
        vpc.attach(
            EniSpec::new(b, "eth1")
                .ipv4([SECOND[0], SECOND[1]])
                .ipv6([SECOND[2]]),
        );
        let place = Self {
            host: vpc.guest(),
            vpc,
            subnet: a,
            folder: tempfile::tempdir().unwrap(),
        };
        place.furnish();
        place
    }

    /// A copy of the root folder, which costs nothing: what is written goes to a layer above. Only this instance sees it.
    fn furnish(&self) {
        let lower = said(&mut Command::new(script("root")));
        let layer = |name: &str| {
            let path = self.folder.path().join(name);
            fs::create_dir(&path).unwrap();
            path.display().to_string()
        };
        let options = format!(
            "lowerdir={},upperdir={},workdir={}",
            lower.trim(),
            layer("upper"),
            layer("work")
        );
        let root = PathBuf::from(layer("root"));
        self.host.enter(|| {
            mount(
                Some("overlay"),
                &root,
                Some("overlay"),
                MsFlags::empty(),
                Some(options.as_str()),
            )
            .unwrap();
            for name in ["proc", "sys", "dev"] {
                let (from, none) = (Path::new("/").join(name), None::<&str>);
                mount(
                    Some(&from),
                    &root.join(name),
                    none,
                    MsFlags::MS_BIND | MsFlags::MS_REC,
                    none,
                )
                .unwrap();
            }
        });
        self.write(
            "etc/network/interfaces",
            "auto eth0\niface eth0 inet dhcp\nsource interfaces.d/*\n",
        );
        self.run("rm -rf /run/systemd; mv /usr/bin/systemctl /usr/bin/systemctl.real");
        self.write("usr/bin/systemctl", SYSTEMCTL);
        self.run("chmod 755 /usr/bin/systemctl");
    }

    pub fn root(&self) -> PathBuf {
        self.folder.path().join("root")
    }

    pub fn write(&self, path: &str, text: impl AsRef<[u8]> + Send) {
        let path = self.root().join(path);
        self.host.enter(|| {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, text).unwrap();
        });
    }

    /// Absent is empty.
    pub fn read(&self, path: &str) -> String {
        let path = self.root().join(path);
        self.host
            .enter(|| fs::read_to_string(&path).unwrap_or_default())
    }

    pub fn has(&self, path: &str) -> bool {
        let path = self.root().join(path);
        self.host.enter(|| path.symlink_metadata().is_ok())
    }

    /// A shell script in the root folder, whatever comes of it: it ends with 0 or not, and what it said.
    pub fn attempt(&self, script: &str) -> (bool, String) {
        let chroot = self
            .host
            .command("chroot")
            .arg(self.root().display())
            .args(["/bin/sh", "-ec", script]);
        let out = chroot
            .env("ENIROUTE_IMDS", "http://169.254.169.254")
            .env("DEBIAN_FRONTEND", "noninteractive")
            .output();
        (out.status.success(), text(&out))
    }

    /// One that must succeed.
    pub fn run(&self, script: &str) -> String {
        let (success, said) = self.attempt(script);
        assert!(success, "{script}: {said}");
        said
    }

    /// What systemd was asked to do since the last time.
    pub fn asked_of_systemd(&self) -> String {
        let log = self.read("systemctl.log");
        self.write("systemctl.log", "");
        log
    }

    /// The folder of its state has no room for anything more.
    pub fn fill_state(&self) {
        self.run(
            "cp /var/lib/eniroute/ledger.json /tmp/; mount -t tmpfs -o size=64k none /var/lib/eniroute; \
             mv /tmp/ledger.json /var/lib/eniroute/; dd if=/dev/zero of=/var/lib/eniroute/fill bs=1k 2>/dev/null || :",
        );
    }

    /// Every file but those of the packages' own databases and logs.
    pub fn files(&self) -> Vec<String> {
        let find = "find / -xdev -path /var/lib/dpkg -prune -o -path /var/lib/rpm -prune -o -path /var/log -prune \
                    -o -path /tmp -prune -o -path /systemctl.log -o ! -type d -print | sort";
        self.run(find).lines().map(str::to_owned).collect()
    }

    /// All that eniroute is for: the second ENI's addresses answer the Internet's way.
    pub fn assert_answers(&mut self, expected: bool) {
        let neighbour = self.vpc.neighbour(self.subnet);
        let silent: Vec<IpAddr> = neighbour.ping(&SECOND);
        assert_eq!(
            silent.is_empty(),
            expected,
            "silent: {silent:?}\n{}",
            self.host.dump()
        );
    }
}

/// A package that has been built, by the end of its name.
pub fn package(end: &str) -> PathBuf {
    let path = dist().join(format!("eniroute{}{end}", version(end)));
    assert!(
        path.is_file(),
        "{} is not there: make packages, or make dist",
        path.display()
    );
    path
}

/// Where the packages are: those of `make packages`, or of the release that `ENIROUTE_DIST` names.
pub fn dist() -> PathBuf {
    std::env::var("ENIROUTE_DIST").map_or_else(|_| target().join("dist"), PathBuf::from)
}

pub fn target() -> PathBuf {
    let usual = concat!(env!("CARGO_MANIFEST_DIR"), "/target").to_owned();
    PathBuf::from(std::env::var("CARGO_TARGET_DIR").unwrap_or(usual))
}

fn version(end: &str) -> String {
    format!(
        "{}{}",
        if end.ends_with(".deb") { '_' } else { '-' },
        env!("CARGO_PKG_VERSION")
    )
}

/// A script of this folder, or a folder of them.
pub fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/packages")
        .join(name)
}

/// The links by which systemd starts the units.
pub const ENABLED: [&str; 9] = [
    "etc/systemd/system/multi-user.target.wants/eniroute.service",
    "etc/systemd/system/sysinit.target.wants/eniroute-image.service",
    "etc/systemd/system/timers.target.wants/eniroute-refresh.timer",
    "etc/systemd/system/sockets.target.wants/eniroute-link.socket",
    "etc/systemd/system/systemd-networkd.service.wants/eniroute-restarted.service",
    "etc/systemd/system/NetworkManager.service.wants/eniroute-restarted.service",
    "etc/systemd/system/networking.service.wants/eniroute-restarted.service",
    "etc/systemd/system/network.service.wants/eniroute-restarted.service",
    "etc/systemd/system/multi-user.target.wants/eniroute-nat.service",
];

/// What a program of this machine says, which must succeed.
pub fn said(command: &mut Command) -> String {
    let out = command
        .output()
        .unwrap_or_else(|error| panic!("{command:?}: {error}: run tests/packages/setup"));
    assert!(out.status.success(), "{command:?}: {}", text(&out));
    String::from_utf8(out.stdout).unwrap()
}

pub fn text(out: &Output) -> String {
    String::from_utf8_lossy(&out.stdout).into_owned() + &String::from_utf8_lossy(&out.stderr)
}
