//! Values that no EC2 would give for any key of the instances here, whatever else is true.

/// By kind; a sample has one of each.
const VALUES: [(&str, &[&str]); 7] = [
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
];

/// `text.0`, `text.1` and so on.
pub fn kinds() -> Vec<String> {
    let names = |(kind, values): &(&str, &[&str])| -> Vec<String> {
        (0..values.len()).map(|n| format!("{kind}.{n}")).collect()
    };
    VALUES.iter().flat_map(names).collect()
}

/// The value of a kind with its number.
pub fn value(name: &str) -> String {
    let (kind, number) = name
        .split_once('.')
        .unwrap_or_else(|| panic!("{name} is no kind of fault"));
    let (_, values) = VALUES.iter().find(|(known, _)| *known == kind).unwrap();
    values[number.parse::<usize>().unwrap()].to_owned()
}
