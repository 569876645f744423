//! What the links, addresses, routes and switches of a tenant's namespaces should be: pure, from a [`NetworkPlan`].
//!
//! ```text
//!  edge             transit                            site (one for each cloud)             instance
//! ┌────────┐  veth ┌──────────────────┐      veth     ┌─────────────────────────┐    veth   ┌───────┐
//! │ bridge ├───────┤ edge     und-1f0a├───────────────┤underlay        br-13..  ├───────────┤ eth0  │
//! │        │       │ public   tun-1f0a├═══════════════┤tunnel          gateway  │           │       │
//! └───┬────┘       │ ip /32           │ VXLAN or GRE  │                         │           └───────┘
//!     └─ clients   └──────────────────┘               └─────────────────────────┘
//! ```
//!
//! The edge is one broadcast domain of clients and transits. A client has any address and sends everything to the edge; transit
//! answers ARP for the public address alone, and sends whatever is not a tenant's straight to the edge, so that an answer
//! reaches any client, whatever its address. Transits do not hear each other there. No address of the edge is on this
//! machine's own network: there is no way out.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use controller::id::{CloudName, InstanceId, TenantName};
use controller::network::NetworkPlan;
use controller::spec::Subnet;
use ipnet::Ipv4Net;

use crate::address::{self, Pair, tunnel_key};
use crate::name::{
    CABLE, EDGE, EDGE_BRIDGE, Names, NamespaceName, TUNNEL, UNDERLAY, bridge, transit_tunnel,
    transit_underlay,
};
use crate::rules::Tunnel;

/// What a line between namespaces of one host carries.
pub(crate) const LINE_MTU: u32 = 1500;

/// What fits into the tunnel, and so what bridges and instances use.
pub(crate) fn inner_mtu(tunnel: Tunnel) -> u32 {
    LINE_MTU
        - match tunnel {
            // IP 20, GRE 4, key 4.
            Tunnel::Gre => 28,
            // IP 20, UDP 8, VXLAN 8, Ethernet 14.
            Tunnel::Vxlan => 50,
        }
}

/// A link as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LinkWish {
    pub(crate) name: String,
    pub(crate) kind: LinkKind,
    pub(crate) mtu: u32,
    pub(crate) address: Option<Ipv4Net>,
    /// Its address on the wire; `None` leaves it to the kernel.
    pub(crate) mac: Option<[u8; 6]>,
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
    /// Whether it has this namespace.
    pub(crate) fn has(&self, name: &NamespaceName) -> bool {
        self.transit.name == *name || self.sites.iter().any(|site| site.name == *name)
    }
}

/// The tenant's namespaces as they should be.
pub(crate) fn topology(names: &Names, plan: &NetworkPlan, tunnel: Tunnel) -> Topology {
    let sites = plan
        .sites
        .iter()
        .map(|cloud| site(names, plan, cloud, tunnel));
    Topology {
        transit: transit(names, plan, tunnel),
        sites: sites.collect(),
    }
}

fn host(address: Ipv4Addr) -> Ipv4Net {
    Ipv4Net::new_assert(address, 32)
}

/// Everything.
fn default_route(via: Option<Ipv4Addr>, link: &str) -> RouteWish {
    RouteWish {
        to: Ipv4Net::default(),
        via,
        link: Some(link.to_owned()),
    }
}

fn transit(names: &Names, plan: &NetworkPlan, tunnel: Tunnel) -> NamespaceWish {
    let mut links = vec![LinkWish {
        name: EDGE.to_owned(),
        kind: LinkKind::Cable {
            far: FarEnd {
                namespace: names.edge(),
                name: names.transit_port(&plan.tenant),
                port: Some(Port {
                    bridge: EDGE_BRIDGE.to_owned(),
                    is_isolated: true,
                }),
            },
        },
        mtu: LINE_MTU,
        address: Some(host(plan.public_ip)),
        mac: None,
        is_arp_proxy: false,
    }];
    for cloud in &plan.sites {
        let (under, inside) = (address::underlay(cloud), address::tunnel(cloud));
        let over = transit_underlay(cloud);
        links.push(LinkWish {
            name: over.clone(),
            kind: LinkKind::Cable {
                far: FarEnd {
                    namespace: names.site(&plan.tenant, cloud),
                    name: UNDERLAY.to_owned(),
                    port: None,
                },
            },
            mtu: LINE_MTU,
            address: Some(Ipv4Net::new_assert(under.transit, Pair::PREFIX)),
            mac: None,
            is_arp_proxy: false,
        });
        links.push(LinkWish {
            name: transit_tunnel(cloud),
            kind: LinkKind::Tunnel {
                tunnel,
                key: tunnel_key(names.tunnel_salt(&plan.tenant), cloud),
                local: under.transit,
                remote: under.site,
                over,
            },
            mtu: inner_mtu(tunnel),
            address: Some(Ipv4Net::new_assert(inside.transit, Pair::PREFIX)),
            mac: None,
            is_arp_proxy: false,
        });
    }
    // An address of the tenant that nobody has must not be looked for at the edge.
    let nobody = plan.subnets.iter().map(|subnet| RouteWish {
        to: subnet.cidr.trunc(),
        via: None,
        link: None,
    });
    let instances = plan.endpoints.iter().map(|endpoint| RouteWish {
        to: host(endpoint.address),
        via: Some(address::tunnel(&endpoint.cloud).site),
        link: Some(transit_tunnel(&endpoint.cloud)),
    });
    let mut routes: BTreeSet<_> = nobody.chain(instances).collect();
    routes.insert(default_route(None, EDGE));
    NamespaceWish {
        name: names.transit(&plan.tenant),
        links,
        routes,
        is_whole: true,
        switches: router_switches(),
    }
}

fn site(names: &Names, plan: &NetworkPlan, cloud: &CloudName, tunnel: Tunnel) -> NamespaceWish {
    let (under, inside) = (address::underlay(cloud), address::tunnel(cloud));
    let mut links = vec![
        LinkWish {
            name: UNDERLAY.to_owned(),
            kind: LinkKind::CableEnd,
            mtu: LINE_MTU,
            address: Some(Ipv4Net::new_assert(under.site, Pair::PREFIX)),
            mac: None,
            is_arp_proxy: false,
        },
        LinkWish {
            name: TUNNEL.to_owned(),
            kind: LinkKind::Tunnel {
                tunnel,
                key: tunnel_key(names.tunnel_salt(&plan.tenant), cloud),
                local: under.site,
                remote: under.transit,
                over: UNDERLAY.to_owned(),
            },
            mtu: inner_mtu(tunnel),
            address: Some(Ipv4Net::new_assert(inside.site, Pair::PREFIX)),
            mac: None,
            is_arp_proxy: false,
        },
    ];
    links.extend(
        plan.subnets
            .iter()
            .map(|subnet| site_bridge(subnet, tunnel)),
    );
    let elsewhere = plan.endpoints.iter().filter(|e| e.cloud != *cloud);
    let mut routes: BTreeSet<_> = elsewhere
        .map(|endpoint| RouteWish {
            to: host(endpoint.address),
            via: Some(inside.transit),
            link: Some(TUNNEL.to_owned()),
        })
        .collect();
    routes.insert(default_route(Some(inside.transit), TUNNEL));
    NamespaceWish {
        name: names.site(&plan.tenant, cloud),
        links,
        routes,
        is_whole: true,
        switches: router_switches(),
    }
}

fn site_bridge(subnet: &Subnet, tunnel: Tunnel) -> LinkWish {
    LinkWish {
        name: bridge(subnet),
        kind: LinkKind::Bridge,
        mtu: inner_mtu(tunnel),
        address: Some(Ipv4Net::new_assert(
            subnet.gateway,
            subnet.cidr.prefix_len(),
        )),
        mac: None,
        // So that an instance finds its neighbours in other sites, although all share one subnet.
        is_arp_proxy: true,
    }
}

/// A site of which only the bridge is needed yet: an instance may be plugged in before its tenant's plan has been applied.
pub(crate) fn bare_site(
    names: &Names,
    tenant: &TenantName,
    cloud: &CloudName,
    subnet: &Subnet,
    tunnel: Tunnel,
) -> NamespaceWish {
    NamespaceWish {
        name: names.site(tenant, cloud),
        links: vec![site_bridge(subnet, tunnel)],
        routes: BTreeSet::new(),
        is_whole: false,
        switches: router_switches(),
    }
}

/// Where clients and transits meet.
pub(crate) fn edge(names: &Names) -> NamespaceWish {
    NamespaceWish {
        name: names.edge(),
        links: vec![LinkWish {
            name: EDGE_BRIDGE.to_owned(),
            kind: LinkKind::Bridge,
            mtu: LINE_MTU,
            address: None,
            mac: None,
            is_arp_proxy: false,
        }],
        routes: BTreeSet::new(),
        is_whole: false,
        switches: host_switches(),
    }
}

/// A client of the edge: everything that it sends goes there.
pub(crate) fn client(names: &Names, address: Ipv4Addr) -> NamespaceWish {
    NamespaceWish {
        name: names.client(address),
        links: vec![LinkWish {
            name: CABLE.to_owned(),
            kind: LinkKind::Cable {
                far: FarEnd {
                    namespace: names.edge(),
                    name: names.client_port(address),
                    port: Some(Port {
                        bridge: EDGE_BRIDGE.to_owned(),
                        is_isolated: false,
                    }),
                },
            },
            mtu: LINE_MTU,
            address: Some(host(address)),
            mac: None,
            is_arp_proxy: false,
        }],
        routes: BTreeSet::from([default_route(None, CABLE)]),
        is_whole: false,
        switches: host_switches(),
    }
}

/// An instance's namespace, whose cable is plugged into its site.
pub(crate) fn instance(names: &Names, plug: &Plug, tunnel: Tunnel) -> NamespaceWish {
    let prefix = plug.subnet.cidr.prefix_len();
    NamespaceWish {
        name: names.instance(&plug.tenant, plug.instance),
        links: vec![LinkWish {
            name: CABLE.to_owned(),
            kind: LinkKind::Cable {
                far: FarEnd {
                    namespace: names.site(&plug.tenant, &plug.cloud),
                    name: names.instance_port(&plug.tenant, plug.instance),
                    port: Some(Port {
                        bridge: bridge(&plug.subnet),
                        is_isolated: false,
                    }),
                },
            },
            mtu: inner_mtu(tunnel),
            address: Some(Ipv4Net::new_assert(plug.address, prefix)),
            mac: Some(plug.mac),
            is_arp_proxy: false,
        }],
        routes: BTreeSet::from([default_route(Some(plug.subnet.gateway), CABLE)]),
        is_whole: false,
        switches: host_switches(),
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

/// A switch of the kernel, as a path below `/proc/sys/net` and its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Switch {
    pub(crate) path: String,
    pub(crate) value: &'static str,
    /// Not every kernel has it; where it is missing, what it would switch off is missing too.
    pub(crate) is_optional: bool,
}

fn switch(path: impl Into<String>, value: &'static str) -> Switch {
    Switch {
        path: path.into(),
        value,
        is_optional: false,
    }
}

fn optional(path: impl Into<String>, value: &'static str) -> Switch {
    Switch {
        is_optional: true,
        ..switch(path, value)
    }
}

/// What every namespace of ours has switched before a link of it comes up: no IPv6, which nothing here filters.
fn quiet() -> Vec<Switch> {
    vec![
        optional("ipv6/conf/all/disable_ipv6", "1"),
        optional("ipv6/conf/default/disable_ipv6", "1"),
        optional("bridge/bridge-nf-call-iptables", "0"),
    ]
}

/// The switches of transit and sites. The first one resets others, so it comes first.
fn router_switches() -> Vec<Switch> {
    let mut switches = vec![switch("ipv4/ip_forward", "1")];
    for which in ["all", "default"] {
        let conf = |key| format!("ipv4/conf/{which}/{key}");
        switches.extend([
            // A packet must come from where an answer to it would go: nobody borrows an address.
            switch(conf("rp_filter"), "1"),
            switch(conf("accept_redirects"), "0"),
            switch(conf("send_redirects"), "0"),
            switch(conf("accept_source_route"), "0"),
            switch(conf("route_localnet"), "0"),
            // Each link answers for its own addresses only: the edge never hears of the inside.
            switch(conf("arp_ignore"), "1"),
        ]);
    }
    // A closed connection needs no two minutes of memory here: a new one with the same ports is told apart by its SYN.
    switches.push(optional(
        "netfilter/nf_conntrack_tcp_timeout_time_wait",
        "10",
    ));
    switches.extend(quiet());
    switches
}

/// The switches of the edge, of instances and of clients.
fn host_switches() -> Vec<Switch> {
    let mut switches = vec![
        switch("ipv4/ip_forward", "0"),
        // A link that comes up tells its neighbours its address at once.
        switch("ipv4/conf/default/arp_notify", "1"),
        switch("ipv4/conf/all/arp_notify", "1"),
    ];
    switches.extend(quiet());
    switches
}

/// The switches of one link.
pub(crate) fn link_switches(link: &LinkWish) -> Vec<Switch> {
    if !link.is_arp_proxy {
        return Vec::new();
    }
    let name = &link.name;
    vec![
        switch(format!("ipv4/conf/{name}/proxy_arp"), "1"),
        // The kernel would wait up to 0.8 s before it answers for another.
        switch(format!("ipv4/neigh/{name}/proxy_delay"), "0"),
    ]
}
