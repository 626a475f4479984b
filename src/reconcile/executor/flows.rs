//! Connections that a change contradicts: what came in by an ENI goes on another way from now on, and connection tracking
//! would keep what it knows of the old one.

use log::info;

use super::Executor;
use crate::gather::{Gather, Order};
use crate::net::{Flows, Rule};
use crate::numbering::{self, Band, Number, Slot};
use crate::object::{Change, Object};

impl Executor<'_> {
    /// Ends every connection that `done` contradicts, and nothing else.
    pub(super) fn end_contradicted(&mut self, done: &[Change]) {
        self.end_flows(done);
        self.forget_flows(done);
    }

    /// Of a changed path. What fails is reported: the next packets go the new way all the same.
    fn end_flows(&mut self, done: &[Change]) {
        let flows = contradicted(done);
        match self.kernel.end_flows(&flows) {
            Ok(0) => {}
            Ok(count) => info!("{count} connections were ended, whose way has changed"),
            Err(error) => self.report.errors.push(error.to_string()),
        }
    }
}

/// Those that came in by an ENI from which packets go on by another table than before.
fn contradicted(done: &[Change]) -> Vec<Flows> {
    let of = |change: &Change, is_made: bool| match change {
        Change::Add(Object::Rule(rule)) if is_made => arrival(rule),
        Change::Remove(Object::Rule(rule)) if !is_made => arrival(rule),
        _ => None,
    };
    let made: Vec<_> = done.iter().filter_map(|change| of(change, true)).gathered();
    let is_turned = |(number, table): &(Number, u32)| {
        made.iter()
            .any(|(other, now)| other == number && now != table)
    };
    let gone = done.iter().filter_map(|change| of(change, false));
    let numbers = gone.filter(is_turned).map(|(number, _)| number);
    let marks = numbers.filter_map(|number| Some(Flows::Marked(Slot::of(number)?.arrived())));
    let mut flows: Vec<Flows> = marks.gathered();
    flows.order();
    flows.dedup();
    flows
}

/// By which ENI it is for what comes in, and the table by which that goes on.
fn arrival(rule: &Rule) -> Option<(Number, u32)> {
    match numbering::owner(rule)? {
        (number, Band::Arrived) => Some((number, rule.table)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::{Family, MAIN};

    fn by(number: u32, table: u32) -> Object {
        let (dev, number) = (
            format!("eth{number}").as_str().into(),
            Number::new(number, 0),
        );
        let [_, onward] = numbering::arrived(number, &dev, table, Family::Ipv4);
        Object::Rule(onward)
    }

    fn shown(done: &[Change]) -> Vec<String> {
        contradicted(done).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn only_what_came_in_by_an_eni_with_another_way_on_is_ended() {
        let (add, remove) = (Change::Add, Change::Remove);
        let second = "conntrack -D -f ipv4 -m 0x3000000/0x7f000000; conntrack -D -f ipv6 -m 0x3000000/0x7f000000";
        let turned = [
            add(by(1, 10_001)),
            add(by(2, 10_001)),
            remove(by(2, 10_002)),
        ];
        assert_eq!(shown(&turned), [second]);
        assert_eq!(shown(&[add(by(2, MAIN)), remove(by(2, 10_002))]), [second]);
        for untouched in [
            vec![add(by(2, 10_001))],
            vec![remove(by(2, 10_002))],
            vec![add(by(1, 10_002)), remove(by(2, 10_002))],
            vec![add(by(2, 10_002)), remove(by(2, 10_002))],
        ] {
            assert_eq!(shown(&untouched), [""; 0], "{untouched:?}");
        }
    }
}
