//! An instance launched with the user-data of `cloud-init/binary.yaml` and an image that has `cloud-init/90-eniroute.cfg`:
//! cloud-init fetches eniroute over the Internet of the VPC at the first boot, and runs it at every boot.

use std::fs;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use crate::baseline::{PRIMARY, Site, ready};
use crate::guest::Guest;
use crate::image::Image;
use crate::survive::{SECOND, all_answer, binary};
use crate::table::Steps;
use crate::vpc::{Background, INTERNET};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/cloud-init");
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

pub fn run(image: Image, steps: &mut Steps) {
    let mut site = Site::new();
    let files = TempDir::new().expect("a folder to serve");
    let Some(_server) = steps.essential("eniroute is published", || publish(&site, files.path())) else { return };
    let enis = [site.primary(), site.second()];
    let vpc = &mut site.vpc;
    let Some(mut guest) = steps.essential("boots the image", || Guest::boot(vpc, image, enis)) else { return };
    steps.step("is up", || ready(&mut guest));
    let launched = steps.essential("boots for the first time, as cloud-init sees it", || launch(&mut guest));
    if launched.is_none() {
        return;
    }
    let addresses = [&PRIMARY[..], &SECOND].concat();
    steps.step("is up: every unit, cloud-init's too", || ready(&mut guest));
    steps.step("every address answers", || all_answer(&mut site, &mut guest, &addresses));
    steps.step("cloud-init has configured the primary ENI alone", || alone(&mut guest));
    steps.step("the binary is the one that was published", || installed(&mut guest));
    if steps.essential("reboots", || guest.reboot()).is_none() {
        return;
    }
    steps.step("is up again", || ready(&mut guest));
    steps.step("every address answers after the reboot", || all_answer(&mut site, &mut guest, &addresses));
    steps.step("cloud-init has run eniroute again", || again(&mut guest));
}

/// A web server on the Internet, and user-data that names it.
fn publish(site: &Site, folder: &Path) -> Background {
    let file = folder.join("eniroute-x86_64");
    fs::copy(binary(), &file).expect("a copy of the binary");
    let server = site.vpc.inet().command("python3").args(["-m", "http.server", "80", "--directory"]);
    let text = fs::read_to_string(format!("{FOLDER}/binary.yaml")).expect("the user-data");
    let text = text.replace("https://downloads.example.com", &format!("http://{}", INTERNET[0]));
    site.vpc.imds().user_data(text.replace(NO_SUM, &sha256(&file)));
    server.arg(folder.display()).background()
}

fn sha256(file: &Path) -> String {
    let out = Command::new("sha256sum").arg(file).output().expect("sha256sum");
    String::from_utf8_lossy(&out.stdout).split(' ').next().unwrap_or_default().to_owned()
}

fn launch(guest: &mut Guest) {
    guest.push(Path::new(&format!("{FOLDER}/90-eniroute.cfg")), "/etc/cloud/cloud.cfg.d/90-eniroute.cfg");
    guest.run(AS_LAUNCHED);
    guest.reboot();
}

fn alone(guest: &mut Guest) {
    let yaml = guest.run("cat /etc/netplan/50-cloud-init.yaml");
    assert!(yaml.contains("06:1a:2b:00:01:0a") && !yaml.contains("06:1a:2b:00:02:14"), "{yaml}");
}

fn installed(guest: &mut Guest) {
    let sum = guest.run("sha256sum /usr/local/sbin/eniroute");
    assert_eq!(sum.split(' ').next().unwrap_or_default(), sha256(&binary()));
    assert_eq!(guest.run("ls /usr/local/sbin | grep eniroute"), "eniroute\n");
}

fn again(guest: &mut Guest) {
    let log = guest.run("cat /var/log/cloud-init-output.log");
    assert_eq!(log.matches("running 'modules:final'").count(), 2, "{log}");
    assert!(log.contains("nothing to do: 2 ENIs"), "{log}");
}
