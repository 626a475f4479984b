//! F against the truth: files of ours are changed at random, `check` says whether they still bring all up, and then the
//! network stack starts from the files alone. An error of F is there if, and only if, something is lacking then.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::findings_of;
use crate::consumer::{eniroute, power_cycle, program, run};
use crate::draw::{Draw, seeds};
use crate::ifupdown;
use crate::instance::Run;
use crate::network_manager::{self, Guest};
use crate::networkd::lab::{Lab, Systemd};
use crate::networkd::{CLOUD_INIT_ETH0, Files, NETWORKD_ETH0, YAML};

/// A change of a folder of ours, in words.
type Edit = String;

/// Words of the lines without which an object is another one, or none.
const BEARING: [&str; 9] = [
    "Address=",
    "Gateway=",
    "Destination=",
    "Table=",
    "Priority=",
    "from:",
    "up grep",
    "routing-rule",
    "address",
];

/// What else somebody may put beside our files: the file, its text and mode.
type Foreign = (&'static str, &'static str, u32);

/// Whether a start lacks something without this line. The primary's rules stand in each keyfile, of which one will do; and
/// a keyfile for any interface may be taken for the right one by chance. ifup brings a link up by itself.
fn matters(line: &str) -> bool {
    let is_twice = line.starts_with("routing-rule") && line.contains("10000");
    let is_no_matter = is_twice || line.starts_with("mac-address") || line.contains("pre-up ");
    BEARING.iter().any(|word| line.contains(word)) && !is_no_matter
}

/// Where the last line that matters begins: a file that is cut off there or before lacks it. Of a part of it, a stack may
/// make all that it is for (`... protocol static || tr`).
fn last_that_matters(text: &str) -> usize {
    let last = text.lines().rfind(|line| matters(line));
    text.rfind(last.unwrap()).unwrap()
}

/// Changes one file of ours among `paths`, or puts one of `foreign` beside them.
fn edit(draw: &mut Draw, paths: &[PathBuf], foreign: &[Foreign]) -> Edit {
    let path = draw.one(paths).clone();
    let text = fs::read_to_string(&path).unwrap();
    let name = path.display();
    match draw.below(7) {
        0 => {
            fs::remove_file(&path).unwrap();
            format!("{name} is gone")
        }
        1 => {
            let length = draw.below(last_that_matters(&text) + 1);
            fs::write(&path, &text[..length]).unwrap();
            format!("{name} ends after {length} bytes")
        }
        2 => {
            let lines: Vec<&str> = text.lines().collect();
            let bearing: Vec<usize> = (0..lines.len()).filter(|at| matters(lines[*at])).collect();
            let without = *draw.one(&bearing);
            let kept = lines.iter().enumerate().filter(|(at, _)| *at != without);
            let kept: Vec<&str> = kept.map(|(_, line)| *line).collect();
            fs::write(&path, kept.join("\n") + "\n").unwrap();
            format!("{name} lacks `{}`", lines[without])
        }
        3 => {
            fs::write(&path, text + "# a comment\n").unwrap();
            format!("{name} has a comment more")
        }
        4 => {
            let mode = *draw.one(&[0o600, 0o640, 0o644]);
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            format!("{name} has mode {mode:o}")
        }
        _ => {
            let (file, text, mode) = *draw.one(foreign);
            let file = paths[0].parent().unwrap().join(file);
            fs::write(&file, text).unwrap();
            fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
            format!("{} is there", file.display())
        }
    }
}

/// Every file of ours in a folder and its drop-ins, sorted.
fn own(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(own(&path));
        } else if fs::read_to_string(&path)
            .unwrap()
            .starts_with("# Written by eniroute")
        {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// Our files with their texts and modes.
fn saved(folder: &Path) -> Vec<(PathBuf, String, fs::Permissions)> {
    let file = |path: PathBuf| {
        let text = fs::read_to_string(&path).unwrap();
        let mode = fs::metadata(&path).unwrap().permissions();
        (path, text, mode)
    };
    own(folder).into_iter().map(file).collect()
}

/// A host whose primary has no lease cannot be asked to mend them.
fn restore(saved: Vec<(PathBuf, String, fs::Permissions)>) {
    for (path, text, mode) in saved {
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, mode).unwrap();
    }
}

/// Takes away what was edited so that it is not ours any more, or was never.
fn forget(folder: &Path) {
    let kept = own(folder);
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let is_ours = name.contains("eniroute") || name.contains("mine");
        if path.is_dir() {
            forget(&path);
        } else if is_ours && !kept.contains(&path) {
            fs::remove_file(&path).unwrap();
        }
    }
}

fn says_broken(run: &Run) -> bool {
    let found = findings_of(run);
    let of_files = found
        .iter()
        .filter(|one| one["code"].as_str().unwrap().starts_with('F'));
    let mut errors = of_files.filter(|one| one["severity"] == "error");
    errors.next().is_some()
}

fn judge(seed: u64, edit: &str, said: &Run, lacking: &[String]) {
    eprintln!("ENIROUTE_SEED={seed}: {edit}: lacks {}", lacking.len());
    assert_eq!(
        says_broken(said),
        !lacking.is_empty(),
        "ENIROUTE_SEED={seed}: {edit}: a start lacks {lacking:#?}, and check says {}",
        said.stdout
    );
}

fn lines(dump: &str) -> BTreeSet<String> {
    dump.lines().map(str::to_owned).collect()
}

/// Waits until nothing has changed for a while, as nobody tells when a stack that lacks a file is done.
fn steady(state: impl Fn() -> Vec<String>, quiet: Duration) -> Vec<String> {
    let end = Instant::now() + Duration::from_secs(30);
    let mut last = (state(), Instant::now());
    while last.1.elapsed() < quiet && Instant::now() < end {
        sleep(Duration::from_millis(100));
        let now = state();
        if now != last.0 {
            last = (now, Instant::now());
        }
    }
    last.0
}

/// What of `applied` is not there after a start; who lacks something is given more time.
fn lacking(applied: &[String], state: impl Fn() -> Vec<String>) -> Vec<String> {
    let after = |quiet| {
        let booted = steady(&state, Duration::from_secs(quiet));
        let lost = applied.iter().filter(|line| !booted.contains(line));
        lost.cloned().collect::<Vec<_>>()
    };
    let lost = after(2);
    if lost.is_empty() { lost } else { after(6) }
}

const NETWORKD: [Foreign; 4] = [
    (
        "05-mine.network",
        "[Match]\nName=eth1\n[Network]\nDHCP=no\n",
        0o644,
    ),
    (
        "07-mine.network",
        "[Match]\nMACAddress=06:00:00:00:00:02\n[Network]\nDHCP=no\n",
        0o644,
    ),
    (
        "90-mine.network",
        "[Match]\nName=eth*\n[Network]\nDHCP=no\n",
        0o644,
    ),
    (
        "06-mine.network",
        "[Match]\nName=eth7\n[Network]\nDHCP=no\n",
        0o644,
    ),
];

const FOLDER: &str = "/etc/systemd/network";

fn networkd(systemd: Systemd, files: Files, count: u64) {
    let mut lab = Lab::of(systemd, files);
    lab.attach_eth1();
    lab.attach_eth2();
    lab.boot(&["eth0"]);
    for seed in seeds(count) {
        lab.apply();
        let applied = lab.ours();
        let folder = Path::new(FOLDER);
        let saved = lab.guest.enter(|| saved(folder));
        let edit = lab
            .guest
            .enter(|| edit(&mut Draw::new(seed), &own(folder), &NETWORKD));
        let said = lab.eniroute("check --json");
        lab.power_off();
        // A drop-in that networkd may not read costs the whole unit: not even eth0 is configured then.
        lab.boot(&[]);
        let lacking = lacking(&applied, || lab.ours());
        judge(seed, &edit, &said, &lacking);
        lab.guest.enter(|| {
            forget(folder);
            restore(saved);
        });
        lab.power_off();
        lab.boot(&["eth0"]);
    }
}

#[test]
fn networkd_lacks_something_at_a_start_if_and_only_if_check_says_so() {
    networkd(Systemd::Installed, NETWORKD_ETH0, 5);
}

#[test]
fn a_newer_networkd_lacks_something_at_a_start_if_and_only_if_check_says_so() {
    networkd(Systemd::Of("trixie"), NETWORKD_ETH0, 4);
}

#[test]
fn networkd_by_netplan_lacks_something_at_a_start_if_and_only_if_check_says_so() {
    networkd(Systemd::Installed, &[(YAML, CLOUD_INIT_ETH0)], 3);
}

const IFUPDOWN: [Foreign; 2] = [
    (
        "../interfaces",
        "auto eth0\niface eth0 inet manual\n",
        0o644,
    ),
    ("70-mine", "auto eth7\niface eth7 inet manual\n", 0o644),
];

#[test]
fn ifup_lacks_something_at_a_start_if_and_only_if_check_says_so() {
    let guest = ifupdown::guest();
    let (instance, host) = (&guest.instance, &guest.instance.host);
    let folder = instance.root().join("etc/network/interfaces.d");
    for seed in seeds(5) {
        assert_eq!(eniroute(instance, "apply").code, 0);
        host.settle();
        let applied = lines(&host.dump());
        let edit = edit(&mut Draw::new(seed), &own(&folder), &IFUPDOWN);
        let said = eniroute(instance, "check --json");
        host.ip("address del 10.0.0.11/32 dev eth0");
        power_cycle(host, &["eth1", "eth2"]);
        program(instance, "find /run/network -type f -delete").output();
        for dev in ["eth0", "eth1", "eth2"] {
            program(instance, &format!("ifup {dev}")).output();
        }
        host.settle();
        let booted = lines(&host.dump());
        judge(
            seed,
            &edit,
            &said,
            &applied.difference(&booted).cloned().collect::<Vec<_>>(),
        );
        forget(&folder);
        // Half a line may have made a rule that is another one.
        power_cycle(host, &["eth1", "eth2"]);
        instance.write("etc/network/interfaces", ifupdown::INTERFACES);
    }
}

const MINE: &str = "[connection]\nid=mine\nuuid=33333333-3333-3333-3333-333333333333\ntype=ethernet\n\
                    interface-name=eth1\nautoconnect-priority=200\n\n[ipv4]\nmethod=disabled\n\n[ipv6]\nmethod=disabled\n";

const KEYFILES: [Foreign; 2] = [
    ("mine.nmconnection", MINE, 0o600),
    ("mine-unread.nmconnection", MINE, 0o644),
];

/// What the keyfiles hold: the rest of the primary's is the boot service's.
fn held(guest: &Guest) -> Vec<String> {
    let is_held = |line: &String| !line.contains(" metric 1000") || line.starts_with("default");
    guest.state().into_iter().filter(is_held).collect()
}

#[test]
fn networkmanager_lacks_something_at_a_start_if_and_only_if_check_says_so() {
    let guest = network_manager::guest();
    let instance = &guest.instance;
    let folder = instance.root().join(network_manager::FOLDER);
    for seed in seeds(3) {
        assert_eq!(instance.eniroute("apply").code, 0);
        instance.host.settle();
        let applied = held(&guest);
        let edit = edit(&mut Draw::new(seed), &own(&folder), &KEYFILES);
        let said = eniroute(instance, "check --json");
        power_cycle(&instance.host, &["eth0", "eth1", "eth2", "eth3"]);
        // By what is left in /run it would take the links for configured.
        run(instance, "find /run/NetworkManager -type f -delete");
        let running = guest.network_manager();
        program(
            instance,
            "nm-online --quiet --wait-for-startup --timeout=20",
        )
        .output();
        let lacking = lacking(&applied, || held(&guest));
        judge(seed, &edit, &said, &lacking);
        drop(running);
        forget(&folder);
        // Half a line may have made a rule that is another one.
        power_cycle(&instance.host, &["eth1", "eth2", "eth3"]);
    }
}
