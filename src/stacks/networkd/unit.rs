//! The text of systemd-networkd's .network files and of their drop-ins (systemd.network(5)), and where those lie.
//! Shared by both backends that end in systemd-networkd. Pure.

use std::path::Path;

use crate::files::File;
use crate::gather::Gather;
use crate::net::{Address, Route, RouteKind, Rule, short};
use crate::plan::Planned;
use crate::stacks::marker;
use crate::stacks::networkd::hold;
use crate::stacks::rendering::Rendering;

/// Where units of ours lie, and drop-ins for those of others.
pub const FOLDER: &str = "/etc/systemd/network";

/// A whole .network file of ours.
pub fn file(planned: &Planned, unit: &str, text: &str) -> File {
    File::readable(Path::new(FOLDER).join(unit), marker::marker(planned) + text)
}

/// Adds this part of an ENI to `unit`, whatever that says already; no file when there is nothing to add. A drop-in does nothing without its unit, so
/// it cannot take an interface over when its owner's file goes.
pub fn add_to(part: &Planned, unit: &str, rendering: &mut Rendering) {
    let text = additions(part);
    let path = Path::new(FOLDER).join(format!("{unit}.d/60-eniroute-{}.conf", part.dev));
    if !text.is_empty() {
        rendering.add(File::readable(path, marker::marker(part) + &text), part);
    }
}

/// The unit that a file in one of networkd's folders is, or adds to; `None` for any other file.
pub fn unit_of_path(path: &Path) -> Option<&str> {
    let inner = path.strip_prefix(FOLDER);
    let inner = inner.or_else(|_| path.strip_prefix(hold::FOLDER)).ok()?;
    let inner = inner.components().next()?.as_os_str().to_str()?;
    let unit = inner.strip_suffix(".d").unwrap_or(inner);
    unit.ends_with(".network").then_some(unit)
}

fn additions(part: &Planned) -> String {
    let head = if part.addresses.is_empty() {
        ""
    } else {
        "[Network]\n"
    };
    [
        head,
        &addresses(&part.addresses),
        &routes(&part.routes),
        &rules(&part.rules),
    ]
    .concat()
}

/// `Address=` lines of a `[Network]` section.
pub fn addresses(addresses: &[Address]) -> String {
    let line = |address: &Address| format!("Address={}\n", address.net);
    addresses.iter().map(line).gathered()
}

/// `[Route]` sections.
pub fn routes(routes: &[Route]) -> String {
    let section = |route| section("Route", &route_keys(route));
    routes.iter().map(section).gathered()
}

/// `[RoutingPolicyRule]` sections.
pub fn rules(rules: &[Rule]) -> String {
    let section = |rule| section("RoutingPolicyRule", &rule_keys(rule));
    rules.iter().map(section).gathered()
}

/// networkd warns of a scope on an IPv6 route, and gives one without a metric the kernel's 1024 itself.
fn route_keys(route: &Route) -> [(&'static str, Option<String>); 9] {
    let word = |is_it: bool, word: &str| is_it.then(|| word.to_owned());
    let number = |number: Option<u32>| number.map(|number| number.to_string());
    let dst = Some(route.dst).filter(|dst| dst.prefix_len() > 0 || route.via.is_none());
    [
        ("Destination", dst.map(|dst| dst.to_string())),
        ("Gateway", route.via.map(|via| via.to_string())),
        ("GatewayOnLink", word(route.via.is_some(), "yes")),
        ("Scope", word(route.is_in_scope_link(), "link")),
        ("Type", word(route.kind == RouteKind::Throw, "throw")),
        ("PreferredSource", route.src.map(|src| src.to_string())),
        ("Table", number(route.own_table())),
        ("Metric", number(route.own_metric())),
        ("MTUBytes", number(route.mtu)),
    ]
}

fn rule_keys(rule: &Rule) -> [(&'static str, Option<String>); 6] {
    [
        ("From", Some(from(rule))),
        (
            "FirewallMark",
            rule.extra().mark.map(|mark| mark.to_string()),
        ),
        (
            "IncomingInterface",
            rule.extra().iif.as_deref().map(str::to_owned),
        ),
        ("Table", Some(rule.table.to_string())),
        ("Priority", Some(rule.priority.to_string())),
        (
            "SuppressPrefixLength",
            rule.suppress_prefixlength.map(|length| length.to_string()),
        ),
    ]
}

fn section(name: &str, keys: &[(&str, Option<String>)]) -> String {
    let lines = keys
        .iter()
        .filter_map(|(key, value)| Some(format!("{key}={}\n", value.as_ref()?)));
    format!("[{name}]\n{}", lines.gathered::<String>())
}

/// netplan and networkd want a `from`: everything is the prefix of length 0. A host stands without its length.
pub fn from(rule: &Rule) -> String {
    short(rule.from.unwrap_or_else(|| rule.family.everything()))
}
