//! What belongs to no ENI and to no stack: settings of the host's, which systemd-sysctl and `sysctl --system` set at a
//! boot. Pure.

use crate::files::File;
use crate::object::Object;
use crate::stacks::marker;

/// Where sysctl.d(5) files of ours lie.
pub const FOLDER: &str = "/etc/sysctl.d";

/// They are read by name, from all folders, and the last one wins: behind a distribution's 99-sysctl.conf.
const SETTINGS: &str = "/etc/sysctl.d/99-zz-eniroute.conf";

/// The files that bring `objects` up at a boot; none where there is nothing to bring.
pub fn files(objects: &[Object]) -> Vec<File> {
    let lines: String = objects.iter().filter_map(line).collect();
    if lines.is_empty() {
        return Vec::new();
    }
    vec![File {
        path: SETTINGS.into(),
        mode: 0o644,
        text: marker::host_marker() + &lines,
    }]
}

/// A key with a slash first is taken as it is: a dot in it is a dot.
fn line(object: &Object) -> Option<String> {
    object
        .sysctl()
        .map(|sysctl| format!("{} = {}\n", sysctl.key, sysctl.value))
}
