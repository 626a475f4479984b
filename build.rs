//! Makes the release binary smaller by a sixth. Tests, examples and debug builds stay as they are.
//!
//! The unwind tables are left out: it aborts on a panic, so nothing ever reads them; and the compilers' names. Its
//! relocations are packed (DT_RELR), where the C library that is linked in can unpack them. And what a static glibc
//! brings for translations, character sets and formats that this program never uses is left out: see [`INSTEAD`].

use std::path::Path;
use std::process::Command;
use std::{env, fs};

/// An addition to the linker's own script, which GNU ld, gold and lld all understand. The start code of a static binary
/// that is not position-independent (aarch64) refers to its own, empty table.
const SCRIPT: &str = "SECTIONS { /DISCARD/ : { *(EXCLUDE_FILE(*crtbeginT.o *crtend.o) .eh_frame) \
    *(.eh_frame_hdr) *(.gcc_except_table*) *(.comment) } } INSERT AFTER .text;\n";

/// What is linked in instead of the C library's own, which brings 400 KB along: names, and the code for x86_64 and aarch64.
///
/// - `__dcgettext(domain, message, category)` translates error messages. The program never sets a locale, so that the
///   message is always returned as it is.
/// - `__wcsmbs_load_conv` and its like load a locale's character set: never called, for the same reason.
/// - `__assert_fail` says which of the library's assertions has failed, and aborts. This one only aborts.
/// - `__vfprintf_internal` prints: the statistics of malloc, and an error that the library has no words for.
/// - `dlsym` finds nothing in a program that has no shared libraries.
/// - `pthread_getattr_np` tells a thread's stack, by which an overflow is told from other crashes. This one refuses
///   (`ENOSYS`), and an overflow is a crash like others.
const INSTEAD: [(&str, &str, &str); 6] = [
    (
        "__dcgettext dcgettext",
        "mov %rsi, %rax\nret",
        "mov x0, x1\nret",
    ),
    (
        "__wcsmbs_load_conv __wcsmbs_clone_conv __wcsmbs_named_conv __wcsmbs_getfct _nl_cleanup_ctype",
        "jmp abort",
        "b abort",
    ),
    ("__assert_fail __assert_fail_base", "jmp abort", "b abort"),
    (
        "__vfprintf_internal",
        "mov $-1, %eax\nret",
        "mov w0, #-1\nret",
    ),
    ("dlsym", "xor %eax, %eax\nret", "mov x0, #0\nret"),
    (
        "pthread_getattr_np",
        "mov $38, %eax\nret",
        "mov w0, #38\nret",
    ),
];

/// The same of data: each thread's state of the resolver, which nothing reads (names are asked of `getent`), and how wide
/// characters are converted, which nothing writes. Both are only pointed to.
const POINTED_TO: [(&str, &str, &str, u8); 2] = [
    ("__libc_resp", ".tbss,\"awT\",%nobits", "%tls_object", 8),
    (
        "__wcsmbs_gconv_fcts_c",
        ".data.rel.ro,\"aw\",%progbits",
        "%object",
        32,
    ),
];

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
        return replace(Path::new(&folder));
    }
    Ok(())
}

/// Before the C library on the linker's command line, so that its own are never looked for; where another release has
/// its functions in other files, the first of two is taken.
fn replace(folder: &Path) -> std::io::Result<()> {
    let value = |name| env::var(name).unwrap_or_default();
    let is_static = value("CARGO_CFG_TARGET_FEATURE").contains("crt-static");
    let text = assembly(&value("CARGO_CFG_TARGET_ARCH"));
    let (Some(text), "gnu", true) = (text, &*value("CARGO_CFG_TARGET_ENV"), is_static) else {
        return Ok(());
    };
    let file = folder.join("instead.s");
    fs::write(&file, text)?;
    cc::Build::new()
        .file(&file)
        .cargo_metadata(false)
        .compile("instead");
    println!("cargo:rustc-link-search=native={}", folder.display());
    println!("cargo:rustc-link-lib=static:+whole-archive=instead");
    println!("cargo:rustc-link-arg=-Wl,-z,muldefs");
    Ok(())
}

/// `None` for an architecture that has no code in [`INSTEAD`].
fn assembly(architecture: &str) -> Option<String> {
    let mut text = ".section .note.GNU-stack,\"\",%progbits\n".to_owned();
    for (name, section, kind, size) in POINTED_TO {
        text += &format!(".section {section}\n.balign 8\n{}", symbol(name, kind));
        text += &format!(".size {name}, {size}\n.zero {size}\n");
    }
    text += ".text\n";
    for (names, x86_64, aarch64) in INSTEAD {
        for name in names.split(' ') {
            text += &symbol(name, "%function");
        }
        text += match architecture {
            "x86_64" => x86_64,
            "aarch64" => aarch64,
            _ => return None,
        };
        text += "\n";
    }
    Some(text)
}

fn symbol(name: &str, kind: &str) -> String {
    format!(".globl {name}\n.hidden {name}\n.type {name}, {kind}\n{name}:\n")
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
