//! The kernel takes nearly any text for an interface's name: `$(id)`, `*`, `[`, quotes. What a file or a shell may be given
//! is less.

/// A name that no file's notation, and no shell that reads it, takes for anything but a name: letters, digits, `.`, `_` and
/// `-`, which is not its first.
pub fn is_plain(name: &str) -> bool {
    let is_word = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    !name.is_empty()
        && name.chars().all(is_word)
        && !name.starts_with('-')
        && ![".", ".."].contains(&name)
}

/// A word as a shell takes it, to be pasted.
pub fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.,:/@%+".contains(c);
    if word.chars().all(is_plain) && !word.is_empty() {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_every_notation_takes_for_a_name_is_plain() {
        for name in [
            "eth0",
            "ens6",
            "enp0s31f6",
            "eth0.100",
            "a_b-c",
            "...",
            ".a",
        ] {
            assert!(is_plain(name), "{name}");
        }
        for name in [
            "", ".", "..", "-a", "$(id)", "a*", "a[0]", "a b", "a'b", "a\"b", "a;b", "a`b`", "a#b",
            "a!b", "a?", "a{b}", "a\\b", "a=b", "a@b", "ethé", "a\x1b",
        ] {
            assert!(!is_plain(name), "{name}");
        }
    }

    #[test]
    fn a_quoted_word_is_one_word_of_a_shell() {
        for word in ["eth0", "$(id)", "a'b", "*", "", "a b", "`x`"] {
            let script = format!("printf %s {}", quoted(word));
            let out = std::process::Command::new("sh")
                .args(["-c", &script])
                .output()
                .unwrap();
            assert_eq!(String::from_utf8(out.stdout).unwrap(), word);
        }
    }
}
