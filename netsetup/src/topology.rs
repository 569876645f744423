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

mod switch;
mod wish;

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use controller::id::{CloudName, TenantName};
use controller::network::NetworkPlan;
use controller::spec::Subnet;
use ipnet::Ipv4Net;

use crate::address::{self, Pair, tunnel_key};
use crate::name::{
    CABLE, EDGE, EDGE_BRIDGE, HOST_PORT, Names, NamespaceName, TUNNEL, UNDERLAY, bridge,
    transit_tunnel, transit_underlay,
};
use crate::rules::Tunnel;
pub(crate) use switch::{Switch, link_switches};
use switch::{host_switches, router_switches};
pub use wish::Plug;
pub(crate) use wish::{FarEnd, LinkKind, LinkWish, NamespaceWish, Port, RouteWish, Topology};

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

/// The tenant's namespaces as they should be.
pub(crate) fn topology(names: &Names, plan: &NetworkPlan, tunnel: Tunnel) -> Topology {
    let sites = plan
        .sites
        .iter()
        .map(|cloud| with_macs(names, site(names, plan, cloud, tunnel)));
    Topology {
        transit: with_macs(names, transit(names, plan, tunnel)),
        sites: sites.collect(),
    }
}

/// Gives every link that has an address on the wire, and none yet, its own.
fn with_macs(names: &Names, mut wish: NamespaceWish) -> NamespaceWish {
    for link in &mut wish.links {
        let has_none = matches!(
            link.kind,
            LinkKind::Tunnel {
                tunnel: Tunnel::Gre,
                ..
            }
        );
        if link.mac.is_none() && !has_none {
            link.mac = Some(names.mac(&wish.name, &link.name));
        }
    }
    wish
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
        bridge: None,
        is_arp_proxy: false,
    }];
    for cloud in &plan.sites {
        links.extend(links_to_site(names, &plan.tenant, cloud, tunnel));
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

/// Transit's cable to a site, and the tunnel over it.
fn links_to_site(
    names: &Names,
    tenant: &TenantName,
    cloud: &CloudName,
    tunnel: Tunnel,
) -> [LinkWish; 2] {
    let (under, inside) = (address::underlay(cloud), address::tunnel(cloud));
    let cable = LinkWish {
        name: transit_underlay(cloud),
        kind: LinkKind::Cable {
            far: FarEnd {
                namespace: names.site(tenant, cloud),
                name: UNDERLAY.to_owned(),
                port: None,
            },
        },
        mtu: LINE_MTU,
        address: Some(Ipv4Net::new_assert(under.transit, Pair::PREFIX)),
        mac: None,
        bridge: None,
        is_arp_proxy: false,
    };
    let over_it = LinkWish {
        name: transit_tunnel(cloud),
        kind: LinkKind::Tunnel {
            tunnel,
            key: tunnel_key(names.tunnel_salt(tenant), cloud),
            local: under.transit,
            remote: under.site,
            over: cable.name.clone(),
        },
        mtu: inner_mtu(tunnel),
        address: Some(Ipv4Net::new_assert(inside.transit, Pair::PREFIX)),
        mac: None,
        bridge: None,
        is_arp_proxy: false,
    };
    [cable, over_it]
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
            bridge: None,
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
            bridge: None,
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
        bridge: None,
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
    let wish = NamespaceWish {
        name: names.site(tenant, cloud),
        links: vec![site_bridge(subnet, tunnel)],
        routes: BTreeSet::new(),
        is_whole: false,
        switches: router_switches(),
    };
    with_macs(names, wish)
}

/// What joins a site to the host's own namespace: a bridge there for what a hypervisor plugs in, and a cable from it into the
/// bridge of the subnet. The host has no address on it, and no route leads there.
pub(crate) fn host_bridge(
    names: &Names,
    tenant: &TenantName,
    cloud: &CloudName,
    subnet: &Subnet,
    tunnel: Tunnel,
) -> NamespaceWish {
    let (here, mtu) = (names.host_bridge(tenant, cloud), inner_mtu(tunnel));
    let bridge_here = LinkWish {
        name: here.clone(),
        kind: LinkKind::Bridge,
        mtu,
        address: None,
        mac: None,
        bridge: None,
        is_arp_proxy: false,
    };
    let cable = LinkWish {
        name: names.host_cable(tenant, cloud),
        kind: LinkKind::Cable {
            far: FarEnd {
                namespace: names.site(tenant, cloud),
                name: HOST_PORT.to_owned(),
                port: Some(Port {
                    bridge: bridge(subnet),
                    is_isolated: false,
                }),
            },
        },
        bridge: Some(here),
        ..bridge_here.clone()
    };
    let wish = NamespaceWish {
        name: NamespaceName::own(),
        links: vec![bridge_here, cable],
        routes: BTreeSet::new(),
        is_whole: false,
        switches: Vec::new(),
    };
    with_macs(names, wish)
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
            bridge: None,
            is_arp_proxy: false,
        }],
        routes: BTreeSet::new(),
        is_whole: false,
        switches: host_switches(),
    }
}

/// A client of the edge: everything that it sends goes there.
pub(crate) fn client(names: &Names, address: Ipv4Addr) -> NamespaceWish {
    let wish = NamespaceWish {
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
            bridge: None,
            is_arp_proxy: false,
        }],
        routes: BTreeSet::from([default_route(None, CABLE)]),
        is_whole: false,
        switches: host_switches(),
    };
    with_macs(names, wish)
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
            bridge: None,
            is_arp_proxy: false,
        }],
        routes: BTreeSet::from([default_route(Some(plug.subnet.gateway), CABLE)]),
        is_whole: false,
        switches: host_switches(),
    }
}

#[cfg(test)]
mod tests {
    use controller::id::InstanceId;
    use controller::network::Endpoint;
    use controller::spec::{HealthCheck, Probe, Split};
    use jiff::SignedDuration;

    use super::*;

    fn plan() -> NetworkPlan {
        let cloud = |name: &str| name.parse().unwrap();
        let endpoint = |number: u8, site: &str| Endpoint {
            instance: InstanceId::new(1, number.into()),
            cloud: cloud(site),
            address: Ipv4Addr::new(19, 0, 0, number),
            mac: [2, 0, 19, 0, 0, number],
            is_backend: true,
            is_probed: true,
        };
        NetworkPlan {
            tenant: "demo".parse().unwrap(),
            public_ip: Ipv4Addr::new(45, 45, 45, 45),
            is_open: true,
            listen: Vec::new(),
            split: Split::ByInstances,
            subnets: vec![Subnet {
                name: "demo_nw".parse().unwrap(),
                cidr: "19.0.0.0/24".parse().unwrap(),
                gateway: Ipv4Addr::new(19, 0, 0, 1),
                dhcp_start: Ipv4Addr::new(19, 0, 0, 2),
                dhcp_end: Ipv4Addr::new(19, 0, 0, 254),
            }],
            sites: vec![cloud("local-a"), cloud("local-b")],
            endpoints: vec![endpoint(2, "local-a"), endpoint(3, "local-b")],
            health: HealthCheck {
                probe: Probe::Tcp { port: 80 },
                every: SignedDuration::from_secs(1),
                timeout: SignedDuration::from_secs(1),
                unhealthy_after: 3,
                healthy_after: 1,
            },
        }
    }

    #[test]
    fn a_site_finds_the_instances_of_other_sites_through_its_tunnel_and_its_own_on_its_bridge() {
        let topology = topology(&Names::new("x"), &plan(), Tunnel::Vxlan);

        let routes = &topology.sites[0].routes;
        let via = |address: [u8; 4]| {
            let to = host(address.into());
            let route = routes.iter().find(|route| route.to == to)?;
            route.link.clone()
        };
        assert_eq!(via([19, 0, 0, 3]).as_deref(), Some(TUNNEL));
        assert_eq!(via([19, 0, 0, 2]), None);
    }

    #[test]
    fn everything_inside_fits_into_the_tunnel() {
        for tunnel in [Tunnel::Gre, Tunnel::Vxlan] {
            let topology = topology(&Names::new("x"), &plan(), tunnel);
            let inside = topology.sites.iter().flat_map(|site| &site.links);
            for link in inside.filter(|link| link.name != UNDERLAY) {
                assert_eq!(link.mtu, inner_mtu(tunnel), "{}", link.name);
            }
        }
        assert_eq!(inner_mtu(Tunnel::Vxlan), 1450);
        assert_eq!(inner_mtu(Tunnel::Gre), 1472);
    }

    #[test]
    fn an_address_that_nobody_has_is_not_looked_for_at_the_edge() {
        let topology = topology(&Names::new("x"), &plan(), Tunnel::Vxlan);

        let to = "19.0.0.0/24".parse().unwrap();
        let nowhere = RouteWish {
            to,
            via: None,
            link: None,
        };
        assert!(topology.transit.routes.contains(&nowhere));
    }
}
