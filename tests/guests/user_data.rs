//! An instance launched with the user-data of `cloud-init/`, of an image that has `cloud-init/90-eniroute.cfg`:
//! cloud-init fetches eniroute over the Internet of the VPC at the first boot, and every address answers from then on.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::baseline::{PRIMARY, Site, ready};
use crate::guest::Guest;
use crate::image::Image;
use crate::survive::{SECOND, all_answer, binary};
use crate::table::Steps;
use crate::vpc::{Background, INTERNET};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/cloud-init");
const PACKAGES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/target/dist");
const NO_SUM: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// The image leaves out what its other stories do not need: the modules that the user-data is for are put back, and
/// cloud-init is made to see a new instance at the next boot.
const AS_LAUNCHED: &str = "
    rm /etc/systemd/system/cloud-config.service /etc/systemd/system/cloud-final.service
    cat >/etc/cloud/cloud.cfg.d/95-modules.cfg <<'END'
cloud_init_modules: [write-files]
cloud_final_modules: [scripts-per-boot, scripts-per-instance]
END
    cloud-init clean --logs
    rm -f /etc/netplan/50-cloud-init.yaml
";

/// The Debian package, where it has been built.
pub fn deb() -> Option<PathBuf> {
    let files = fs::read_dir(PACKAGES)
        .ok()?
        .flatten()
        .map(|entry| entry.path());
    let mut debs = files.filter(|path| path.to_string_lossy().ends_with("_amd64.deb"));
    debs.next()
}

/// `binary.yaml`: cloud-init itself runs eniroute at every boot.
pub fn of_binary(image: Image, steps: &mut Steps) {
    let published = binary(image);
    let sum = sha256(&published);
    tell(
        image,
        steps,
        "binary.yaml",
        &published,
        "eniroute-x86_64",
        |steps, guest| {
            steps.step("the binary is the one that was published", || {
                assert!(
                    guest
                        .run("sha256sum /usr/local/sbin/eniroute")
                        .starts_with(&sum)
                );
                assert_eq!(
                    guest.run("ls /usr/local/sbin | grep eniroute"),
                    "eniroute\n"
                );
            });
        },
    );
}

/// `package.yaml`: the package's own units do.
pub fn of_package(image: Image, steps: &mut Steps) {
    let published = deb().expect("a package: make packages");
    let name = published
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    tell(
        image,
        steps,
        "package.yaml",
        &published,
        &name,
        |steps, guest| {
            steps.step("the package is installed, its units are enabled", || {
            assert!(guest.run("dpkg-query -W -f '${Status}' eniroute").contains("install ok installed"));
            guest.run("systemctl is-enabled eniroute.service eniroute-image.service eniroute-refresh.timer");
        });
        },
    );
}

fn tell(
    image: Image,
    steps: &mut Steps,
    file: &str,
    published: &Path,
    name: &str,
    installed: impl FnOnce(&mut Steps, &mut Guest),
) {
    let mut site = Site::new();
    let files = TempDir::new().expect("a folder to serve");
    fs::copy(published, files.path().join(name)).expect("a copy of what is published");
    let server = steps.essential("eniroute is published", || {
        publish(&site, file, files.path(), name)
    });
    let Some(_server) = server else { return };
    let enis = [site.primary(), site.second()];
    let vpc = &mut site.vpc;
    let Some(mut guest) = steps.essential("boots the image", || Guest::boot(vpc, image, enis))
    else {
        return;
    };
    steps.step("is up", || ready(&mut guest));
    let launched = steps.essential("boots for the first time, as cloud-init sees it", || {
        launch(&mut guest)
    });
    if launched.is_none() {
        return;
    }
    let addresses = [&PRIMARY[..], &SECOND].concat();
    steps.step("is up: every unit, cloud-init's too", || ready(&mut guest));
    steps.step("every address answers", || {
        all_answer(&mut site, &mut guest, &addresses)
    });
    steps.step("cloud-init has configured the primary ENI alone", || {
        alone(&mut guest)
    });
    installed(steps, &mut guest);
    if steps.essential("reboots", || guest.reboot()).is_none() {
        return;
    }
    steps.step("is up again", || ready(&mut guest));
    steps.step("every address answers after the reboot", || {
        all_answer(&mut site, &mut guest, &addresses)
    });
    steps.step("eniroute has run again", || again(&mut guest));
}

/// A web server on the Internet, and user-data that names it and the sum of its file.
fn publish(site: &Site, file: &str, folder: &Path, name: &str) -> Background {
    let text = fs::read_to_string(format!("{FOLDER}/{file}")).expect("the user-data");
    let text = text.replace(
        "https://downloads.example.com",
        &format!("http://{}", INTERNET[0]),
    );
    assert!(text.contains(name), "{file} does not name {name}");
    site.vpc
        .imds()
        .user_data(text.replace(NO_SUM, &sha256(&folder.join(name))));
    let server =
        site.vpc
            .inet()
            .command("python3")
            .args(["-m", "http.server", "80", "--directory"]);
    server.arg(folder.display()).background()
}

fn sha256(file: &Path) -> String {
    let out = Command::new("sha256sum")
        .arg(file)
        .output()
        .expect("sha256sum");
    String::from_utf8_lossy(&out.stdout)
        .split(' ')
        .next()
        .unwrap_or_default()
        .to_owned()
}

fn launch(guest: &mut Guest) {
    guest.push(
        Path::new(&format!("{FOLDER}/90-eniroute.cfg")),
        "/etc/cloud/cloud.cfg.d/90-eniroute.cfg",
    );
    guest.run(AS_LAUNCHED);
    guest.reboot();
}

fn alone(guest: &mut Guest) {
    let yaml = guest.run("cat /etc/netplan/50-cloud-init.yaml");
    assert!(
        yaml.contains("06:1a:2b:00:01:0a") && !yaml.contains("06:1a:2b:00:02:14"),
        "{yaml}"
    );
}

/// In this boot, by cloud-init or by the package's unit.
fn again(guest: &mut Guest) {
    let log =
        guest.run("journalctl -b --no-pager -o cat -u eniroute.service -u cloud-final.service");
    assert!(log.contains("nothing to do: 2 ENIs"), "{log}");
}
