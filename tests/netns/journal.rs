//! What a run tells in the journal: the real journald keeps it, and journalctl finds each finding by its code and its ENI.

use serde_json::Value;

use crate::instance::Instance;
use crate::vpc::{Background, Vpc, wait_for};

/// A host with a journal of its own.
struct Journal {
    _vpc: Vpc,
    instance: Instance,
    _journald: Background,
}

impl Journal {
    fn new() -> Self {
        let (vpc, instance) = Instance::of_two_enis();
        instance.host.sh("mkdir -p /run/systemd /run/log\n\
             for folder in /run/systemd /run/log /var/log; do mount -t tmpfs none $folder; done\n\
             mkdir -p /run/systemd/journal /run/log/journal\n\
             mount -t cgroup2 none /sys/fs/cgroup");
        let journald = instance.host.command("/lib/systemd/systemd-journald");
        let journald = journald.background();
        wait_for("journald", || {
            let there = instance
                .host
                .command("test")
                .args(["-S", "/run/systemd/journal/stdout"]);
            there.output().status.success()
        });
        Self {
            _vpc: vpc,
            instance,
            _journald: journald,
        }
    }

    /// `eniroute ARGUMENTS` as a unit runs it: all that it says goes to the journal, and systemd says so in its environment.
    fn eniroute(&self, arguments: &str) {
        let unit = format!(
            "systemd-cat -t eniroute sh -c \
             'JOURNAL_STREAM=$(stat -L -c %d:%i /proc/$$/fd/1) exec {} --root {} {arguments}'",
            env!("CARGO_BIN_EXE_eniroute"),
            self.instance.root().display()
        );
        self.instance.host.sh(&unit);
    }

    /// Entries that `journalctl MATCH` finds.
    fn entries(&self, matching: &str) -> Vec<Value> {
        let find = format!(
            "journalctl --sync 2>/dev/null || true; \
             journalctl -D \"$(dirname \"$(find /run/log -name '*.journal' | head -n 1)\")\" -o json -q {matching} || true"
        );
        let text = self.instance.host.sh(&find);
        let lines = text.lines();
        lines
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }
}

#[test]
fn a_finding_is_one_entry_of_the_journal_that_its_code_and_its_eni_find() {
    let journal = Journal::new();
    journal.eniroute("apply");
    journal
        .instance
        .host
        .ip("rule add from 10.0.0.20 lookup main");
    journal.eniroute("apply");
    wait_for("the entry", || {
        !journal.entries("ENIROUTE_CODE=R1").is_empty()
    });
    let found = journal.entries("ENIROUTE_CODE=R1");
    assert_eq!(found.len(), 1, "{found:#?}");
    let entry = &found[0];
    assert_eq!(entry["SYSLOG_IDENTIFIER"], "eniroute");
    assert_eq!(entry["PRIORITY"], "3");
    assert_eq!(entry["ENIROUTE_INTERFACE"], "eth1");
    let message = entry["MESSAGE"].as_str().unwrap();
    assert!(message.contains("10.0.0.20"), "{message}");
    let eni = entry["ENIROUTE_ENI"].as_str().unwrap();
    let of_eni = journal.entries(&format!("ENIROUTE_ENI={eni}"));
    let codes: Vec<&Value> = of_eni.iter().map(|entry| &entry["ENIROUTE_CODE"]).collect();
    assert_eq!(codes, ["R1", "R3"]);
    // It is no second line there; what is no finding is a line as before.
    let lines = journal.entries("SYSLOG_IDENTIFIER=eniroute");
    let has = |text: &str| {
        let said = |line: &&Value| line["MESSAGE"].as_str().unwrap().contains(text);
        lines.iter().filter(said).count()
    };
    assert_eq!((has(message), has("rules set")), (1, 1), "{lines:#?}");
}
