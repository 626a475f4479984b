//! Packages in a guest: eniroute's own, and those of its release that a story alone needs.

use std::path::{Path, PathBuf};

use crate::baseline::ready;
use crate::guest::Guest;
use crate::image::Image;

const FOLDER: &str = "/root/packages";

/// eniroute's own, for the image's architecture.
pub fn eniroute(image: Image) -> PathBuf {
    let name = format!(
        "target/dist/eniroute_{}_{}.deb",
        env!("CARGO_PKG_VERSION"),
        image.architecture()
    );
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    assert!(path.is_file(), "{} is not there: make dist", path.display());
    path
}

/// eniroute in a guest that is up, and the nftables of its release.
pub fn beside_nftables(guest: &mut Guest, image: Image) {
    ready(guest);
    let files = [image.debs(&["nftables"]), vec![eniroute(image)]].concat();
    println!("{}", install(guest, &files));
}

/// Installs these files in one run of dpkg, as an administrator does, and gives what it says.
pub fn install(guest: &mut Guest, files: &[PathBuf]) -> String {
    guest.run(&format!("rm -rf {FOLDER}"));
    for file in files {
        let name = file.file_name().expect("a file's name").to_string_lossy();
        guest.push(file, &format!("{FOLDER}/{name}"));
    }
    dpkg(guest, &format!("--install {FOLDER}/*"))
}

/// What dpkg says, which must succeed. Emulated, its many small programs take minutes.
pub fn dpkg(guest: &mut Guest, words: &str) -> String {
    guest.run(&format!(
        "rm -f /root/ended; (dpkg {words}; echo $? >/root/ended) </dev/null >/root/log 2>&1 &"
    ));
    let ended = guest.comes_true("test -s /root/ended", 600);
    let said = guest.run("cat /root/log");
    assert!(
        ended,
        "dpkg {words} has not ended: {said}{}",
        guest.try_run("ps axf").output
    );
    assert_eq!(guest.run("cat /root/ended").trim(), "0", "{said}");
    said
}
