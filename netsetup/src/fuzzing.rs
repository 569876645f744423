//! Doors for the fuzz targets in `northbound/fuzz`: from plans to texts, and from the kernel's texts to what we take from
//! them. They are there in the fuzz targets' builds only, and touch no kernel.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use controller::id::{CloudName, InstanceId};
use controller::network::NetworkPlan;

use crate::rules::{RuleSet, Tunnel, batch, deny_site, deny_transit, parse, site, transit};
use crate::{conntrack, probe};

/// What of a tenant's network has rules.
#[derive(Debug, Clone, Copy)]
pub enum Place<'a> {
    /// Where the public address is.
    Transit,
    /// The router in this cloud.
    Site(&'a CloudName),
}

/// The text that takes a namespace with the rules that `saved` shows, as `iptables-save` writes them, to those of the plan:
/// to those before it has one, where there is none. `None` where nothing is to be done.
pub fn change(
    plan: Option<&NetworkPlan>,
    place: Place<'_>,
    is_gre: bool,
    saved: &str,
) -> Option<String> {
    let tunnel = if is_gre { Tunnel::Gre } else { Tunnel::Vxlan };
    let wanted: RuleSet = match (place, plan) {
        (Place::Transit, Some(plan)) => transit(plan, tunnel),
        (Place::Transit, None) => deny_transit(),
        (Place::Site(cloud), Some(plan)) => site(plan, cloud, tunnel),
        (Place::Site(_), None) => deny_site(),
    };
    batch(&wanted, &parse(saved))
}

/// Every instance that rules send new connections to, with its address and how many it was ever given.
pub fn instances(saved: &str) -> BTreeMap<InstanceId, (Ipv4Addr, Option<u64>)> {
    let seen = parse(saved);
    let instances = seen.instances().into_iter();
    instances
        .map(|(id, address)| (id, (address, seen.connections(id))))
        .collect()
}

/// Whether rules keep out what is not wanted.
pub fn has_guard(saved: &str) -> bool {
    parse(saved).has_guard()
}

/// The live flows of each instance, from what `conntrack -L` writes.
pub fn flows(listed: &str) -> BTreeMap<Ipv4Addr, u32> {
    conntrack::count(listed)
}

/// Whether an answer to a health check, of which this is the beginning, says that all is well.
pub fn is_well(answer: &[u8]) -> bool {
    probe::is_success(answer)
}
