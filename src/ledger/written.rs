//! An ENI's entry as it stands in the file. Addresses, routes and rules are short there, because there may be thousands;
//! objects of any other kind are as they are.

use std::collections::BTreeSet;
use std::net::IpAddr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::Entry;
use super::rules::Rules;
use super::settings::Settings;
use crate::gather::Gather;
use crate::net::{Address, Dev, MAIN, Route, RouteKind, prefix};
use crate::numbering::Number;
use crate::object::Object;

/// The entry in the file.
#[derive(Serialize, Deserialize)]
pub(super) struct Written {
    id: String,
    dev: String,
    /// The ENI's number.
    #[serde(with = "table")]
    table: Option<Number>,
    #[serde(default, skip_serializing_if = "is_false")]
    gone: bool,
    #[serde(
        default,
        alias = "no_router_advertisements",
        skip_serializing_if = "Settings::is_empty"
    )]
    settings: Settings,
    link_up: bool,
    #[serde(serialize_with = "prefix::all")]
    addresses: BTreeSet<IpNet>,
    #[serde(alias = "main_routes")]
    routes: BTreeSet<MadeRoute>,
    #[serde(default)]
    rules: Rules,
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    others: BTreeSet<Object>,
}

impl From<Entry> for Written {
    fn from(entry: Entry) -> Self {
        let objects = || entry.objects.iter();
        let addresses = objects().filter_map(Object::address);
        let routes = objects().filter_map(Object::route);
        let others = objects().filter(|object| !is_short(object));
        Self {
            link_up: objects().any(is_link_up),
            addresses: addresses.map(|address| address.net).into_set(),
            routes: routes.map(MadeRoute::from).into_set(),
            rules: objects().filter_map(Object::rule).collect(),
            others: others.cloned().into_set(),
            id: entry.id,
            dev: entry.dev,
            table: entry.number,
            gone: entry.gone,
            settings: entry.settings,
        }
    }
}

fn is_link_up(object: &Object) -> bool {
    matches!(object, Object::LinkUp(_))
}

/// It has a short form in the file.
fn is_short(object: &Object) -> bool {
    is_link_up(object)
        || object.address().is_some()
        || object.route().is_some()
        || object.rule().is_some()
}

impl From<Written> for Entry {
    fn from(written: Written) -> Self {
        Self {
            objects: written.objects(),
            id: written.id,
            dev: written.dev,
            number: written.table,
            gone: written.gone,
            settings: written.settings,
        }
    }
}

impl Written {
    /// All of them, on an interface without a name.
    fn objects(&self) -> BTreeSet<Object> {
        let dev = Dev::default();
        let address = |net: &IpNet| {
            let (dev, net) = (dev.clone(), *net);
            Object::Address(Address { dev, net })
        };
        let route = |route: &MadeRoute| Object::from(route.on(&dev));
        let others = self.others.iter().cloned();
        let link = self.link_up.then(|| Object::LinkUp(dev.clone()));
        let others = others.chain(link);
        let objects = others.chain(self.addresses.iter().map(address));
        let objects = objects.chain(self.routes.iter().map(route));
        let rules = self.rules.iter().cloned().map(Object::Rule);
        objects.chain(rules).into_dense_set()
    }
}

/// A route of ours on the ENI's interface, or a throw route.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct MadeRoute {
    #[serde(default = "main", skip_serializing_if = "is_main")]
    table: u32,
    #[serde(default, skip_serializing_if = "is_false")]
    throw: bool,
    dst: IpNet,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    via: Option<IpAddr>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    src: Option<IpAddr>,
    metric: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    mtu: Option<u32>,
}

/// An ENI's number as its table: 0 where another ENI has that now.
mod table {
    use serde::{Deserialize, Deserializer, Serializer};

    use crate::numbering::Number;

    /// 0 for none.
    pub fn serialize<S: Serializer>(number: &Option<Number>, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_u32(number.map_or(0, Number::table))
    }

    /// What no ENI's table is stands for none.
    pub fn deserialize<'a, D: Deserializer<'a>>(from: D) -> Result<Option<Number>, D::Error> {
        u32::deserialize(from).map(Number::of_table)
    }
}

fn main() -> u32 {
    MAIN
}

fn is_main(table: &u32) -> bool {
    *table == MAIN
}

fn is_false(value: &bool) -> bool {
    !value
}

impl MadeRoute {
    fn on(&self, dev: &Dev) -> Route {
        Route {
            table: self.table,
            kind: if self.throw {
                RouteKind::Throw
            } else {
                RouteKind::Unicast
            },
            dst: self.dst,
            via: self.via,
            dev: (!self.throw).then(|| dev.clone()),
            next_hops: Vec::new(),
            object: Default::default(),
            src: self.src,
            metric: self.metric,
            mtu: self.mtu,
        }
    }
}

impl From<&Route> for MadeRoute {
    fn from(route: &Route) -> Self {
        let throw = route.kind == RouteKind::Throw;
        Self {
            table: route.table,
            throw,
            dst: route.dst,
            via: route.via,
            src: route.src,
            metric: route.metric,
            mtu: route.mtu,
        }
    }
}
