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
        backends(instances, observed)
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
            is_probed: instance.phase == Phase::Booting || instance.phase.is_up(),
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

/// Those in service that are well; where none is, all in service; where none is, those that drain: the rules are never
/// emptied by our hand while somebody could serve (I11).
fn backends(
    instances: &BTreeMap<InstanceId, Instance>,
    observed: &Observed,
) -> BTreeSet<InstanceId> {
    let is_unwell = |id| {
        observed
            .endpoint(id)
            .is_some_and(|seen| seen.health == Health::Unhealthy)
    };
    let in_phase = |phase: Phase| {
        instances
            .values()
            .filter(move |instance| instance.phase == phase)
            .map(|instance| instance.id)
    };
    let well: BTreeSet<_> = in_phase(Phase::InService)
        .filter(|id| !is_unwell(*id))
        .collect();
    if !well.is_empty() {
        return well;
    }
    let serving: BTreeSet<_> = in_phase(Phase::InService).collect();
    if serving.is_empty() {
        in_phase(Phase::Draining)
            .filter(|id| !is_unwell(*id))
            .collect()
    } else {
        serving
    }
}
