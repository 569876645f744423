//! What a tick would do with a spec that is not in force yet. It looks at the world and touches nothing (I23): it has no
//! executor to touch it with.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};

use crate::decision::Decision;
use crate::difference::differences;
use crate::history::History;
use crate::id::{CloudName, Generation, InstanceId};
use crate::instance::Instance;
use crate::observe::look;
use crate::pace::Pace;
use crate::place::{count, outdated};
use crate::plan::{Plan, Situation, by_cloud, plan, survey};
use crate::ports::Ports;
use crate::ports::{Orders, TenantState, Wish};
use crate::spec::TenantSpec;
use crate::time::Now;

/// What would be done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Preview {
    /// The number, and why.
    pub decision: Decision,
    /// How many would be launched where.
    pub launches: BTreeMap<CloudName, u32>,
    /// How many would be launched where for the warm pool.
    #[serde(default)]
    pub refills: BTreeMap<CloudName, u32>,
    /// How many would come into service from the warm pool.
    #[serde(default)]
    pub promotions: u32,
    /// How many are of an older template, and would be replaced one after the other.
    #[serde(default)]
    pub replacements: u32,
    /// Who would go.
    pub removals: Vec<Removal>,
    /// Clouds that would have been preferred, and why they are not taken.
    pub passed_over: Vec<(CloudName, String)>,
    /// Clouds in which the tenant would have a site that it has not now.
    pub new_sites: BTreeSet<CloudName>,
    /// What of the spec would change, key by key, in words. Empty for a new tenant.
    pub spec_changes: Vec<String>,
    /// What a person should know.
    pub warnings: Vec<String>,
}

/// An instance that would go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Removal {
    /// Which.
    pub instance: InstanceId,
    /// Where it runs.
    pub cloud: CloudName,
    /// Its address.
    pub address: Ipv4Addr,
}

/// Looks once, and says what the next tick would do if `spec` were in force. `state` is what the store knows of the tenant.
pub async fn preview(
    ports: &Ports,
    state: Option<TenantState>,
    spec: &TenantSpec,
    now: Now,
) -> Preview {
    let before = state.as_ref().map(|state| state.wish.spec.clone());
    let (instances, mut history, orders, generation) = match state {
        Some(state) => (
            state
                .instances
                .into_iter()
                .map(|instance| (instance.id, instance))
                .collect(),
            History::rebuild(&state.journal, &spec.policy, Pace::default().tick),
            state.wish.orders,
            state.wish.generation,
        ),
        None => (
            BTreeMap::new(),
            History::new(Pace::default().tick),
            Orders::default(),
            Generation::default(),
        ),
    };
    let wish = Wish {
        spec: spec.clone(),
        generation: generation.next(),
        orders,
    };
    let observed = look(ports, &wish, &instances, now).await;
    let situation = Situation {
        wish: &wish,
        instances: &instances,
        observed: &observed,
        removed: &[],
        now,
        stale: Pace::default().stale(),
        market: &ports.market,
    };
    let survey = survey(&situation, &history);
    history.read(&spec.policy, &survey.readings, now);
    let Plan {
        decision,
        placement,
        instances: after,
        network,
        alarms,
        ..
    } = plan(
        &situation,
        &survey,
        &history,
        &mut fastrand::Rng::with_seed(0),
    );

    let (refills, launches): (Vec<_>, Vec<_>) = after
        .values()
        .filter(|instance| !instances.contains_key(&instance.id))
        .partition(|instance| instance.is_pooled);
    let removals = placement
        .remove
        .iter()
        .chain(&placement.discard)
        .filter_map(|id| instances.get(id))
        .map(|instance| Removal {
            instance: instance.id,
            cloud: instance.cloud.clone(),
            address: instance.address,
        });
    let ground = situation.ground(&instances, &history);
    let is_old = |instance: &&Instance| instance.counts() && outdated(&ground, instance).is_some();
    let replacements = count(instances.values().filter(is_old));
    let old_sites: BTreeSet<CloudName> = before
        .iter()
        .flat_map(|spec| spec.clouds.iter().map(|preference| preference.name.clone()))
        .chain(instances.values().map(|instance| instance.cloud.clone()))
        .collect();
    Preview {
        launches: by_cloud(launches.into_iter()),
        refills: by_cloud(refills.into_iter()),
        promotions: count(placement.promote.iter()),
        replacements,
        removals: removals.collect(),
        passed_over: placement.passed_over,
        new_sites: network
            .sites
            .into_iter()
            .filter(|site| !old_sites.contains(site))
            .collect(),
        spec_changes: before
            .map(|before| differences(&before, spec))
            .unwrap_or_default(),
        warnings: alarms,
        decision,
    }
}
