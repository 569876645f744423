//! Any network that a valid tenant file can ask for.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use arbitrary::Arbitrary;
use controller::id::{CloudName, InstanceId};
use controller::network::{Endpoint, NetworkPlan};
use controller::spec::{HealthCheck, Listener, Probe, Protocol, Split, Subnet};
use ipnet::Ipv4Net;
use jiff::SignedDuration;
use netsetup::address::{RESERVED, site_number};

/// More tell nothing new and take time.
const ENDPOINTS: usize = 64;
const FEW: usize = 8;

/// What a network is made of.
#[derive(Debug, Clone, Arbitrary)]
pub struct Sketch {
    public_ip: u32,
    is_open: bool,
    is_equal: bool,
    listen: Vec<(u8, u16, u16)>,
    subnets: Vec<(u32, u8)>,
    clouds: Vec<u16>,
    endpoints: Vec<(u8, u32, bool)>,
}

impl Sketch {
    /// The network, as the rules of the tenant file allow it.
    pub fn plan(&self) -> NetworkPlan {
        let subnets = self.subnets();
        let clouds = self.clouds();
        NetworkPlan {
            tenant: "demo".parse().expect("a name"),
            public_ip: Ipv4Addr::from_bits(self.public_ip),
            is_open: self.is_open,
            listen: self.listeners(),
            split: if self.is_equal {
                Split::Equal
            } else {
                Split::ByInstances
            },
            endpoints: self.endpoints(&subnets[0], &clouds),
            subnets,
            sites: clouds,
            health: HealthCheck {
                probe: Probe::Tcp { port: 8080 },
                every: SignedDuration::from_secs(1),
                timeout: SignedDuration::from_secs(1),
                unhealthy_after: 3,
                healthy_after: 1,
            },
        }
    }

    fn listeners(&self) -> Vec<Listener> {
        let mut listeners: Vec<Listener> = Vec::new();
        for (protocol, port, to) in self.listen.iter().chain(&[(0, 80, 8080)]).take(FEW) {
            let listener = match protocol % 3 {
                0 => Listener {
                    protocol: Protocol::Tcp,
                    port: (*port).max(1),
                    to: (*to).max(1),
                },
                1 => Listener {
                    protocol: Protocol::Udp,
                    port: (*port).max(1),
                    to: (*to).max(1),
                },
                _ => Listener {
                    protocol: Protocol::Icmp,
                    port: 0,
                    to: 0,
                },
            };
            let mut others = listeners.iter();
            if !others.any(|o| (o.protocol, o.port) == (listener.protocol, listener.port)) {
                listeners.push(listener);
            }
        }
        listeners
    }

    fn subnets(&self) -> Vec<Subnet> {
        let mut ranges: Vec<Ipv4Net> = Vec::new();
        let home = (u32::from_be_bytes([19, 0, 0, 0]), 16);
        for (base, prefix) in self.subnets.iter().chain(&[home]).take(FEW) {
            let range = Ipv4Net::new(Ipv4Addr::from_bits(*base), 8 + prefix % 23).expect("8 to 30");
            let range = range.trunc();
            let is_apart = |other: &Ipv4Net| !other.contains(&range) && !range.contains(other);
            if is_apart(&RESERVED) && ranges.iter().all(is_apart) {
                ranges.push(range);
            }
        }
        if ranges.is_empty() {
            ranges.push("19.0.0.0/24".parse().expect("a network"));
        }
        let subnets = ranges.into_iter().zip(0..).map(|(cidr, number)| {
            let (first, last) = (cidr.network().to_bits(), cidr.broadcast().to_bits());
            Subnet {
                name: format!("n{number}").parse().expect("a name"),
                cidr,
                gateway: Ipv4Addr::from_bits(first + 1),
                dhcp_start: Ipv4Addr::from_bits(first + 2),
                dhcp_end: Ipv4Addr::from_bits(last - 1),
            }
        });
        subnets.collect()
    }

    /// In order of name, each with a number of its own: what the operator's file makes sure of.
    fn clouds(&self) -> Vec<CloudName> {
        let mut numbers = BTreeSet::new();
        let mut clouds: Vec<CloudName> = self
            .clouds
            .iter()
            .chain(&[0])
            .take(FEW)
            .map(|number| format!("c{number}").parse().expect("a name"))
            .filter(|cloud| numbers.insert(site_number(cloud)))
            .collect();
        clouds.sort();
        clouds
    }

    fn endpoints(&self, subnet: &Subnet, clouds: &[CloudName]) -> Vec<Endpoint> {
        let room = subnet.dhcp_start.to_bits()..=subnet.dhcp_end.to_bits();
        let mut ids = BTreeSet::new();
        let sketched = self.endpoints.iter().take(ENDPOINTS);
        sketched
            .filter(|(_, chance, _)| ids.insert(*chance))
            .zip(room)
            .map(|((cloud, chance, is_backend), address)| Endpoint {
                instance: InstanceId::new(1, *chance),
                cloud: clouds[usize::from(*cloud) % clouds.len()].clone(),
                address: Ipv4Addr::from_bits(address),
                mac: [2, 0, 0, 0, 0, 0],
                is_backend: *is_backend,
                is_probed: true,
            })
            .collect()
    }
}
