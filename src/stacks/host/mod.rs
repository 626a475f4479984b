//! What belongs to no ENI's files and to no stack: settings of the host's and of a router's links, which systemd-sysctl and
//! `sysctl --system` set at a boot, and udev for a link that comes. Pure.

use std::path::Path;

use crate::files::File;
use crate::gather::Gather;
use crate::net::nft;
use crate::net::sysctl::{OF_HOST, Sysctl};
use crate::object::Object;
use crate::plan::Desired;
use crate::stacks::marker;
use crate::stacks::rendering::Rendering;

/// Where such files of ours lie: sysctl.d(5), and our own folder.
pub const FOLDERS: [&str; 2] = ["/etc/sysctl.d", "/var/lib/eniroute"];

/// They are read by name, from all folders, and the last one wins: behind a distribution's 99-sysctl.conf.
const SETTINGS: &str = "/etc/sysctl.d/99-zz-eniroute.conf";

/// The files that bring these settings, and the table of nftables, up at a boot; none where there is nothing to bring.
pub fn render(desired: &Desired) -> Rendering {
    let of_enis = desired.enis.iter().flat_map(|planned| &planned.settings);
    let of_enis = of_enis.cloned().map(Object::from);
    let objects = desired.host.iter().cloned().chain(of_enis);
    let settings: Vec<Object> = objects
        .filter(|object| object.sysctl().is_some())
        .gathered();
    let lines: String = settings.iter().filter_map(line).gathered();
    let tables = desired.host.iter().filter(|object| object.nft().is_some());
    let holds = settings.into_iter().chain(tables.cloned()).gathered();
    let file = || File::readable(SETTINGS, marker::host_marker() + &lines);
    Rendering {
        files: (!lines.is_empty())
            .then(file)
            .into_iter()
            .chain(table(&desired.host))
            .gathered(),
        holds,
        ..Rendering::default()
    }
}

/// The table, which eniroute-nat.service loads before the network is up.
fn table(objects: &[Object]) -> Option<File> {
    let nft = objects.iter().find_map(Object::nft)?;
    let text = marker::host_marker() + &nft.text;
    Some(File::readable(nft::PATH, text))
}

/// It is this file: no ENI's.
pub fn is_its(path: &Path) -> bool {
    path == Path::new(SETTINGS)
}

/// A key with a slash first is taken as it is: a dot in it is a dot. With a `-`, none is missed: a link comes and goes.
fn line(object: &Object) -> Option<String> {
    let Sysctl { key, value, .. } = object.sysctl()?;
    let is_always_there = OF_HOST.contains(&&*key.name);
    let mark = if is_always_there { "" } else { "-" };
    Some(format!("{mark}{key} = {value}\n"))
}
