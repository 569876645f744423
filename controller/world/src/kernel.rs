//! The network of each tenant as the kernel has it: rules, probes, flows. What was applied is read back; what others do to it
//! is read back too.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

use controller::id::{CloudName, Epoch, InstanceId};
use controller::network::{Endpoint, EndpointSeen, Health, NetworkPlan, NetworkSeen};

use crate::fault::Fault;
use crate::moment::{At, Span, span};
use crate::mood::Moods;
use crate::real::Real;
use crate::rules;
use crate::truth::{Tenant, Truth};

pub(crate) mod port;

/// One tenant's network.
#[derive(Debug, Default)]
pub(crate) struct Network {
    pub(crate) plan: Option<NetworkPlan>,
    /// Under which it was changed last.
    pub(crate) epoch: Option<Epoch>,
    /// Somebody else has flushed our rules, and since when.
    pub(crate) flushed: Option<At>,
    /// Where the rules lead.
    pub(crate) backends: Vec<InstanceId>,
    /// When the rules ceased to lead to somebody.
    pub(crate) unrouted: BTreeMap<InstanceId, At>,
    probed: BTreeMap<InstanceId, At>,
    /// Connections that clients have open, by instance.
    pub(crate) live: BTreeMap<InstanceId, u32>,
    /// Flows of addresses whose instances are gone, that nobody has forgotten yet.
    pub(crate) rows: BTreeMap<(CloudName, Ipv4Addr), u32>,
    /// Rules of others.
    pub(crate) foreign: u64,
    pub(crate) moods: Moods,
}

impl Network {
    pub(crate) fn leads_to(&self, id: InstanceId) -> bool {
        self.backends.contains(&id)
    }

    /// How long the rules have not led to an instance.
    pub(crate) fn unrouted_for(&self, id: InstanceId, now: At) -> Option<Span> {
        let since = self.unrouted.get(&id).copied();
        since.filter(|_| !self.leads_to(id)).map(|at| now - at)
    }

    pub(crate) fn flush(&mut self, now: At) {
        if self.plan.is_some() && self.flushed.is_none() {
            self.flushed = Some(now);
            let led_to = std::mem::take(&mut self.backends);
            self.unrouted.extend(led_to.into_iter().map(|id| (id, now)));
        }
    }

    fn set(&mut self, plan: &NetworkPlan, now: At) {
        let before: BTreeSet<InstanceId> = self.backends.iter().copied().collect();
        let is_meant = |endpoint: &&Endpoint| plan.is_open && endpoint.is_backend;
        let endpoints = plan.endpoints.iter();
        self.backends = endpoints
            .filter(is_meant)
            .map(|endpoint| endpoint.instance)
            .collect();
        for id in before {
            if !self.backends.contains(&id) {
                self.unrouted.insert(id, now);
            }
        }
        let probed: BTreeMap<InstanceId, At> = plan
            .endpoints
            .iter()
            .filter(|endpoint| endpoint.is_probed)
            .map(|endpoint| endpoint.instance)
            .map(|id| (id, self.probed.get(&id).copied().unwrap_or(now)))
            .collect();
        self.probed = probed;
        let known = |id: &InstanceId| plan.endpoints.iter().any(|end| end.instance == *id);
        self.unrouted.retain(|id, _| known(id));
        self.flushed = None;
        self.plan = Some(plan.clone());
    }
}

/// Makes the network as planned, unless a later owner has changed it meanwhile.
pub(crate) fn apply(
    truth: &mut Truth,
    node: usize,
    tenant: usize,
    epoch: Epoch,
    plan: &NetworkPlan,
) -> Result<(), String> {
    let now = truth.now;
    fence(truth, tenant, epoch)?;
    let network = &truth.tenants[tenant].network;
    if network.flushed.is_none() && network.plan.as_ref() == Some(plan) {
        return Ok(());
    }
    rules::routing::judge(truth, node, tenant, plan);
    let network = &mut truth.tenants[tenant].network;
    network.set(plan, now);
    let reached = u64::try_from(network.backends.len()).unwrap_or(u64::MAX);
    truth.log.count(now, "rules", tenant, reached);
    Ok(())
}

/// Refuses a lower epoch than the last, and remembers this one.
pub(crate) fn fence(truth: &mut Truth, tenant: usize, epoch: Epoch) -> Result<(), String> {
    let last = truth.tenants[tenant].network.epoch;
    if last.is_some_and(|last| epoch < last) {
        truth
            .coverage
            .row("a deposed node is refused by the kernel");
        return Err(format!("epoch {epoch} is over"));
    }
    truth.tenants[tenant].network.epoch = Some(epoch);
    Ok(())
}

/// What the network looks like.
pub(crate) fn observe(truth: &Truth, tenant: usize) -> NetworkSeen {
    let Some(plan) = &truth.tenants[tenant].network.plan else {
        return NetworkSeen::default();
    };
    let look = |endpoint: &Endpoint| {
        let network = &truth.tenants[tenant].network;
        let flows = network.live.get(&endpoint.instance).copied();
        let seen = EndpointSeen {
            health: health(truth, tenant, endpoint.instance),
            is_routed: network.leads_to(endpoint.instance),
            flows: Some(flows.unwrap_or(0)),
        };
        (endpoint.instance, seen)
    };
    NetworkSeen {
        tunnel: "vxlan".to_owned(),
        endpoints: plan.endpoints.iter().map(look).collect(),
    }
}

/// What the probes say of an instance: they need several answers, or several without one.
pub(crate) fn health(truth: &Truth, tenant: usize, id: InstanceId) -> Health {
    let now = truth.now;
    let Tenant { network, spec, .. } = &truth.tenants[tenant];
    let (Some(probed), Some(check)) = (network.probed.get(&id), spec.as_ref()) else {
        return Health::Unknown;
    };
    let check = &check.service.health;
    let enough = |count: u32| span(check.every) * u64::from(count);
    let real = truth.real(tenant, id);
    let (does_answer, since) = match real {
        Some(real) => (real.serves(now), real.since(now)),
        None => (false, *probed),
    };
    let blind = network.moods.since(Fault::ProbesBlind, now);
    let is_answered = does_answer && blind.is_none();
    let since = since.max(*probed).max(blind.unwrap_or(0));
    let lasts = now.saturating_sub(since);
    // Until there are enough of one kind, it is what it was before.
    let began = real.map_or(u64::MAX, Real::began).max(*probed);
    let was_healthy = began.saturating_add(enough(check.healthy_after)) <= since;
    if is_answered && lasts >= enough(check.healthy_after) {
        Health::Healthy
    } else if !is_answered && lasts >= enough(check.unhealthy_after) {
        Health::Unhealthy
    } else if was_healthy && !is_answered {
        Health::Healthy
    } else {
        Health::Unknown
    }
}
