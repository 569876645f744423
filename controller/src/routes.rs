//! Which instances get new connections, and the network that this makes.

use std::collections::{BTreeMap, BTreeSet};

use crate::id::{CloudName, InstanceId};
use crate::instance::{Instance, Phase};
use crate::network::{Endpoint, Health, NetworkPlan};
use crate::observe::Observed;
use crate::ports::Wish;

/// The tenant's network for these instances.
pub fn network(
    wish: &Wish,
    instances: &BTreeMap<InstanceId, Instance>,
    observed: &Observed,
) -> NetworkPlan {
    let spec = &wish.spec;
    let is_open = !wish.orders.is_destroyed;
    let backends = if is_open {
        backends(instances, observed, spec.instances.min)
    } else {
        BTreeSet::new()
    };
    let mut endpoints: Vec<Endpoint> = instances
        .values()
        .filter(|instance| !instance.phase.is_over())
        .map(|instance| Endpoint {
            instance: instance.id,
            cloud: instance.cloud.clone(),
            address: instance.address,
            mac: instance.mac(),
            is_backend: backends.contains(&instance.id),
            // Who drains may be needed still.
            is_probed: instance.phase.is_up()
                || matches!(instance.phase, Phase::Booting | Phase::Draining),
        })
        .collect();
    endpoints.sort_by_key(|endpoint| endpoint.address);
    let sites: BTreeSet<CloudName> = spec
        .clouds
        .iter()
        .map(|preference| preference.name.clone())
        .chain(endpoints.iter().map(|endpoint| endpoint.cloud.clone()))
        .collect();
    NetworkPlan {
        tenant: spec.tenant.clone(),
        public_ip: spec.network.public_ip,
        is_open,
        listen: spec.service.listen.clone(),
        split: spec.network.split,
        subnets: spec.network.subnets.clone(),
        sites: sites.into_iter().collect(),
        endpoints,
        health: spec.service.health.clone(),
    }
}

/// Those in service that are well. While they are fewer than the minimum, those that drain by choice go on beside them (I2).
/// Where nobody is known to be well, whoever may be: the rules are never emptied by our hand while somebody could serve (I11).
fn backends(
    instances: &BTreeMap<InstanceId, Instance>,
    observed: &Observed,
    min: u32,
) -> BTreeSet<InstanceId> {
    let is_well = |instance: &&Instance| {
        let seen = observed.endpoint(instance.id);
        seen.is_none_or(|seen| seen.health != Health::Unhealthy)
    };
    let is_chosen = |instance: &&Instance| {
        let drain = instance.drain.as_ref();
        drain.is_some_and(|drain| !drain.cause.is_breakage())
    };
    let in_phase = |phase: Phase| {
        let instances = instances.values();
        instances.filter(move |instance| instance.phase == phase)
    };
    let ids = |some: &mut dyn Iterator<Item = &Instance>| some.map(|one| one.id).collect();
    let serving = || in_phase(Phase::InService);
    let draining = || in_phase(Phase::Draining);

    let mut able: BTreeSet<_> = ids(&mut serving().filter(is_well));
    if able.len() < min as usize && !seeded!(F16a | F16b | F16d) {
        able.extend(
            draining()
                .filter(is_well)
                .filter(is_chosen)
                .map(|one| one.id),
        );
    }
    let last_resorts: [&mut dyn Iterator<Item = &Instance>; 3] = [
        &mut draining().filter(is_well),
        &mut serving(),
        &mut draining(),
    ];
    for resort in last_resorts {
        if able.is_empty() {
            able = ids(resort);
        }
    }
    able
}
