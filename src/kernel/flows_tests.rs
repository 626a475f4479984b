use super::*;

fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
    let length = u16::try_from(4 + value.len()).unwrap();
    let mut bytes = [length.to_ne_bytes(), kind.to_ne_bytes()].concat();
    bytes.extend(value);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

fn tuple(from: [u8; 4], to: [u8; 4]) -> Vec<u8> {
    let ip = [attribute(1, &from), attribute(2, &to)].concat();
    let protocol = [
        attribute(1, &[17]),
        attribute(2, &[0x9c, 0x40]),
        attribute(3, &[0, 53]),
    ]
    .concat();
    [attribute(1 | 0x8000, &ip), attribute(2 | 0x8000, &protocol)].concat()
}

fn message() -> Vec<u8> {
    let parts = [
        attribute(ORIGINAL | 0x8000, &tuple([10, 0, 0, 1], [8, 8, 8, 8])),
        attribute(REPLY | 0x8000, &tuple([8, 8, 8, 8], [172, 31, 8, 208])),
        attribute(3, &[0, 0, 1, 0x8a]),
        attribute(MARK, &[2, 0, 0, 0]),
        attribute(ZONE, &[0, 7]),
    ];
    [vec![2, 0, 0, 0], parts.concat()].concat()
}

#[test]
fn a_flow_is_read_with_the_address_that_it_was_given() {
    let flow = decode(&message()).unwrap();
    let expected = Flow {
        from: [10, 0, 0, 1].into(),
        to: [8, 8, 8, 8].into(),
        protocol: 17,
        port: 53,
        answered_at: [172, 31, 8, 208].into(),
        mark: 0x0200_0000,
    };
    assert_eq!(flow, expected);
}

#[test]
fn a_flow_is_named_by_what_the_kernel_said_of_its_beginning_and_its_zone() {
    let expected = [
        vec![2, 0, 0, 0],
        attribute(ORIGINAL | 0x8000, &tuple([10, 0, 0, 1], [8, 8, 8, 8])),
        attribute(ZONE, &[0, 7]),
    ];
    assert_eq!(key(&message()), expected.concat());
}

#[test]
fn what_is_cut_off_is_no_flow_and_no_panic() {
    let message = message();
    for length in 0..message.len() {
        let _ = (decode(&message[..length]), key(&message[..length]));
    }
    assert_eq!(decode(&message[..60]), None);
}
