//! Reads every ENI, and goes on reading while EC2 still publishes a part of them.

use std::collections::{BTreeMap, BTreeSet};
use std::thread;

use super::reader::{MACS, Reader, lines};
use super::{Eni, Incomplete, Metadata, Source};
use crate::error::{Error, Result};
use crate::net::Mac;

/// From so many ENIs on, a second line reads half of them: the time goes into waiting for one answer after the other.
/// No more than two: EC2 bounds both the connections to the service and the packets per second.
const CROWD: usize = 8;

/// What has been read so far.
pub struct Reading {
    primary: Mac,
    public: bool,
    /// In EC2's order.
    found: Vec<(Mac, Found)>,
    /// What the key that an ENI waits for said last.
    seen: BTreeMap<Mac, (String, Option<String>)>,
}

type Found = Result<Eni, Incomplete>;

impl Reading {
    /// Reads every ENI; `public` also reads the public addresses, which cost one request each.
    ///
    /// # Errors
    /// Only what makes the whole answer worthless: the service fails, or it has no list of ENIs. What is wrong with
    /// one ENI stands in [`Metadata::incomplete`].
    pub fn start(source: &mut impl Source, public: bool) -> Result<Self> {
        let primary = mac(&required(source, "mac")?)?;
        let macs = list(source)?;
        let mut reading = Self { primary, public, found: Vec::new(), seen: BTreeMap::new() };
        for (mac, read) in macs.iter().zip(each(source, &macs, |source, mac| reading.one(source, mac))) {
            reading.found.push((*mac, outcome(read)?));
        }
        Ok(reading)
    }

    /// Asks for the list, if one of `wanted` was not on it, and for what each incomplete ENI waits for: one request
    /// each, and the ENI's other keys once that has moved. Returns whether there is more now, or less.
    ///
    /// # Errors
    /// As [`Reading::start`].
    pub fn go_on(&mut self, source: &mut impl Source, wanted: &[Mac]) -> Result<bool> {
        let before = self.metadata();
        if wanted.iter().any(|mac| !self.found.iter().any(|(known, _)| known == mac)) {
            self.look_for_new_ones(source)?;
        }
        for Incomplete { mac, key, .. } in before.incomplete {
            let now = (key.clone(), Reader::new(source, mac).get(&key)?);
            if self.seen.get(&mac) != Some(&now) || self.is_in_conflict(mac) {
                self.seen.insert(mac, now);
                let read = outcome(self.one(source, mac))?;
                self.found.iter_mut().filter(|(known, _)| *known == mac).for_each(|(_, found)| *found = read.clone());
            }
        }
        Ok(self.metadata().enis != before.enis)
    }

    /// What is known now.
    pub fn metadata(&self) -> Metadata {
        let mut metadata = Metadata::default();
        for (_, found) in &self.found {
            match found {
                Ok(eni) => metadata.enis.push(eni.clone()),
                Err(incomplete) => metadata.incomplete.push(incomplete.clone()),
            }
        }
        reject_shared_numbers(&mut metadata);
        metadata.enis.sort_by_key(|eni| (!eni.primary, eni.number()));
        metadata
    }

    fn one(&self, source: &mut impl Source, mac: Mac) -> Result<Eni> {
        Reader::new(source, mac).eni(mac == self.primary, self.public)
    }

    fn look_for_new_ones(&mut self, source: &mut impl Source) -> Result<()> {
        let macs = list(source)?;
        self.found.retain(|(mac, _)| macs.contains(mac));
        for mac in macs {
            if !self.found.iter().any(|(known, _)| *known == mac) {
                let read = outcome(self.one(source, mac))?;
                self.found.push((mac, read));
            }
        }
        Ok(())
    }

    /// It is complete, and yet cannot be: another ENI has its number.
    fn is_in_conflict(&self, mac: Mac) -> bool {
        self.found.iter().any(|(known, found)| *known == mac && found.is_ok())
    }
}

/// Whether the service still says what it said when `known` was read, by one request, and two for each ENI; what has
/// more than two values that may change is asked in turns, so `turn` should differ from one time to the next.
///
/// # Errors
/// When the service fails.
pub fn still_holds(source: &mut impl Source, known: &[Eni], turn: u64) -> Result<bool> {
    let macs: BTreeSet<Mac> = list(source)?.into_iter().collect();
    if macs != known.iter().map(|eni| eni.mac).collect() {
        return Ok(false);
    }
    for eni in known {
        if !Reader::new(source, eni.mac).still_says(eni, turn)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// What is wrong with one ENI is no failure of the reading.
fn outcome(read: Result<Eni>) -> Result<Found> {
    match read {
        Ok(eni) => Ok(Ok(eni)),
        Err(Error::Metadata { mac, key, why }) => Ok(Err(Incomplete { mac, key, why })),
        Err(error) => Err(error),
    }
}

fn list(source: &mut impl Source) -> Result<Vec<Mac>> {
    let list = required(source, MACS)?;
    lines(&list).map(|line| mac(line.trim_end_matches('/'))).collect()
}

/// Reads each of `macs`, in their order, up to the first failure of the service; many of them by two lines at once.
fn each<S: Source>(source: &mut S, macs: &[Mac], one: impl Fn(&mut S, Mac) -> Result<Eni> + Sync) -> Vec<Result<Eni>> {
    let all = |source: &mut S, macs: &[Mac]| {
        let mut read = Vec::new();
        for mac in macs {
            read.push(one(source, *mac));
            // A service that fails for one ENI fails for the next one, too, after another long wait.
            if matches!(read.last(), Some(Err(error)) if !matches!(error, Error::Metadata { .. })) {
                break;
            }
        }
        read
    };
    let second = if macs.len() < CROWD { None } else { source.second() };
    let Some(mut second) = second else { return all(source, macs) };
    let (first_half, second_half) = macs.split_at(macs.len() / 2);
    thread::scope(|scope| {
        let other = scope.spawn(|| all(&mut second, second_half));
        let mut read = all(source, first_half);
        let failed = |_| vec![Err(Error::Failed("a thread that read metadata ended early".to_owned()))];
        read.extend(other.join().unwrap_or_else(failed));
        read
    })
}

/// Two ENIs cannot share a table. It happens while EC2 has published a device number but not yet the network
/// card; none of them is trusted then.
fn reject_shared_numbers(Metadata { enis, incomplete }: &mut Metadata) {
    let mut holders: BTreeMap<u32, usize> = BTreeMap::new();
    for eni in enis.iter() {
        *holders.entry(eni.number()).or_default() += 1;
    }
    enis.retain(|eni| {
        let alone = eni.primary || holders[&eni.number()] == 1;
        if !alone {
            let why = format!(
                "device {} on network card {} is claimed by another ENI too; EC2 is probably still publishing it",
                eni.device_number, eni.network_card
            );
            incomplete.push(Incomplete { mac: eni.mac, key: "device-number".to_owned(), why });
        }
        alone
    });
}

fn mac(text: &str) -> Result<Mac> {
    text.parse().map_err(|why| not_ec2(MACS, format!("{why}: is this EC2?")))
}

fn required(source: &mut impl Source, path: &str) -> Result<String> {
    source.get(path)?.ok_or_else(|| not_ec2(path, "404: this is not an EC2 instance in a VPC".to_owned()))
}

fn not_ec2(path: &str, why: String) -> Error {
    Error::Refused { url: format!("/latest/meta-data/{path}"), why }
}
