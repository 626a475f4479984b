//! The host, and the metadata service that answers it.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use log::info;

use crate::cli::{Common, Selected};
use crate::config::Config;
use crate::eni::Details;
use crate::error::Result;
use crate::files::Disk;
use crate::gather::Gather;
use crate::kernel::Kernel;
use crate::metadata::cache::Memory;
use crate::metadata::imds::{self, Imds};
use crate::metadata::{Also, Known, Member, Metadata, Reading, details, still_holds};
use crate::net::{self, Link, Mac};
use crate::platform::{self, Platform};
use crate::select::Selector;

/// How long what was seen of the host is good for.
const FRESH: Duration = Duration::from_secs(1);

/// Asks the metadata service, and tells what it says, if anything, with the session.
type Question<'a> = &'a (dyn Fn() -> Result<(Imds, Option<Metadata>)> + Sync);

/// The host, and the metadata service that answers it.
pub struct Host {
    pub disk: Disk,
    pub config: Config,
    pub kernel: Kernel,
    /// Where to ask.
    pub service: imds::Options,
    /// There from the first question on.
    pub imds: Option<Imds>,
    /// Firmware says so, or whoever names the metadata service: what that one refuses now, it may answer later.
    pub is_ec2: bool,
    /// This run is the boot's: DHCP clients may start after it.
    pub is_starting: bool,
    /// A person asks for this run, and is to learn of a mistake before anything is changed. All other runs do what can be
    /// done.
    pub is_strict: bool,
    /// Addresses that get no new flows, whatever earlier runs have said of that.
    pub drained: Option<BTreeSet<Ipv4Addr>>,
    /// An interface has come or gone: what is known of the clients' names is good until the next refresh, rather than packets
    /// wait for a resolver.
    pub recalls_names: bool,
    /// This run changes nothing, and tells of what would keep others from changing anything.
    pub is_judging: bool,
}

impl Host {
    /// # Errors
    /// The configuration cannot be read or understood; no netlink socket is to be had.
    pub fn open(common: &Common) -> Result<Self> {
        let (path, must_exist) = common.config_path();
        Self::with(common, Config::load(&path, must_exist)?)
    }

    /// For a run that udev or systemd starts because of an interface.
    ///
    /// # Errors
    /// As [`Host::open`].
    pub fn open_at_once(common: &Common) -> Result<Self> {
        Ok(Self {
            recalls_names: true,
            ..Self::open(common)?
        })
    }

    /// The same in spite of a mistake in the configuration, which keeps nobody from taking all back.
    ///
    /// # Errors
    /// No netlink socket is to be had.
    pub fn open_for_removal(common: &Common) -> Result<Self> {
        let (path, must_exist) = common.config_path();
        Self::with(common, Config::load(&path, must_exist).unwrap_or_default())
    }

    fn with(common: &Common, config: Config) -> Result<Self> {
        let disk = Disk::new(&common.root)?;
        Ok(Self {
            is_ec2: is_certain(common, &disk),
            disk,
            config,
            kernel: Kernel::open()?,
            service: service(common),
            imds: None,
            is_starting: false,
            is_strict: false,
            drained: None,
            recalls_names: false,
            is_judging: false,
        })
    }

    /// The metadata service. Where no route leads to it, every NIC is asked.
    ///
    /// # Errors
    /// It does not answer, or refuses; the kernel cannot be asked for the NICs.
    pub fn imds(&mut self) -> Result<&mut Imds> {
        let imds = match self.imds.take() {
            Some(imds) => imds,
            None => {
                let links = self.kernel.links()?;
                connect(&self.service, &links)?
            }
        };
        let imds = self.imds.insert(imds);
        imds.insist_for(self.service.wait);
        Ok(imds)
    }

    /// All that EC2 says now; `public`: the public addresses, too.
    ///
    /// # Errors
    /// As [`Reading::start`].
    pub fn metadata(&mut self, public: bool) -> Result<Metadata> {
        Ok(self.read(public)?.into_metadata())
    }

    /// The same as a reading that may go on.
    ///
    /// # Errors
    /// As [`Reading::start`]; the kernel cannot be asked for the NICs.
    pub fn read(&mut self, public: bool) -> Result<Reading> {
        let (present, also) = (self.present()?, self.also(public));
        Reading::of_present(self.imds()?, also, present)
    }

    fn also(&self, public: bool) -> Also {
        let ranges = public && (self.config.marks() || self.config.forwards());
        Also { public, ranges }
    }

    /// Has the service asked whether it still says what is remembered, of a host with these links; `look` looks at the host
    /// meanwhile, and once more where the answer took long. What that has seen, where the service does; else `None`.
    ///
    /// # Errors
    /// The metadata service does not answer, or refuses.
    pub fn look_while_asking<T>(
        &mut self,
        memory: &Memory,
        links: &[Link],
        look: impl Fn(&mut Self) -> T,
    ) -> Result<Option<T>> {
        let (service, present) = (self.service.clone(), macs(links));
        let enis = memory.read();
        let known = Known {
            enis: &enis,
            apart: &memory.apart,
            present: Some(&present),
        };
        let ask = || {
            let mut imds = connect(&service, links)?;
            let holds = still_holds(&mut imds, known, minute())?;
            Ok((imds, holds.then(Metadata::default)))
        };
        let (said, seen) = self.meanwhile(&ask, look)?;
        Ok(said.map(|_| seen))
    }

    /// All that EC2 says now, with the public addresses, too, if `public`; and what `look` has seen of the host meanwhile.
    ///
    /// # Errors
    /// As [`Reading::start`]; the kernel cannot be asked for the NICs.
    pub fn metadata_and<T>(
        &mut self,
        public: bool,
        look: impl Fn(&mut Self) -> T,
    ) -> Result<(Metadata, T)> {
        let links = self.kernel.links()?;
        let (service, also) = (self.service.clone(), self.also(public));
        let ask = || {
            let mut imds = connect(&service, &links)?;
            let reading = Reading::of_present(&mut imds, also, macs(&links))?;
            Ok((imds, Some(reading.into_metadata())))
        };
        let (metadata, seen) = self.meanwhile(&ask, look)?;
        Ok((metadata.unwrap_or_default(), seen))
    }

    /// What is said to `ask`, and what `look` has seen meanwhile, or has seen anew where the answer took long. Where nothing
    /// is said, nobody goes by what was seen.
    fn meanwhile<T>(
        &mut self,
        ask: Question,
        look: impl Fn(&mut Self) -> T,
    ) -> Result<(Option<Metadata>, T)> {
        let begin = Instant::now();
        let (asked, seen) = thread::scope(|scope| {
            // A bound of tasks may leave no further thread.
            let asking = thread::Builder::new().spawn_scoped(scope, ask).ok();
            let seen = look(self);
            let asked = asking.and_then(|asking| asking.join().ok());
            (asked.unwrap_or_else(ask), seen)
        });
        let (imds, said) = asked?;
        self.imds = Some(imds);
        Ok(match said.is_some() && begin.elapsed() > FRESH {
            true => {
                // Not two hosts of thousands of objects at a time.
                drop(seen);
                (said, look(self))
            }
            false => (said, seen),
        })
    }

    /// The subnet, the security groups and the like of those of these ENIs that have an interface here; nothing where the
    /// service fails.
    pub fn details(&mut self, mut enis: Vec<Member>) -> BTreeMap<Mac, Details> {
        let read = self.present().and_then(|present| {
            enis.retain(|(mac, _)| present.contains(mac));
            details(self.imds()?, &enis)
        });
        read.unwrap_or_else(|error| {
            info!("{error}; the subnets and security groups of the ENIs are not known");
            BTreeMap::new()
        })
    }

    /// The MACs of the ENIs that may have an interface here.
    ///
    /// # Errors
    /// The kernel cannot be asked for the NICs.
    pub fn present(&mut self) -> Result<BTreeSet<Mac>> {
        Ok(macs(&self.kernel.links()?))
    }

    /// Whether public addresses have to be read, because somebody has named an ENI by one, or clients leave by them.
    pub fn needs_public(&self, selected: &Selected) -> bool {
        let Config {
            exclude,
            eni,
            egress,
            ..
        } = &self.config;
        if !egress.is_empty() {
            return true;
        }
        let tables = eni.iter().map(|table| &table.selector);
        let paths = self.config.forwarding.paths.iter();
        let ends = paths.flat_map(|path| [&path.input, &path.output]);
        let mut named = exclude.iter().chain(tables).chain(ends);
        named.any(|text| Selector::new(text).is_address())
            || selected.enis.iter().any(Selector::is_address)
    }
}

fn connect(service: &imds::Options, links: &[Link]) -> Result<Imds> {
    let nics: Vec<_> = net::nics(links).map(|link| link.name.clone()).gathered();
    let mut imds = Imds::connect(service, &nics)?;
    imds.insist_for(service.wait);
    Ok(imds)
}

/// Of what may be an ENI.
fn macs(links: &[Link]) -> BTreeSet<Mac> {
    net::nics(links).filter_map(Link::eni_mac).into_set()
}

/// Differs from one refresh to the next.
fn minute() -> u64 {
    let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since_1970.unwrap_or_default().as_secs() / 60
}

/// The metadata service that is asked: a person's choice, or EC2's.
fn service(common: &Common) -> imds::Options {
    let chosen = common.imds.clone().map(|url| vec![url]);
    imds::Options {
        urls: chosen.unwrap_or_else(|| imds::DEFAULT_URLS.map(str::to_owned).to_vec()),
        wait: common.wait,
    }
}

/// This is an EC2 instance, whatever the metadata service says: by the firmware, or because somebody names a service.
pub fn is_certain(common: &Common, disk: &Disk) -> bool {
    common.imds.is_some() || platform::platform(disk) == Platform::Ec2
}
