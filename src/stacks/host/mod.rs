//! What belongs to no ENI and to no stack: settings of the host's, which systemd-sysctl and `sysctl --system` set at a
//! boot. Pure.

use crate::files::File;
use crate::gather::Gather;
use crate::object::Object;
use crate::stacks::marker;
use crate::stacks::rendering::Rendering;

/// Where sysctl.d(5) files of ours lie.
pub const FOLDER: &str = "/etc/sysctl.d";

/// They are read by name, from all folders, and the last one wins: behind a distribution's 99-sysctl.conf.
const SETTINGS: &str = "/etc/sysctl.d/99-zz-eniroute.conf";

/// The file that brings the settings among `objects` up at a boot; none where there is nothing to bring.
pub fn render(objects: &[Object]) -> Rendering {
    let settings = objects.iter().filter(|object| object.sysctl().is_some());
    let holds = settings.cloned().into_set();
    let lines: String = objects.iter().filter_map(line).collect();
    let file = || File::readable(SETTINGS, marker::host_marker() + &lines);
    Rendering {
        files: (!lines.is_empty()).then(file).into_iter().collect(),
        holds,
        ..Rendering::default()
    }
}

/// A key with a slash first is taken as it is: a dot in it is a dot.
fn line(object: &Object) -> Option<String> {
    object
        .sysctl()
        .map(|sysctl| format!("{} = {}\n", sysctl.key, sysctl.value))
}
