//! What a tenant's VPC should be. Pure.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use controller::ports::CloudErrorKind;
use controller::spec::Protocol;
use controller::zone;
use ipnet::Ipv4Net;
use southbound::site::{SiteWish, TunnelTransport};

use crate::error::Trouble;

/// Which part of a site something is; the value of its tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// The VPC, and its way to the internet.
    Site,
    /// The gateway, its subnet, interface, address and security group.
    Gateway,
    /// A zone's subnet.
    Zone,
    /// The instances' security group.
    Instances,
    /// The route table of the gateway's subnet.
    Outside,
    /// The route table of the zones' subnets.
    Inside,
}

impl Role {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Site => "site",
            Self::Gateway => "gateway",
            Self::Zone => "zone",
            Self::Instances => "instances",
            Self::Outside => "outside",
            Self::Inside => "inside",
        }
    }
}

/// Who may send what: a rule of a security group. In EC2's words: protocols by name or number, `-1` for all; ports from and to,
/// `-1` where there are none.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Rule {
    pub(super) protocol: String,
    pub(super) from: i32,
    pub(super) to: i32,
    pub(super) source: String,
}

/// A tenant's VPC as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Layout {
    /// The tenant's range.
    pub(super) range: Ipv4Net,
    /// A range for the gateway alone: its subnet needs another default route than the instances have.
    pub(super) gateway_range: Ipv4Net,
    /// The first address there that EC2 leaves to us.
    pub(super) gateway_address: Ipv4Addr,
    /// The gateway's zone.
    pub(super) gateway_zone: String,
    /// Each zone's part of the tenant's range.
    pub(super) zones: Vec<(String, Ipv4Net)>,
    pub(super) gateway_rules: BTreeSet<Rule>,
    pub(super) instance_rules: BTreeSet<Rule>,
}

/// What carriers have for themselves, and EC2 lets anybody add to any VPC. The second one where the tenant has the first.
const GATEWAY_RANGES: [[u8; 4]; 2] = [[100, 64, 0, 0], [100, 127, 255, 0]];
/// The smallest subnet.
const GATEWAY_PREFIX: u8 = 28;
/// EC2 has the four addresses before it.
const GATEWAY_HOST: u8 = 4;
/// The largest VPC.
const VPC_PREFIX_MIN: u8 = 16;
/// A tunnel's protocol number.
const GRE: &str = "47";

impl Layout {
    pub(super) fn of(wish: &SiteWish, names: &[String]) -> Result<Self, Trouble> {
        let range = wish.subnet.cidr.trunc();
        let rejected = |detail: String| Trouble::new(CloudErrorKind::Rejected, detail);
        let slices = names
            .iter()
            .enumerate()
            .map(|(index, name)| Some((name.clone(), zone::slice(range, names.len(), index)?)));
        let zones: Option<Vec<_>> = slices.collect();
        let Some(zones) = zones.filter(|_| range.prefix_len() >= VPC_PREFIX_MIN) else {
            return Err(rejected(format!(
                "{range} cannot be shared out among {} zones; hint: a VPC has /16 to /28, and each zone a /28 at least",
                names.len()
            )));
        };
        let [a, b, c, d] = if overlap(range, GATEWAY_RANGES[0]) {
            GATEWAY_RANGES[1]
        } else {
            GATEWAY_RANGES[0]
        };
        let gateway_range = Ipv4Net::new(Ipv4Addr::new(a, b, c, d), GATEWAY_PREFIX)
            .expect("a constant prefix is valid");
        Ok(Self {
            range,
            gateway_range,
            gateway_address: Ipv4Addr::new(a, b, c, d + GATEWAY_HOST),
            gateway_zone: names.first().cloned().unwrap_or_default(),
            zones,
            gateway_rules: gateway_rules(wish, range),
            instance_rules: instance_rules(wish),
        })
    }
}

fn overlap(range: Ipv4Net, [a, b, c, d]: [u8; 4]) -> bool {
    range.contains(&Ipv4Addr::new(a, b, c, d))
}

fn rule(protocol: &str, from: i32, to: i32, source: String) -> Rule {
    let protocol = protocol.to_owned();
    Rule {
        protocol,
        from,
        to,
        source,
    }
}

/// The tunnel from the transit, and nothing else from outside; everything from the instances, whose way out it is.
fn gateway_rules(wish: &SiteWish, range: Ipv4Net) -> BTreeSet<Rule> {
    let transit = format!("{}/32", wish.transit);
    let tunnel = match wish.tunnel {
        TunnelTransport::Gre => rule(GRE, -1, -1, transit),
        TunnelTransport::Udp(port) => rule("udp", port.into(), port.into(), transit),
    };
    [tunnel, rule("-1", -1, -1, range.to_string())].into()
}

/// The ports of the service, from anywhere: clients keep their addresses on the way through the gateway, which is the only way
/// in, since no instance has an address of its own outside.
fn instance_rules(wish: &SiteWish) -> BTreeSet<Rule> {
    let anywhere = || "0.0.0.0/0".to_owned();
    let ports = wish.listen.iter().map(|listener| {
        let port = i32::from(listener.to);
        match listener.protocol {
            Protocol::Tcp => rule("tcp", port, port, anywhere()),
            Protocol::Udp => rule("udp", port, port, anywhere()),
            Protocol::Icmp => rule("icmp", -1, -1, anywhere()),
        }
    });
    ports.collect()
}
