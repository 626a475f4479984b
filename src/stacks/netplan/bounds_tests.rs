use super::*;
use crate::stacks::netplan::read::Foreign;

#[test]
fn what_is_nested_without_an_end_is_refused_however_it_is_written() {
    let indented = (0..20_000).map(|n| format!("{}a:\n", " ".repeat(n.min(300))));
    let deep = (0..300).map(|n| format!("{}a:\n", " ".repeat(n)));
    let chain = (1..40).fold("a0: &a0 [[[[[[x]]]]]]\n".to_owned(), |text, n| {
        format!("{text}a{n}: &a{n} [[[[[[*a{}]]]]]]\n", n - 1)
    });
    for text in [
        "- ".repeat(20_000),
        "[".repeat(20_000),
        "{".repeat(20_000),
        "{a: ".repeat(20_000),
        "? ".repeat(20_000),
        "- ? ".repeat(10_000),
        format!("a: {}", "[ ".repeat(20_000)),
        format!("network:\n  x: {}1{}\n", "[".repeat(100), "]".repeat(100)),
        deep.collect(),
        chain,
    ] {
        // What the scanner itself gives up is no YAML, and gets no further either.
        let read = Foreign::default().merge("/etc/netplan/a.yaml".as_ref(), &text);
        let error = read.unwrap_err().to_string();
        assert!(error.starts_with("/etc/netplan/a.yaml: line "), "{error}");
    }
    for text in ["- ".repeat(20_000), "{a: ".repeat(100), "? ".repeat(200)] {
        let why = excess(&text);
        assert!(why.is_some_and(|why| why.contains("nested more than 64 deep")));
    }
    // Not YAML at the end of its levels: the reader's business, which does not get far with it.
    drop(excess(&indented.collect::<String>()));
}

#[test]
fn what_is_too_long_is_refused_and_what_people_write_is_not() {
    assert!(excess(&"#\n".repeat(LENGTH)).is_some_and(|why| why.contains("1048576 bytes")));
    let usual = "network:\n  ethernets:\n    eth0: &a\n      dhcp4: true\n      routes:\n      - {to: 0.0.0.0/0, via: 10.0.0.1}\n    eth1: *a\n";
    for text in [
        usual,
        "",
        "# nothing\n",
        "a: [1, [2, [3]]]\n",
        "%",
        "\t- [",
        "a: \"[[[[[[\"\n",
    ] {
        assert_eq!(excess(text), None, "{text}");
    }
    let long = format!("a:\n{}", "- {b: [c]}\n".repeat(5000));
    assert_eq!(excess(&long), None);
}
