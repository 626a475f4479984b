//! A file of somebody else's that the units may not read, as they have no power over modes (`CAP_DAC_READ_SEARCH`): it is
//! named, with what makes it readable, and costs at most files; the kernel part happens.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown};

use crate::disks::STACKS;
use crate::support::lab::Lab;
use crate::vpc::Vpc;

/// `nobody`.
const UID: u32 = 65534;

fn answers(vpc: &Vpc, what: &str) {
    let all = ["203.0.113.10", "203.0.113.20", "2001:db8:0:a::200"];
    let dead = vpc.inet().ping(&all);
    assert!(dead.is_empty(), "{what}: {dead:?}");
}

#[test]
fn a_file_of_the_owner_s_that_may_not_be_read_costs_files_and_not_the_kernel_part() {
    for (stack, files, _) in STACKS {
        let texts = files
            .iter()
            .filter(|(path, text)| path.starts_with("etc/") && !text.is_empty());
        for (path, _) in texts {
            let Lab { vpc, instance, .. } = Lab::in_one_subnet().bare();
            for (path, text) in files {
                instance.write(path, text);
            }
            let real = instance.root().join(path);
            chown(&real, Some(UID), Some(UID)).unwrap();
            fs::set_permissions(&real, Permissions::from_mode(0o600)).unwrap();
            let what = format!("{stack}: {path}");
            for command in ["apply", "refresh", "apply", "hotplug change --wait 0"] {
                let run = instance.eniroute(command);
                answers(&vpc, &format!("{what}, {command}"));
                let said = format!("{}{}", run.stdout, run.stderr);
                let is_named =
                    said.contains(&format!("/{path}")) && said.contains("readable for all");
                assert!(
                    is_named || command != "apply",
                    "{what}, {command}: {run:#?}"
                );
                assert!([0, 1].contains(&run.code), "{what}, {command}: {run:#?}");
            }
            assert!(instance.host.ip("rule").contains("lookup 10001"), "{what}");
            for command in ["status", "plan", "check"] {
                let run = instance.eniroute(command);
                assert!([0, 1, 3].contains(&run.code), "{what}, {command}: {run:#?}");
            }
            let run = instance.eniroute("remove");
            assert!([0, 1].contains(&run.code), "{what}: {run:#?}");
            assert!(
                !instance.host.ip("rule").contains("lookup 1000"),
                "{what}: {run:#?}"
            );
            assert!(vpc.inet().ping(&["203.0.113.10"]).is_empty(), "{what}");
        }
    }
}
