//! Makes the release binary smaller by a fifth. Debug builds and tests stay as they are.
//!
//! The unwind tables are left out: it aborts on a panic, so nothing ever reads them; and the compilers' names. Its
//! relocations are packed (DT_RELR), where the C library that is linked in can unpack them. And what a static glibc
//! brings for translations, character sets, standard I/O, shared libraries and unwinding, none of which this program ever uses,
//! is left out, and so is what it brings once for each kind of processor: see [`INSTEAD`]. Functions of one and the same
//! code are folded, where the linker can.

use std::path::Path;
use std::process::Command;
use std::{env, fs};

/// An addition to the linker's own script, which GNU ld, gold and lld all understand. The start code of a static binary
/// that is not position-independent (aarch64) refers to its own, empty table.
const SCRIPT: &str = "SECTIONS { /DISCARD/ : { *(EXCLUDE_FILE(*crtbeginT.o *crtend.o) .eh_frame) \
    *(.eh_frame_hdr) *(.gcc_except_table*) *(.comment) } } INSERT AFTER .text;\n";

/// What is linked in instead of the C library's own, and what it is compiled with: each function can be dropped or folded,
/// and none is made into a call of itself.
const INSTEAD: &str = "instead.c";
const FLAGS: [&str; 8] = [
    "-w",
    "-ffreestanding",
    "-fno-builtin",
    "-fno-tree-loop-distribute-patterns",
    "-fno-stack-protector",
    "-fno-asynchronous-unwind-tables",
    "-fvisibility=hidden",
    "-ftls-model=local-exec",
];

/// Of functions whose code is the same, one is kept: lld, which rustc brings for x86_64, and gold can do so, GNU ld cannot.
const FOLDING: &str = "-Wl,--icf=all";

/// The first glibc that relocates a static program by DT_RELR.
const PACKED_SINCE: (u32, u32) = (2, 36);

fn main() -> std::io::Result<()> {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed={INSTEAD}");
    let (profile, folder) = (env::var("PROFILE"), env::var("OUT_DIR"));
    if let (Ok("release"), Ok(folder)) = (profile.as_deref(), folder) {
        let script = Path::new(&folder).join("no-unwind-tables.ld");
        fs::write(&script, SCRIPT)?;
        println!("cargo:rustc-link-arg-bins=-Wl,--no-eh-frame-hdr");
        println!("cargo:rustc-link-arg-bins=-Wl,-T,{}", script.display());
        if glibc().is_some_and(|version| version >= PACKED_SINCE) {
            println!("cargo:rustc-link-arg-bins=-Wl,-z,pack-relative-relocs");
        }
        if takes(Path::new(&folder), FOLDING)? {
            println!("cargo:rustc-link-arg-bins={FOLDING}");
        }
        return replace(Path::new(&folder));
    }
    Ok(())
}

/// Whether the linker that rustc uses here knows an argument.
fn takes(folder: &Path, argument: &str) -> std::io::Result<bool> {
    let value = |name| env::var(name).unwrap_or_default();
    let source = folder.join("empty.rs");
    fs::write(&source, "fn main() {}\n")?;
    let flags = value("CARGO_ENCODED_RUSTFLAGS");
    let linker = env::var("RUSTC_LINKER").map(|linker| format!("-Clinker={linker}"));
    let tried = Command::new(value("RUSTC"))
        .args(flags.split('\u{1f}').filter(|flag| !flag.is_empty()))
        .args(linker)
        .args(["--target", &value("TARGET"), "-o"])
        .arg(folder.join("empty"))
        .arg(format!("-Clink-arg={argument}"))
        .arg(source)
        .output()?;
    Ok(tried.status.success())
}

/// Before the C library on the linker's command line, so that its own are never looked for; where another release has
/// its functions in other files, the first of two is taken.
fn replace(folder: &Path) -> std::io::Result<()> {
    let value = |name| env::var(name).unwrap_or_default();
    let is_static = value("CARGO_CFG_TARGET_FEATURE").contains("crt-static");
    if value("CARGO_CFG_TARGET_ENV") != "gnu" || !is_static {
        return Ok(());
    }
    let mut build = cc::Build::new();
    for flag in FLAGS {
        build.flag_if_supported(flag);
    }
    build.file(INSTEAD).cargo_metadata(false).compile("instead");
    println!("cargo:rustc-link-search=native={}", folder.display());
    println!("cargo:rustc-link-lib=static:+whole-archive=instead");
    println!("cargo:rustc-link-arg=-Wl,-z,muldefs");
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
