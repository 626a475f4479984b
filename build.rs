//! Leaves the unwind tables out of the release binary: it aborts on a panic, so nothing ever reads them, and they
//! are an eighth of its size. Tests, examples and debug builds keep theirs.

use std::path::Path;
use std::{env, fs};

/// An addition to the linker's own script, which GNU ld, gold and lld all understand.
const SCRIPT: &str =
    "SECTIONS { /DISCARD/ : { *(.eh_frame) *(.eh_frame_hdr) *(.gcc_except_table*) } } INSERT AFTER .text;\n";

fn main() -> std::io::Result<()> {
    println!("cargo:rerun-if-changed=build.rs");
    let (profile, folder) = (env::var("PROFILE"), env::var("OUT_DIR"));
    if let (Ok("release"), Ok(folder)) = (profile.as_deref(), folder) {
        let script = Path::new(&folder).join("no-unwind-tables.ld");
        fs::write(&script, SCRIPT)?;
        println!("cargo:rustc-link-arg-bins=-Wl,--no-eh-frame-hdr");
        println!("cargo:rustc-link-arg-bins=-Wl,-T,{}", script.display());
    }
    Ok(())
}
