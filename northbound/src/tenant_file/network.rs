//! The tenant's addresses: everything that is known to be wrong with them before a packet flows.

use std::net::Ipv4Addr;

use controller::id::SubnetName;
use controller::spec::{Network, Split, Subnet};
use ipnet::Ipv4Net;

use crate::problem::Notes;
use crate::reader::scalar::Scalar;
use crate::reader::{Placed, Section};

use super::Known;

/// Ranges that no tenant may use, and whose they are.
const RESERVED: [(Ipv4Net, &str); 6] = [
    (net(0, 0, 8), "\"this network\""),
    (net(127, 0, 8), "the loopback"),
    (net(169, 254, 16), "link-local addresses"),
    (netsetup::address::RESERVED, "this service's own links"),
    (net(224, 0, 4), "multicast"),
    (net(240, 0, 4), "no use at all"),
];

/// The largest subnet, and the smallest: a gateway and one instance.
const PREFIX_LEAST: u8 = 8;
const PREFIX_MOST: u8 = 30;

const fn net(first: u8, second: u8, prefix: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(first, second, 0, 0), prefix)
}

/// A subnet as it is written, in either spelling.
#[derive(Debug)]
pub(super) struct Draft {
    pub(super) name: SubnetName,
    pub(super) cidr: Placed<Ipv4Net>,
    pub(super) gateway: Option<Placed<Ipv4Addr>>,
    pub(super) first: Option<Placed<Ipv4Addr>>,
    pub(super) last: Option<Placed<Ipv4Addr>>,
}

/// A subnet that is sound in itself, and where its range and its addresses for instances are written.
#[derive(Debug, Clone)]
pub(super) struct Checked {
    pub(super) subnet: Placed<Subnet>,
    pub(super) dhcp_place: crate::problem::Place,
}

/// The name of a subnet that has none, by its number.
pub(super) fn unnamed(number: usize) -> SubnetName {
    format!("net-{number}")
        .parse()
        .expect("a word and a small number make a name")
}

/// `network` of the long spelling.
pub(super) fn read(section: &Section<'_>, known: &Known) -> Option<(Network, Vec<Checked>)> {
    let notes = section.notes();
    let public_ip = section.read("public_ip", Scalar::address);
    let subnets = section.sections("subnets").map(|sections| {
        sections
            .iter()
            .zip(1..)
            .map(|(section, number)| read_subnet(section, number, known))
            .collect::<Vec<_>>()
    });
    let split = section.word("split").map(|word| word.value);
    let complete = subnets
        .as_ref()
        .is_some_and(|all| all.iter().all(Option::is_some));
    let subnets: Vec<Checked> = subnets.into_iter().flatten().flatten().collect();
    refuse_twins(&subnets, notes);
    let public_ip = check_public_ip(public_ip, &subnets, known, notes)?;
    let network = Network {
        public_ip,
        subnets: subnets
            .iter()
            .map(|checked| checked.subnet.value.clone())
            .collect(),
        split: match split {
            Some("equal") => Split::Equal,
            _ => Split::ByInstances,
        },
    };
    complete.then_some((network, subnets))
}

fn read_subnet(section: &Section<'_>, number: usize, known: &Known) -> Option<Checked> {
    let name = section.name("name");
    let cidr = section.read("cidr", Scalar::network);
    let gateway = section.read("gateway", Scalar::address);
    let dhcp = section.read("dhcp", Scalar::address_range);
    let is_broken = (section.has("name") && name.is_none())
        || (section.has("gateway") && gateway.is_none())
        || (section.has("dhcp") && dhcp.is_none());
    let end = |pick: fn((Ipv4Addr, Ipv4Addr)) -> Ipv4Addr| {
        dhcp.map(|Placed { value, place }| Placed {
            value: pick(value),
            place,
        })
    };
    let draft = Draft {
        name: name.map_or_else(|| unnamed(number), |name| name.value),
        cidr: cidr?,
        gateway,
        first: end(|(first, _)| first),
        last: end(|(_, last)| last),
    };
    check(draft, known, section.notes()).filter(|_| !is_broken)
}

/// Fills in what was left out, and refuses what contradicts itself.
pub(super) fn check(draft: Draft, known: &Known, notes: &Notes) -> Option<Checked> {
    let Draft {
        name,
        cidr,
        gateway,
        first,
        last,
    } = draft;
    let range = cidr.value;
    if !is_usable(cidr, known, notes) {
        return None;
    }
    let hosts = Hosts::of(range);
    let gateway_address = gateway.map_or(hosts.first, |gateway| gateway.value);
    let is_sound = [
        ("gateway", gateway),
        ("first address for instances", first),
        ("last address for instances", last),
    ]
    .map(|(what, given)| given.is_none_or(|given| is_inside(what, given, range, notes)))
    .iter()
    .all(|is_inside| *is_inside);
    if !is_sound {
        return None;
    }
    let beside = hosts.beside(gateway_address);
    let dhcp_start = first.map_or(beside.first, |given| given.value);
    let dhcp_end = last.map_or(beside.last.max(dhcp_start), |given| given.value);
    let dhcp_place = first.or(last).map_or(cidr.place, |given| given.place);
    if dhcp_start > dhcp_end {
        notes.error(
            last.map_or(dhcp_place, |given| given.place),
            format!(
                "the addresses for instances end at {dhcp_end}, before they begin at {dhcp_start}"
            ),
            "the first comes first: exchange them",
        );
        return None;
    }
    if (dhcp_start..=dhcp_end).contains(&gateway_address) {
        notes.error(
            dhcp_place,
            format!("the gateway, {gateway_address}, is among the addresses for instances, {dhcp_start} to {dhcp_end}"),
            format!("leave it out, for example with {} to {}", beside.first, beside.last),
        );
        return None;
    }
    let subnet = Subnet {
        name,
        cidr: range,
        gateway: gateway_address,
        dhcp_start,
        dhcp_end,
    };
    Some(Checked {
        subnet: Placed {
            value: subnet,
            place: cidr.place,
        },
        dhcp_place,
    })
}

/// Whether a tenant may have this range at all.
fn is_usable(cidr: Placed<Ipv4Net>, known: &Known, notes: &Notes) -> bool {
    let Placed {
        value: range,
        place,
    } = cidr;
    if !(PREFIX_LEAST..=PREFIX_MOST).contains(&range.prefix_len()) {
        notes.error(
            place,
            format!("a subnet of /{} cannot be used", range.prefix_len()),
            format!("take a length from /{PREFIX_LEAST} to /{PREFIX_MOST}, as in 19.0.0.0/24"),
        );
        return false;
    }
    if let Some((reserved, whose)) = taken(range, known) {
        notes.error(
            place,
            format!("{range} overlaps {reserved}, which is kept for {whose}"),
            "take another range, for example one of 10.0.0.0/8",
        );
        return false;
    }
    true
}

/// Whether somebody in this range can have this address.
fn is_inside(what: &str, given: Placed<Ipv4Addr>, range: Ipv4Net, notes: &Notes) -> bool {
    let hosts = Hosts::of(range);
    let address = given.value;
    if hosts.hold(address) {
        return true;
    }
    let wrong = if range.contains(&address) {
        format!("the {what}, {address}, is an end of {range} that no one can have")
    } else {
        format!("the {what}, {address}, is outside of {range}")
    };
    let hint = format!("take one from {} to {}", hosts.first, hosts.last);
    notes.error(given.place, wrong, hint);
    false
}

/// Subnets of one tenant must not overlap, nor share a name.
fn refuse_twins(subnets: &[Checked], notes: &Notes) {
    for (at, Checked { subnet, .. }) in subnets.iter().enumerate() {
        for Checked {
            subnet: earlier, ..
        } in &subnets[..at]
        {
            let (one, other) = (&subnet.value, &earlier.value);
            if overlap(one.cidr, other.cidr) {
                notes.error(
                    subnet.place,
                    format!(
                        "{} overlaps {}, the subnet on line {}",
                        one.cidr, other.cidr, earlier.place.line
                    ),
                    "give every subnet a range of its own",
                );
            }
            if one.name == other.name {
                notes.error(
                    subnet.place,
                    format!(
                        "a second subnet is called `{}`, after line {}",
                        one.name, earlier.place.line
                    ),
                    "give every subnet a name of its own",
                );
            }
        }
    }
}

/// The public address, if it can be one.
pub(super) fn check_public_ip(
    given: Option<Placed<Ipv4Addr>>,
    subnets: &[Checked],
    known: &Known,
    notes: &Notes,
) -> Option<Ipv4Addr> {
    let Placed {
        value: address,
        place,
    } = given?;
    if let Some((range, whose)) = taken(Ipv4Net::from(address), known) {
        notes.error(
            place,
            format!("{address} cannot be a public address: {range} is kept for {whose}"),
            "take an address that clients can reach",
        );
        return None;
    }
    for Checked { subnet, .. } in subnets {
        if subnet.value.cidr.contains(&address) {
            notes.error(
                place,
                format!(
                    "the public address {address} lies in the tenant's own subnet {} (line {})",
                    subnet.value.cidr, subnet.place.line
                ),
                "take an address outside of it: clients come from outside",
            );
            return None;
        }
    }
    let pools = &known.public_ips;
    if !pools.is_empty() && !pools.iter().any(|pool| pool.contains(&address)) {
        let names: Vec<String> = pools.iter().map(Ipv4Net::to_string).collect();
        notes.error(
            place,
            format!("the operator does not offer the public address {address}"),
            format!("take one from {}", names.join(", ")),
        );
        return None;
    }
    Some(address)
}

/// The range, kept for something else, that this one touches.
pub(crate) fn reserved(range: Ipv4Net) -> Option<(Ipv4Net, &'static str)> {
    RESERVED
        .into_iter()
        .find(|(reserved, _)| overlap(*reserved, range))
}

/// The same for a tenant, who must also keep away from the clients' addresses.
fn taken(range: Ipv4Net, known: &Known) -> Option<(Ipv4Net, &'static str)> {
    let clients = (known.clients, "clients on this machine");
    reserved(range).or_else(|| overlap(known.clients, range).then_some(clients))
}

fn overlap(one: Ipv4Net, other: Ipv4Net) -> bool {
    one.contains(&other) || other.contains(&one)
}

/// Addresses that somebody can have, without the two ends of their network.
#[derive(Debug, Clone, Copy)]
struct Hosts {
    first: Ipv4Addr,
    last: Ipv4Addr,
}

impl Hosts {
    fn of(range: Ipv4Net) -> Self {
        Self {
            first: Ipv4Addr::from_bits(range.network().to_bits() + 1),
            last: Ipv4Addr::from_bits(range.broadcast().to_bits() - 1),
        }
    }

    fn hold(self, address: Ipv4Addr) -> bool {
        (self.first..=self.last).contains(&address)
    }

    /// The larger part on one side of the gateway.
    fn beside(self, gateway: Ipv4Addr) -> Self {
        let (first, last) = (self.first.to_bits(), self.last.to_bits());
        let gateway = gateway.to_bits();
        if last - gateway >= gateway - first {
            Self {
                first: Ipv4Addr::from_bits(gateway + 1),
                last: self.last,
            }
        } else {
            Self {
                first: self.first,
                last: Ipv4Addr::from_bits(gateway - 1),
            }
        }
    }
}
