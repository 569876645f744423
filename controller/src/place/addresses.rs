//! Slots and addresses: the lowest free one goes first, so that a replacement takes the place of the one it replaces (S2-04).

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use ipnet::Ipv4Net;

use super::Ground;
use crate::id::CloudName;
use crate::instance::{Instance, Phase};
use crate::spec::Subnet;
use crate::zone;

/// What nobody has yet.
#[derive(Debug)]
pub(super) struct Addresses<'a> {
    subnet: Option<&'a Subnet>,
    slots: BTreeSet<u32>,
    taken: BTreeSet<Ipv4Addr>,
}

impl<'a> Addresses<'a> {
    pub(super) fn of(ground: &Ground<'a>) -> Self {
        let mut addresses = Self {
            subnet: ground.spec.network.subnets.first(),
            slots: BTreeSet::new(),
            taken: BTreeSet::new(),
        };
        let is_held =
            |instance: &&Instance| !(seeded!(F12) && instance.phase == Phase::Terminating);
        for instance in ground.instances.values().filter(is_held) {
            addresses.take((instance.slot, instance.address));
        }
        addresses
    }

    pub(super) fn take(&mut self, (slot, address): (u32, Ipv4Addr)) {
        self.slots.insert(slot);
        self.taken.insert(address);
    }

    /// The lowest slot whose number and address nobody has, within a part of the subnet.
    ///
    /// # Errors
    /// In words what is full, and what to do.
    pub(super) fn free(&self, part: Option<Ipv4Net>) -> Result<(u32, Ipv4Addr), String> {
        let subnet = self.subnet.ok_or("the tenant has no subnet")?;
        let (first, last) = (u32::from(subnet.dhcp_start), u32::from(subnet.dhcp_end));
        let is_in_part = |address: Ipv4Addr| {
            part.is_none_or(|part| {
                part.contains(&address) && zone::is_free_for_instances(part, address)
            })
        };
        (first..=last)
            .map(Ipv4Addr::from)
            .filter(|address| *address != subnet.gateway)
            .zip(0..)
            .map(|(address, slot)| (slot, address))
            .filter(|(_, address)| is_in_part(*address))
            .find(|(slot, address)| !self.slots.contains(slot) && !self.taken.contains(address))
            .ok_or_else(|| {
                let within = part.map_or(String::new(), |part| format!(" within its part, {part}"));
                format!(
                    "no address is free in {} to {}{within}: enlarge the range in the tenant file",
                    subnet.dhcp_start, subnet.dhcp_end
                )
            })
    }
}

/// The part of the tenant's subnet that belongs to a zone of a cloud.
///
/// # Errors
/// In words, where the subnet is too small to be shared out.
pub(super) fn part(ground: &Ground<'_>, cloud: &CloudName, zone: &str) -> Result<Ipv4Net, String> {
    let zones = ground.market.zones(cloud);
    let index = zones.iter().position(|name| name == zone);
    let subnet = ground.spec.network.subnets.first();
    subnet
        .zip(index)
        .and_then(|(subnet, index)| zone::slice(subnet.cidr, zones.len(), index))
        .ok_or_else(|| {
            format!(
                "the tenant's subnet is too small to be shared out among {} zones",
                zones.len()
            )
        })
}
