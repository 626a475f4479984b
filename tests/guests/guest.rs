//! A [`Guest`] is an instance of the VPC as a virtual machine: a Debian that boots, is plugged and
//! unplugged, and reboots for real. Emulated, since a stock kernel may not start under nested KVM.

use std::fs;
use std::path::Path;
use std::time::Instant;

use serde_json::json;
use tempfile::TempDir;

use crate::agent::{Agent, Ran};
use crate::deadline::{Deadline, comes_true};
use crate::image::{FIRST_SLOT, Image};
use crate::qmp::Qmp;
use crate::vpc::{Background, EniId, EniSpec, Vpc};

/// In seconds, on a machine that does other things too.
const BOOT: u64 = 900;
const COMMAND: u64 = 120;

/// SMBIOS as on EC2, by which systemd-imds knows its vendor, and cloud-init its datasource.
const FIRMWARE: &str = "type=0,vendor=Amazon EC2,version=1.0";
const SMBIOS: &str = "type=1,manufacturer=Amazon EC2,product=c6in.32xlarge,\
     uuid=ec2e1916-9099-7caf-fd21-012345abcdef,serial=ec2e1916-9099-7caf-fd21-012345abcdef";

pub struct Guest {
    image: Image,
    // First, so that it goes first: the folder has its sockets.
    qemu: Background,
    folder: TempDir,
    monitor: Qmp,
    agent: Agent,
    boot_id: String,
    /// The ENIs by device number; a hole where one was unplugged.
    enis: Vec<Option<EniId>>,
}

impl Guest {
    /// Attaches the ENIs to the VPC's first instance and boots it. Returns as soon as commands can be
    /// run, which is long before the network is up: see [`Guest::wait_ready`].
    pub fn boot(vpc: &mut Vpc, image: Image, enis: impl IntoIterator<Item = EniSpec>) -> Self {
        let enis: Vec<_> = enis
            .into_iter()
            .map(|spec| Some(vpc.attach(spec.machine())))
            .collect();
        let folder = TempDir::new().expect("a folder for the guest's sockets");
        let nics = enis.iter().flatten().enumerate();
        let nics = nics.flat_map(|(n, &eni)| nic_arguments(image, vpc, n, eni));
        let arguments: Vec<_> = machine_arguments(image, folder.path())
            .into_iter()
            .chain(nics)
            .collect();
        let nice = vpc.router().command("nice").args(["-n", "10"]);
        let nice = nice.arg(emulator(image));
        let qemu = nice.args(arguments).background();
        let monitor = Qmp::connect(&folder.path().join("monitor"));
        let agent = Agent::connect(&folder.path().join("agent"), Deadline::after(COMMAND));
        let mut guest = Self {
            image,
            qemu,
            folder,
            monitor,
            agent,
            boot_id: String::new(),
            enis,
        };
        guest.await_boot();
        guest
    }

    /// The ENI with this device number.
    pub fn eni(&self, device_number: usize) -> EniId {
        self.enis[device_number].expect("an ENI that is plugged in")
    }

    /// Waits until systemd has nothing left to start, and gives its verdict: `running`, or `degraded`
    /// with the units that failed.
    pub fn wait_ready(&mut self) -> String {
        // A guest that is starved may not even be asked in time.
        let script = "while state=$(systemctl is-system-running --wait); [ \"${state:-unknown}\" = unknown ]; do sleep 1; done
            echo $state; systemctl --failed --plain --no-legend";
        let ran = self.agent.run(script, Deadline::after(BOOT));
        let ran = ran.unwrap_or_else(|e| {
            panic!(
                "the guest is not up after {BOOT} s: {e}\n{}",
                self.console()
            )
        });
        ran.output.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    /// Runs a bash script as root, whatever comes of it.
    pub fn try_run(&mut self, script: &str) -> Ran {
        let result = self.agent.run(script, Deadline::after(COMMAND));
        result.unwrap_or_else(|e| panic!("in the guest: {script}: {e}\n{}", self.console()))
    }

    /// The output of a script that must succeed.
    pub fn run(&mut self, script: &str) -> String {
        let Ran { status, output } = self.try_run(script);
        assert_eq!(status, 0, "in the guest: {script}\n{output}");
        output
    }

    /// Whether the script succeeds within so many seconds. Tries again and again.
    pub fn comes_true(&mut self, script: &str, seconds: u64) -> bool {
        comes_true(seconds, || self.try_run(script).status == 0)
    }

    /// Copies a program into the guest, root's own, mode 0755.
    pub fn push(&mut self, from: &Path, to: &str) {
        let content = fs::read(from).unwrap_or_else(|e| panic!("{}: {e}", from.display()));
        let ran = self
            .agent
            .put(&content, "0755", to, Deadline::after(COMMAND));
        let ran =
            ran.unwrap_or_else(|e| panic!("copy {} to the guest's {to}: {e}", from.display()));
        assert_eq!(
            ran.status,
            0,
            "copy {} to the guest's {to}: {}",
            from.display(),
            ran.output
        );
    }

    /// Hot-plugs an ENI. It has the next device number, and the PCI slot that goes with it.
    pub fn plug(&mut self, vpc: &mut Vpc, spec: EniSpec) -> EniId {
        let eni = vpc.attach(spec.machine());
        self.insert(vpc, self.enis.len(), eni);
        eni
    }

    /// Plugs in again what was unplugged, in the same slot.
    pub fn replug(&mut self, vpc: &mut Vpc, eni: EniId, device_number: usize) {
        vpc.reattach(eni, "");
        self.insert(vpc, device_number, eni);
    }

    fn insert(&mut self, vpc: &Vpc, n: usize, eni: EniId) {
        let (tap, mac) = (vpc.tap(eni), vpc.mac(eni));
        self.monitor.execute(
            "netdev_add",
            json!({ "type": "tap", "id": format!("cable{n}"), "ifname": tap, "script": "no", "downscript": "no" }),
        );
        let (bus, address) = place(self.image, n);
        self.monitor.execute(
            "device_add",
            json!({ "driver": "virtio-net-pci", "id": format!("nic{n}"), "netdev": format!("cable{n}"),
                    "mac": mac, "bus": bus, "addr": address, "romfile": "" }),
        );
        self.enis.resize(self.enis.len().max(n + 1), None);
        self.enis[n] = Some(eni);
    }

    /// Unplugs an ENI and detaches it from the instance.
    pub fn unplug(&mut self, vpc: &mut Vpc, eni: EniId) {
        let n = self
            .enis
            .iter()
            .position(|&e| e == Some(eni))
            .expect("an ENI of this guest");
        let (nic, cable) = (format!("nic{n}"), format!("cable{n}"));
        self.monitor.execute("device_del", json!({ "id": nic }));
        // The guest's kernel has to let go of it.
        assert!(
            self.monitor.saw("DEVICE_DELETED", &nic, COMMAND),
            "the guest does not give {nic} back"
        );
        self.monitor.execute("netdev_del", json!({ "id": cable }));
        vpc.detach(eni);
        self.enis[n] = None;
    }

    /// Reboots as an administrator would, and returns as soon as commands can be run again.
    pub fn reboot(&mut self) {
        self.agent
            .tell("systemctl --no-block reboot")
            .expect("the agent's port is open");
        self.await_boot();
    }

    /// What the guest's serial console has shown, and the emulator itself.
    pub fn console(&self) -> String {
        let serial = fs::read(self.folder.path().join("console")).unwrap_or_default();
        format!("{}{}", String::from_utf8_lossy(&serial), self.qemu.log())
    }

    fn await_boot(&mut self) {
        let begin = Instant::now();
        match self.agent.greeting(&self.boot_id, Deadline::after(BOOT)) {
            Ok(id) => self.boot_id = id,
            Err(e) => panic!(
                "no sign of life after {} s: {e}\n{}",
                begin.elapsed().as_secs(),
                self.console()
            ),
        }
    }
}

/// One NIC can be plugged into each port of an arm64 guest, which has so many.
const PORTS: usize = 4;

fn emulator(image: Image) -> &'static str {
    if image.is_arm64() {
        "qemu-system-aarch64"
    } else {
        "qemu-system-x86_64"
    }
}

/// The machine itself, and the console's name in it. arm64's tells of EC2 (SMBIOS) by its firmware.
fn machine(image: Image) -> (String, &'static str) {
    if !image.is_arm64() {
        let text = "-machine|pc|-accel|tcg,thread=multi|-cpu|qemu64,-svm";
        return (text.to_owned(), "ttyS0");
    }
    let firmware = "/usr/share/qemu-efi-aarch64/QEMU_EFI.fd";
    let mut text =
        format!("-machine|virt|-accel|tcg,thread=multi|-cpu|cortex-a72|-bios|{firmware}");
    for slot in (0..PORTS).map(|n| FIRST_SLOT + n) {
        text += &format!(
            "|-device|pcie-root-port,id=port{slot},bus=pcie.0,addr={slot:x},chassis={slot},slot={slot}"
        );
    }
    (text, "ttyAMA0")
}

/// The bus of the NIC with this number, and its place there: udev makes the same name of both.
fn place(image: Image, n: usize) -> (String, String) {
    let slot = FIRST_SLOT + n;
    if image.is_arm64() {
        (format!("port{slot}"), "0".to_owned())
    } else {
        ("pci.0".to_owned(), format!("{slot:x}"))
    }
}

fn machine_arguments(image: Image, folder: &Path) -> Vec<String> {
    let files = image.files();
    let (root, kernel, initrd) = (
        files.root.display(),
        files.kernel.display(),
        files.initrd.display(),
    );
    let folder = folder.display();
    let (machine, console) = machine(image);
    // udev would load drivers for all that an emulated CPU can do; the disk controller is never used.
    let append = format!(
        "root=/dev/vda rw console={console} quiet mitigations=off no_timer_check fsck.mode=skip \
         modprobe.blacklist=ata_piix,ata_generic,psmouse,kvm_amd {}",
        image.kernel_options()
    );
    let text = format!(
        "{machine}|-smp|2|-m|768|-nodefaults|-no-user-config|-display|none\
         |-smbios|{FIRMWARE}|-smbios|{SMBIOS}|-kernel|{kernel}|-initrd|{initrd}|-append|{append}\
         |-drive|file={root},format=raw,if=none,id=root,snapshot=on,cache=unsafe\
         |-device|virtio-blk-pci,drive=root,addr=3\
         |-device|virtio-serial-pci,addr=4|-chardev|socket,id=agent,path={folder}/agent,server=on,wait=off\
         |-device|virtserialport,chardev=agent,name=eniroute|-device|virtio-rng-pci,addr=2\
         |-serial|file:{folder}/console|-qmp|unix:{folder}/monitor,server=on,wait=off"
    );
    text.split('|').map(str::to_owned).collect()
}

fn nic_arguments(image: Image, vpc: &Vpc, n: usize, eni: EniId) -> [String; 4] {
    let (tap, mac) = (vpc.tap(eni), vpc.mac(eni));
    let (bus, address) = place(image, n);
    [
        "-netdev".to_owned(),
        format!("tap,id=cable{n},ifname={tap},script=no,downscript=no"),
        "-device".to_owned(),
        format!(
            "virtio-net-pci,id=nic{n},netdev=cable{n},mac={mac},bus={bus},addr={address},romfile="
        ),
    ]
}
