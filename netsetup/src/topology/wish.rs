//! The words in which a topology is wished for.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use controller::id::{CloudName, InstanceId, TenantName};
use controller::spec::Subnet;
use ipnet::Ipv4Net;

use super::Switch;
use crate::name::NamespaceName;
use crate::rules::Tunnel;

/// A link as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LinkWish {
    pub(crate) name: String,
    pub(crate) kind: LinkKind,
    pub(crate) mtu: u32,
    pub(crate) address: Option<Ipv4Net>,
    /// Its address on the wire; `None` leaves it to the kernel.
    pub(crate) mac: Option<[u8; 6]>,
    /// The bridge in its own namespace that it is plugged into, if any.
    pub(crate) bridge: Option<String>,
    /// Whether it answers for addresses that are reached through another link.
    pub(crate) is_arp_proxy: bool,
}

/// What a link is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum LinkKind {
    Bridge,
    /// One end of a cable; the other end is made with it.
    Cable {
        far: FarEnd,
    },
    /// The end of a cable that is made from the other side.
    CableEnd,
    Tunnel {
        tunnel: Tunnel,
        key: u32,
        local: Ipv4Addr,
        remote: Ipv4Addr,
        /// The link that carries it.
        over: String,
    },
}

/// The other end of a cable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FarEnd {
    pub(crate) namespace: NamespaceName,
    pub(crate) name: String,
    /// The bridge that it is plugged into, if any.
    pub(crate) port: Option<Port>,
}

/// A place on a bridge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Port {
    pub(crate) bridge: String,
    /// Isolated ports do not hear each other, only those that are not isolated.
    pub(crate) is_isolated: bool,
}

/// A route as it should be.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct RouteWish {
    pub(crate) to: Ipv4Net,
    pub(crate) via: Option<Ipv4Addr>,
    /// The link; `None` drops what goes there.
    pub(crate) link: Option<String>,
}

/// A namespace as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NamespaceWish {
    pub(crate) name: NamespaceName,
    pub(crate) links: Vec<LinkWish>,
    pub(crate) routes: BTreeSet<RouteWish>,
    /// Whether links of ours that are not in the list go; what is not named by us stays in any case.
    pub(crate) is_whole: bool,
    pub(crate) switches: Vec<Switch>,
}

/// A tenant's namespaces as they should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Topology {
    pub(crate) transit: NamespaceWish,
    /// In the order of the plan's sites.
    pub(crate) sites: Vec<NamespaceWish>,
}

impl Topology {
    /// All of it, transit first.
    pub(crate) fn namespaces(&self) -> impl Iterator<Item = &NamespaceWish> {
        std::iter::once(&self.transit).chain(&self.sites)
    }

    /// Whether it has this namespace.
    pub(crate) fn has(&self, name: &NamespaceName) -> bool {
        self.namespaces().any(|wish| wish.name == *name)
    }
}

/// An instance's cable: what it takes to put an instance into its tenant's network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plug {
    /// Whose.
    pub tenant: TenantName,
    /// In which site.
    pub cloud: CloudName,
    /// Which instance.
    pub instance: InstanceId,
    /// Its address.
    pub address: Ipv4Addr,
    /// Its address on the wire.
    pub mac: [u8; 6],
    /// The subnet that the address is in.
    pub subnet: Subnet,
}
