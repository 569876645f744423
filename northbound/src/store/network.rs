//! What of a tenant's network may not change while it has instances: each of them keeps its address and its gateway for life,
//! so a subnet that changes under them would cut them off.

use controller::instance::Instance;
use controller::spec::{Subnet, TenantSpec};

use super::order::Refusal;

/// Why this spec cannot follow `before`, of which these instances live. `None` where it can, and for whoever has none.
/// `before` is `None` where it cannot be read: then only the instances' addresses can be checked.
pub(crate) fn refusal(
    before: Option<&TenantSpec>,
    instances: &[Instance],
    after: &TenantSpec,
) -> Option<Refusal> {
    if instances.is_empty() {
        return None;
    }
    let before = before.map_or(&[][..], |before| &before.network.subnets);
    let subnets = &after.network.subnets;
    let is_kept = |old: &Subnet| {
        let is_same = |new: &&Subnet| new.cidr == old.cidr && new.gateway == old.gateway;
        subnets.iter().any(|new| is_same(&new))
    };
    let has_instances = |old: &Subnet| {
        let is_inside = |instance: &Instance| old.cidr.contains(&instance.address);
        instances.iter().any(is_inside)
    };
    // Addresses are given from the first: it has to stay the first.
    let is_first_moved = before
        .first()
        .zip(subnets.first())
        .is_some_and(|(old, new)| has_instances(old) && old.cidr != new.cidr);
    let cut_off = before
        .iter()
        .find(|old| has_instances(old) && !is_kept(old))
        .or_else(|| before.first().filter(|_| is_first_moved));
    if let Some(old) = cut_off {
        return Some(Refusal::SubnetInUse {
            tenant: after.tenant.clone(),
            cidr: old.cidr,
            gateway: old.gateway,
            instances: instances.len(),
        });
    }
    let outside = |instance: &&Instance| {
        !subnets
            .iter()
            .any(|subnet| (subnet.dhcp_start..=subnet.dhcp_end).contains(&instance.address))
    };
    let instance = instances.iter().find(outside)?;
    Some(Refusal::RangeInUse {
        tenant: after.tenant.clone(),
        instance: instance.id,
        address: instance.address,
    })
}
