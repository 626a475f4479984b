//! What `cloud-init/` offers: valid for cloud-init itself, and the scripts in it do what they say, over the Internet
//! of the fake VPC. The booted guest is in tests/guests.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::{Command, Output};

use saphyr::{LoadableYamlNode, YamlOwned};
use tempfile::TempDir;

use crate::consumer::{furnish, program, said};
use crate::instance::{Instance, copy_program};
use crate::vpc::{Background, EniSpec, INTERNET, Vpc, wait_for};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/cloud-init");
const UNPACKED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/target/cloud-init/usr");
/// The web server.
const WEB: &str = INTERNET[0];
const NO_SUM: &str = "0000000000000000000000000000000000000000000000000000000000000000";
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// `cloud-init schema`, as tests/consumers has unpacked it, or as this machine has it.
fn schema(file: &Path) -> Output {
    let unpacked = format!("{UNPACKED}/bin/cloud-init");
    let here = Path::new(&unpacked).exists();
    let mut command = if here {
        Command::new("python3")
    } else {
        Command::new("cloud-init")
    };
    if here {
        command
            .env(
                "PYTHONPATH",
                format!("{UNPACKED}/lib/python3/dist-packages"),
            )
            .arg(unpacked);
    }
    command
        .arg("schema")
        .arg("--config-file")
        .arg(file)
        .output()
        .expect("cloud-init: run tests/setup")
}

#[test]
fn cloud_init_finds_every_file_valid() {
    let files: Vec<_> = fs::read_dir(FOLDER)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    assert_eq!(files.len(), 3, "{files:?}");
    for file in files {
        let out = schema(&file);
        assert!(
            out.status.success() && said(&out).starts_with("Valid"),
            "{}: {}",
            file.display(),
            said(&out)
        );
        assert!(!said(&out).contains("deprecat"), "{}", said(&out));
    }
    let wrong = tempfile::NamedTempFile::new().unwrap();
    fs::write(&wrong, "#cloud-config\nwrite_files:\n- pat: /etc/motd\n").unwrap();
    assert!(!schema(wrong.path()).status.success(), "it does look");
}

/// The script that a user-data file writes, and its path.
fn script(file: &str) -> (String, String) {
    let text = fs::read_to_string(Path::new(FOLDER).join(file)).unwrap();
    let yaml = YamlOwned::load_from_str(&text).unwrap().remove(0);
    let file = &yaml["write_files"][0];
    let value = |key: &str| file[key].as_str().unwrap().to_owned();
    assert_eq!(value("permissions"), "0755");
    (value("path"), value("content"))
}

#[test]
fn shellcheck_has_nothing_to_say_of_the_scripts() {
    for file in ["binary.yaml", "package.yaml"] {
        let copy = tempfile::NamedTempFile::new().unwrap();
        fs::write(&copy, script(file).1).unwrap();
        let out = Command::new("shellcheck")
            .arg(copy.path())
            .output()
            .unwrap();
        assert!(out.status.success(), "{file}: {}", said(&out));
    }
}

fn sha256(file: &Path) -> String {
    let out = Command::new("sha256sum").arg(file).output().unwrap();
    said(&out).split(' ').next().unwrap().to_owned()
}

/// An instance with two ENIs, and a web server on the Internet.
struct Site {
    vpc: Vpc,
    instance: Instance,
    files: TempDir,
    _server: Background,
}

fn site() -> Site {
    let mut vpc = Vpc::new();
    let a = vpc.subnet("10.0.0.0/20", None);
    vpc.attach(
        EniSpec::new(a, "eth0")
            .ipv4(["10.0.0.10"])
            .public("10.0.0.10", "203.0.113.10"),
    );
    vpc.attach(
        EniSpec::new(a, "eth1")
            .ipv4(["10.0.0.20"])
            .public("10.0.0.20", "203.0.113.20"),
    );
    let instance = Instance::bare(vpc.guest());
    furnish(&instance);
    let root = instance.root().display().to_string();
    instance
        .host
        .sh(&format!("mount -t tmpfs none {root}/usr/local/sbin"));
    let files = tempfile::tempdir().unwrap();
    let folder = files.path().display().to_string();
    let server = vpc
        .inet()
        .command("python3")
        .args(["-m", "http.server", "80", "--directory", &folder])
        .background();
    wait_for("the web server", || {
        vpc.inet()
            .command("curl")
            .args(["-s", &format!("http://{WEB}/")])
            .output()
            .status
            .success()
    });
    Site {
        vpc,
        instance,
        files,
        _server: server,
    }
}

impl Site {
    /// Writes the user-data's script down as cloud-init does, `changed` as a person would, and runs it.
    fn run(&self, file: &str, changed: impl Fn(String) -> String, prelude: &str) -> Output {
        let (path, text) = script(file);
        let text = changed(text.replace("https://downloads.example.com", &format!("http://{WEB}")));
        self.instance.write(path.trim_start_matches('/'), &text);
        let real = self.instance.root().join(path.trim_start_matches('/'));
        fs::set_permissions(real, fs::Permissions::from_mode(0o755)).unwrap();
        program(&self.instance, &format!("{prelude}{path}")).output()
    }

    fn in_sbin(&self) -> String {
        let root = self.instance.root().display().to_string();
        self.instance
            .host
            .sh(&format!("ls -A {root}/usr/local/sbin"))
    }
}

#[test]
fn the_binary_is_fetched_checked_and_run_and_not_fetched_again() {
    let site = site();
    let binary = site
        .files
        .path()
        .join(format!("eniroute-{}", std::env::consts::ARCH));
    copy_program(&binary);
    let dump = site.instance.host.dump();

    let out = site.run("binary.yaml", |text| text, "");
    assert!(!out.status.success(), "the wrong sum: {}", said(&out));
    assert_eq!(
        (site.in_sbin().as_str(), site.instance.host.dump()),
        ("", dump)
    );

    let sum = sha256(&binary);
    let out = site.run("binary.yaml", |text| text.replace(NO_SUM, &sum), "");
    assert!(out.status.success(), "{}", said(&out));
    assert_eq!(site.in_sbin(), "eniroute\n");
    assert!(
        site.vpc
            .inet()
            .ping(&["203.0.113.10", "203.0.113.20"])
            .is_empty()
    );

    fs::remove_file(&binary).unwrap();
    let out = site.run("binary.yaml", |text| text.replace(NO_SUM, &sum), "");
    assert!(
        out.status.success() && said(&out).contains("nothing to do"),
        "as at the next boot: {}",
        said(&out)
    );
}

/// With stand-ins for the package managers, which write down what they are told to do.
#[test]
fn the_package_for_the_host_is_fetched_checked_and_installed() {
    let machine = std::env::consts::ARCH;
    let debian = if machine == "x86_64" {
        "amd64"
    } else {
        "arm64"
    };
    for (managers, package, words) in [
        (
            &["apt-get", "dpkg"][..],
            format!("eniroute_{VERSION}_{debian}.deb"),
            "apt-get install --yes",
        ),
        (
            &["dnf", "yum"],
            format!("eniroute-{VERSION}-1.{machine}.rpm"),
            "dnf install --assumeyes",
        ),
        (
            &["yum"],
            format!("eniroute-{VERSION}-1.{machine}.rpm"),
            "yum install --assumeyes",
        ),
    ] {
        let site = site();
        let tools = [
            "sh",
            "env",
            "curl",
            "uname",
            "mktemp",
            "chmod",
            "rm",
            "grep",
            "head",
            "sha256sum",
        ];
        fs::create_dir_all(site.instance.root().join("tools")).unwrap();
        for tool in tools {
            symlink(
                format!("/usr/bin/{tool}"),
                site.instance.root().join("tools").join(tool),
            )
            .unwrap();
        }
        for manager in managers {
            let stand_in = "#!/bin/sh\n[ \"$1\" = --print-architecture ] && echo ARCH && exit\n\
                            for last; do :; done\necho \"${0##*/} $* $(/usr/bin/cat \"$last\")\" >>/log\n";
            let path = format!("tools/{manager}");
            site.instance
                .write(&path, &stand_in.replace("ARCH", debian));
            fs::set_permissions(
                site.instance.root().join(path),
                fs::Permissions::from_mode(0o755),
            )
            .unwrap();
        }
        let file = site.files.path().join(&package);
        fs::write(&file, "the package").unwrap();
        let prelude = "/usr/bin/env PATH=/tools ";

        let out = site.run("package.yaml", |text| text, prelude);
        assert!(
            !out.status.success() && !site.instance.has("log"),
            "the wrong sum: {}",
            said(&out)
        );
        let sum = sha256(&file);
        let out = site.run("package.yaml", |text| text.replace(NO_SUM, &sum), prelude);
        assert!(out.status.success(), "{}", said(&out));
        let log = site.instance.read("log");
        assert!(
            log.starts_with(words) && log.ends_with(" the package\n") && log.lines().count() == 1,
            "{log}"
        );
        let out = site.run(
            "package.yaml",
            |text| {
                text.replace("eniroute", "another")
                    .replace(".deb", ".x")
                    .replace(".rpm", ".x")
            },
            prelude,
        );
        assert!(!out.status.success(), "{}", said(&out));
        let left = site
            .instance
            .host
            .sh(&format!("ls {}/tmp", site.instance.root().display()));
        assert_eq!(left, "", "nothing stays behind");
    }
}
