//! Values that no EC2 would give for any key of the instances here, whatever else is true.

/// By kind; a sample has one of each.
const VALUES: [(&str, &[&str]); 13] = [
    (
        "text",
        &[
            " ",
            "\t\n",
            "null",
            "None",
            "true",
            "$(id)",
            "`id`",
            "; reboot",
            "' OR 1=1 --",
            "%s%n%x",
            "../../../../etc/shadow",
            "/dev/stdin",
            "<html><body>404</body></html>",
            "{\"a\": {\"b\": [1, 2]}}",
            "---\n- &a [*a, *a]\n",
            "[Match]\nName=*\n",
            "eth1 up; down",
            "\u{feff}",
            "\u{202e}4.3.2.1",
            "١٠.١.٠.٣٠",
            "ｅｎｉ－０",
        ],
    ),
    (
        "control",
        &[
            "\0",
            "10.1.0.30\0",
            "\u{1b}[2J\u{1b}[31mred",
            "\u{7}\u{8}\u{7f}",
            "\u{9b}31m",
            "a\rb",
            "10.1.0.30\u{b}10.1.0.31",
            "10.1.0.30\u{2028}10.1.0.31",
        ],
    ),
    (
        "number",
        &[
            "0",
            "-1",
            "100",
            "4294967295",
            "4294967296",
            "18446744073709551616",
            "1e3",
            "0x1",
            "1.0",
            "1 2",
            "9999999999999999999999999999999999999999",
        ],
    ),
    (
        "address",
        &[
            "0.0.0.0",
            "255.255.255.255",
            "127.0.0.1",
            "224.0.0.1",
            "169.254.169.254",
            "8.8.8.8",
            "10.1.0.0",
            "10.1.0.1",
            "10.1.15.255",
            "10.1.0.300",
            "10.1.0",
            "010.001.000.030",
            "0x0a01001e",
            "10.1.0.30%eth1",
            "10.1.0.30,10.1.0.31",
            "::",
            "::1",
            "::ffff:10.1.0.30",
            "fe80::1",
            "fe80:ec2::1",
            "ff02::1",
            "fd00:ec2::254",
            "2001:db8:0:b::",
            "2001:db8::1::2",
            "2001:db8:0:b::300%eth1",
        ],
    ),
    (
        "prefix",
        &[
            "0.0.0.0/0",
            "::/0",
            "10.0.0.0/8",
            "10.1.0.0/33",
            "10.1.0.0/-1",
            "10.1.0.0/",
            "/20",
            "127.0.0.0/16",
            "224.0.0.0/16",
            "169.254.0.0/16",
            "192.168.0.0/16",
            "10.1.0.30/32",
            "10.1.3.17/28",
            "10.1.0.0/255.255.240.0",
            "fe80::/64",
            "ff00::/64",
            "fd00:ec2::/64",
            "2001:db8::/32",
            "2001:db8:0:b::/129",
            "2001:db8:0:b::/65",
        ],
    ),
    (
        "mac",
        &[
            "00:00:00:00:00:00",
            "ff:ff:ff:ff:ff:ff",
            "01:00:5e:00:00:01",
            "06:00:00:00:00",
            "06:00:00:00:00:00:01",
            "06-00-00-00-00-01",
            "0600.0000.0001",
            "zz:00:00:00:00:01",
        ],
    ),
    (
        "stranger",
        &[
            "10.0.0.10\n10.1.0.30",
            "10.0.0.10\n10.0.0.11\n10.1.0.30",
            "2001:db8:0:a::100",
            "10.0.0.0/28\n10.1.3.16/28",
            "2001:db8:0:a:1::/80\n2001:db8:0:b:1::/80",
            "06:00:00:00:00:01",
            "eni-",
            "eni-../../etc",
            "eni-0$(id)",
        ],
    ),
    // Each stack's own syntax, and that of what reads it.
    (
        "syntax",
        &[
            "10.1.0.30]\n      routes: [{to: 0.0.0.0/0, via: 10.1.0.9}",
            "10.1.0.30\"\n  bridges: {br0: {interfaces: [eth0]}}",
            "!!binary 10.1.0.30",
            "*anchor",
            "&a 10.1.0.30",
            "|\n  10.1.0.30",
            "? 10.1.0.30\n: 10.1.0.31",
            "10.1.0.30 # comment",
            "10.1.0.30/32\n[ipv4]\nmethod=disabled",
            "10.1.0.30\n[Link]\nUnmanaged=yes",
            "Address=10.1.0.30/32",
            "10.1.0.30\n    up id > /tmp/x",
            "10.1.0.30 \\\n  dev eth0",
            "%i",
            "%%",
            "${IFS}",
            "'; id; '",
            "\"; id; \"",
            "10.1.0.30;10.1.0.31",
            "10.1.0.30|id",
            "10.1.0.30 table 10000",
            "10.1.0.30 dev eth0",
            "local 10.1.0.30",
            "default",
            "all",
            "any",
            "!",
            "~",
        ],
    ),
    (
        "encoding",
        &[
            "\u{feff}10.1.0.30",
            "10.1.0.30\u{feff}",
            "10.1.0\u{200b}.30",
            "10.1.0\u{2024}30",
            "10。1。0。30",
            "１０.１.０.３０",
            "10.1.0.3\u{660}",
            "10.1.0.30\u{a0}",
            "\u{a0}",
            "\u{2003}",
            "\u{85}",
            "e\u{301}ni-0",
            "еni-0",
            "\u{1f600}",
            "\u{e0041}\u{e0042}",
            "\u{2066}10.1.0.30\u{2069}",
            "\u{fffd}",
            "\u{10ffff}",
        ],
    ),
    // What a folder may list, and a MAC's folder in place of a key.
    (
        "listing",
        &[
            ".",
            "..",
            "../",
            "/",
            "//",
            "./local-ipv4s",
            "local-ipv4s/../mac",
            "LOCAL-IPV4S\nDEVICE-NUMBER",
            "local-ipv4s local-ipv6s device-number",
            "local-ipv4s,device-number",
            "local-ipv4s//",
            "mac\nmac/",
            "device-number\ninterface-id",
            "http://169.254.169.254/latest/meta-data/mac",
            "?list",
            "#",
        ],
    ),
    (
        "type",
        &[
            "[]",
            "{}",
            "[\"10.1.0.30\"]",
            "\"10.1.0.30\"",
            "{\"Code\": \"Success\"}",
            "<?xml version=\"1.0\"?><Error/>",
            "MTAuMS4wLjMw",
            "2026-11-26T12:00:00Z",
            "i-0123456789abcdef0",
            "arn:aws:ec2:eu-west-1:123456789012:network-interface/eni-0",
            "ip-10-1-0-30.ec2.internal",
            "Not Found",
            "Service Unavailable",
            "nil",
            "NaN",
            "Infinity",
            "-",
            "*",
        ],
    ),
    (
        "ipv6",
        &[
            "2001:db8:0:b::1",
            "2001:db8:0:b::3",
            "2001:db8:0:b:ffff:ffff:ffff:ffff",
            "2001:db8:0:c::300",
            "[2001:db8:0:b::300]",
            "2001:db8:0:b::300/64",
            "2001:db8:0:b:::300",
            "2001:db8:0:b::g",
            "2001:db8:0:b::10.1.0",
            "::10.1.0.30",
            "64:ff9b::10.1.0.30",
            "2002:a01:1e::1",
            "fec0::1",
            "ff05::2",
            "4000::1",
            "2001:db8:0:b::300,2001:db8:0:b::301",
        ],
    ),
    (
        "id",
        &[
            "ENI-0123456789abcdef0",
            "eni_0123456789abcdef0",
            "eni-0 123",
            "eni-0/123",
            "eni-0.123",
            "eni-é",
            "eni-\t",
            "eni-0123456789abcdef0/",
            "eni-0\neni-1",
            " eni-",
            "subnet-0123456789abcdef0",
            "-eni-0",
        ],
    ),
];

/// Values that are too long, or too many.
fn long() -> [String; 8] {
    let many = |count: usize, one: &dyn Fn(usize) -> String| {
        (0..count).map(one).collect::<Vec<_>>().join("\n")
    };
    [
        "x".repeat(60_000),
        "1".repeat(10_000),
        " ".repeat(60_000),
        "\n".repeat(60_000),
        format!("eni-{}", "0".repeat(5_000)),
        many(1_100, &|n| format!("10.1.{}.{}", 1 + n / 250, n % 250)),
        many(1_100, &|n| format!("2001:db8:0:b::{:x}", 0x1000 + n)),
        many(2_000, &|n| {
            format!("06:00:00:01:{:02x}:{:02x}/x", n / 256, n % 256)
        }),
    ]
}

/// `text.0`, `text.1` and so on.
pub fn kinds() -> Vec<String> {
    let names = |(kind, values): &(&str, &[&str])| -> Vec<String> {
        (0..values.len()).map(|n| format!("{kind}.{n}")).collect()
    };
    let long = (0..long().len()).map(|n| format!("long.{n}"));
    VALUES.iter().flat_map(names).chain(long).collect()
}

/// The value of a kind with its number.
pub fn value(name: &str) -> String {
    let (kind, number) = name
        .split_once('.')
        .unwrap_or_else(|| panic!("{name} is no kind of fault"));
    let number: usize = number.parse().unwrap();
    if kind == "long" {
        return long()[number].clone();
    }
    let (_, values) = VALUES.iter().find(|(known, _)| *known == kind).unwrap();
    values[number].to_owned()
}
