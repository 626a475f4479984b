//! A host that is broken in five ways, one after the other: what the world sees, what `eniroute check` says, and how it is
//! mended.

use super::stage::{ETH1, Stage};

const OPENING: &str = "\
The same instance, configured by eniroute: both Elastic IPs answer. Now it is broken in five ways, one after the other.
Each time the world looks first, then `eniroute check`, and then it is mended as check says.";

/// What is done to the host, whether its second Elastic IP answers then, and how it is mended.
struct Fault {
    title: &'static str,
    done: &'static str,
    answers: bool,
    code: &'static str,
    mended: &'static str,
}

const FAULTS: [Fault; 5] = [
    Fault {
        title: "Somebody's rule without a priority lands before eniroute's",
        done: "ip rule add from 172.31.41.29 lookup main",
        answers: false,
        code: "R3",
        mended: "ip rule del from 172.31.41.29 lookup main",
    },
    Fault {
        title: "A route is gone from the ENI's table",
        done: "ip route del default table 10001",
        answers: false,
        code: "R4",
        mended: "eniroute apply",
    },
    Fault {
        title: "An address that EC2 does not know",
        done: "ip address add 172.31.41.99/20 dev eth1",
        answers: true,
        code: "A2",
        mended: "ip address del 172.31.41.99/20 dev eth1",
    },
    Fault {
        title: "The link is down",
        done: "ip link set eth1 down",
        answers: false,
        code: "L3",
        mended: "eniroute apply",
    },
    Fault {
        title: "The file for the next boot is gone",
        done: "rm /etc/netplan/60-eniroute-eth1.yaml",
        answers: true,
        code: "F1",
        mended: "eniroute apply",
    },
];

pub struct Broken(pub Stage);

impl Broken {
    pub fn show(mut self) -> Stage {
        self.0.screen.say(OPENING);
        self.0.eniroute("apply");
        self.both_answer();
        for fault in &FAULTS {
            self.play(fault);
        }
        self.0
    }

    fn play(&mut self, fault: &Fault) {
        self.0.screen.heading(fault.title);
        self.0.on_guest(fault.done);
        let [_, second] = self.0.ping();
        let address = ETH1[3];
        if fault.answers {
            let words = format!("{address} still answers: nobody would notice");
            self.0.screen.good(second, &words);
        } else {
            self.0.screen.bad(!second, &format!("{address} is dead"));
        }
        let said = self.0.eniroute("check --brief");
        let words = format!("check names it: {}", fault.code);
        self.0.screen.good(said.contains(fault.code), &words);
        match fault.mended.strip_prefix("eniroute ") {
            Some(command) => self.0.eniroute(command),
            None => self.0.on_guest(fault.mended),
        };
        self.both_answer();
        let said = self.0.eniroute("check --brief");
        self.0
            .screen
            .good(!said.contains(fault.code), "and it is mended");
    }

    fn both_answer(&mut self) {
        let answers = self.0.ping();
        self.0
            .screen
            .good(answers == [true, true], "both Elastic IPs answer");
    }
}
