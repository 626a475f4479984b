//! Commands that have commands of their own.

use std::net::Ipv4Addr;

use clap::{Args, Subcommand};

/// What to do for the clients of `[[egress]]`.
#[derive(Debug, Subcommand)]
pub enum Egress {
    /// Give no new flow this address until the next `apply` or boot, and wait for those that have it: at most --wait, and 6 says that some are left
    Drain {
        /// One of the addresses in `as`: private or public
        address: Ipv4Addr,
    },
    /// Load the nftables table of the last run, without asking anybody
    ///
    /// systemd calls it: before the network is up, and when nftables.service has emptied all tables.
    #[command(hide = true)]
    Load,
}

/// What happened to an interface.
#[derive(Debug, Subcommand)]
pub enum Hotplug {
    /// It has appeared: wait until EC2 has published its ENI (at most --wait), and configure it
    Add { interface: String },
    /// It is gone: forget every ENI whose interface is gone, whatever the metadata still says
    Remove {
        /// The interface that went, for the log: an ENI is known by its MAC, which udev no longer tells
        interface: String,
    },
    /// Some interface has changed: repair what went down and up. Standard input is a netlink socket (RTNLGRP_LINK)
    Change,
}

/// A maintainer script, and what it was called with.
#[derive(Debug, Args)]
pub struct Package {
    /// Which script: the .deb's postinst, prerm or postrm; the .rpm's post or preun
    #[arg(value_parser = ["postinst", "prerm", "postrm", "post", "preun"], hide_possible_values = true)]
    pub script: String,
    /// What dpkg or rpm called it with
    pub words: Vec<String>,
}
