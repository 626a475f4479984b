use super::*;

/// One of each kind: C0, ESC, DEL, C1 (CSI), line separator, bidi override and isolate, no width, tag.
const ACTIVE: &str =
    "\0\x07\x08\r\x1b\x7f\u{80}\u{9b}\u{2028}\u{202e}\u{2066}\u{200b}\u{feff}\u{e0041}";

fn is_safe(shown: &str) -> bool {
    !shown.chars().any(is_active)
}

#[test]
fn nothing_active_is_left_and_all_else_is_as_it_was() {
    for escape in [line, |given: &str| text(given), message] {
        assert!(is_safe(&escape(ACTIVE)), "{:?}", escape(ACTIVE));
        let plain = "eth0 größer 日本 \"'\\ $(id) e\u{301}";
        assert_eq!(escape(plain), plain);
    }
    assert_eq!(line("a\x1b[31m\u{9b}\nb\tc"), r"a\u{1b}[31m\u{9b}\nb\tc");
    assert_eq!(text("a\n\tb\r\n"), "a\n\tb\\r\n");
}

#[test]
fn a_line_of_a_message_does_not_pass_for_another_message() {
    assert_eq!(message("there are:\n  eth0"), "there are:\n  eth0");
    assert_eq!(message("a\nERROR [eniroute] b"), "a\n  ERROR [eniroute] b");
}

#[test]
fn json_reads_the_same_after_it() {
    let value = serde_json::json!({ "a": ACTIVE, "b\u{9b}": ["x\ny", 1] });
    let document = json(&format!("{value:#}\n"));
    assert!(is_safe(&document.replace('\n', "")), "{document}");
    assert_eq!(
        serde_json::from_str::<serde_json::Value>(&document).unwrap(),
        value
    );
}
