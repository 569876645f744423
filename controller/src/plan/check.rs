//! A second opinion on a plan, by other reasoning than the planner's: from the plan's effects alone. What it objects to is
//! not carried out.

mod placement;

use std::collections::BTreeSet;

use crate::id::InstanceId;
use crate::instance::{Instance, Phase};
use crate::network::Health;
use crate::observe::Sight;
use crate::plan::{Plan, Situation};
use crate::ports::CloudState;

/// What is wrong with the plan; empty where nothing is.
pub(crate) fn check(situation: &Situation<'_>, plan: &Plan) -> Vec<String> {
    let mut objections = Vec::new();
    let mut object = |is_wrong: bool, what: &dyn Fn() -> String| {
        if is_wrong {
            objections.push(what());
        }
    };
    let spec = &situation.wish.spec;

    // I1: never more than the maximum, whoever is on the way out included; but what exists already is no reason to stop.
    let before = situation.instances.len();
    let ceiling = (spec.instances.max + spec.instances.surge) as usize;
    let after = plan.instances.len();
    object(after > ceiling && after > before && !seeded!(F25), &|| {
        format!("{after} instances would exist, at most {ceiling} may")
    });

    // I2: never fewer ready than the minimum by choice.
    let is_ready = |instance: &Instance| is_ready(situation, instance);
    let chosen: Vec<&Instance> = plan
        .changes
        .iter()
        .filter(|change| change.step.is_some())
        .map(|change| &change.instance)
        .filter(|instance| {
            instance
                .drain
                .as_ref()
                .is_some_and(|drain| drain.cause.is_choice())
        })
        .filter(|instance| situation.instances.get(&instance.id).is_some_and(is_ready))
        .collect();
    let ready = situation
        .instances
        .values()
        .filter(|instance| is_ready(instance))
        .count();
    let floor = ready.min(spec.instances.min as usize);
    let is_unsafe = !chosen.is_empty() && ready - chosen.len() < floor;
    object(is_unsafe && !seeded!(F16a | F16b | F16d), &|| {
        format!(
            "{} of {ready} ready instances would be removed, {floor} must stay",
            chosen.len()
        )
    });
    object(
        !chosen.is_empty() && situation.wish.orders.is_paused && !seeded!(F16c),
        &|| "an instance would be removed while paused".to_owned(),
    );

    // Two instances with one address would answer for each other.
    let addresses: BTreeSet<_> = plan
        .instances
        .values()
        .map(|instance| instance.address)
        .collect();
    object(addresses.len() != after && !seeded!(F12), &|| {
        "two instances would have one address".to_owned()
    });

    let backends = backends(plan);
    for id in &plan.terminations {
        object(backends.contains(id), &|| {
            format!("{id} would be removed while it is reached")
        });
        object(
            plan.instances
                .get(id)
                .is_none_or(|instance| instance.provider.is_none()),
            &|| format!("{id} would be removed without its cloud's name for it"),
        );
    }
    objections.extend(of_rules(situation, plan, &backends));
    objections.extend(of_pool(situation, plan));
    objections.extend(placement::objections(situation, plan));
    objections
}

/// It serves, and nothing tells that it is not well.
fn is_ready(situation: &Situation<'_>, instance: &Instance) -> bool {
    let observed = situation.observed;
    let health = observed.endpoint(instance.id).map(|seen| seen.health);
    let has_stopped = matches!(
        observed.sight(instance),
        Sight::Seen(seen) if seen.state == CloudState::Stopped
    );
    instance.phase == Phase::InService && health != Some(Health::Unhealthy) && !has_stopped
}

fn backends(plan: &Plan) -> BTreeSet<InstanceId> {
    let endpoints = plan.network.endpoints.iter();
    endpoints
        .filter(|endpoint| endpoint.is_backend)
        .map(|endpoint| endpoint.instance)
        .collect()
}

/// What is wrong with where the rules would lead.
fn of_rules(
    situation: &Situation<'_>,
    plan: &Plan,
    backends: &BTreeSet<InstanceId>,
) -> Vec<String> {
    let mut objections = Vec::new();
    let instances = || plan.instances.values();
    // I11: somebody is reached while anybody serves.
    let serves = instances().any(|instance| instance.phase == Phase::InService);
    if serves && backends.is_empty() {
        objections.push("no instance would be reached although some serve".to_owned());
    }
    // I10, I2: whoever leaves is reached only while fewer than the minimum are ready.
    let min = situation.wish.spec.instances.min.max(1) as usize;
    let ready = instances().filter(|instance| is_ready(situation, instance));
    let is_short = ready.count() < min;
    let is_out_of_place = |instance: &Instance| match instance.phase {
        Phase::InService => false,
        Phase::Draining => !is_short,
        _ => true,
    };
    let mut reached = instances().filter(|instance| backends.contains(&instance.id));
    if reached.any(is_out_of_place) {
        objections.push("an instance that does not serve would be reached".to_owned());
    }
    objections
}

/// What is wrong with what the plan does with the warm pool.
fn of_pool(situation: &Situation<'_>, plan: &Plan) -> Vec<String> {
    let max = situation.wish.spec.instances.max as usize;
    let pooled = plan.instances.values().filter(|after| after.is_pooled);
    let (old, new): (Vec<_>, Vec<_>) =
        pooled.partition(|after| situation.instances.contains_key(&after.id));
    let mut objections = Vec::new();
    // I1: surge is for replacements.
    if !new.is_empty() && plan.instances.len() > max {
        objections.push(format!(
            "{} instances would exist for the sake of the warm pool, at most {max} may",
            plan.instances.len()
        ));
    }
    let is_reached = |instance: &&&Instance| {
        let mut endpoints = plan.network.endpoints.iter();
        endpoints.any(|endpoint| endpoint.instance == instance.id && endpoint.is_backend)
    };
    for instance in old.iter().filter(is_reached) {
        objections.push(format!("{} of the warm pool would be reached", instance.id));
    }
    let is_drawn = plan.changes.iter().any(|change| {
        let before = situation.instances.get(&change.instance.id);
        !change.instance.is_pooled && before.is_some_and(|before| before.is_pooled)
    });
    if is_drawn && situation.wish.orders.is_paused {
        objections.push("the warm pool would be drawn from while paused".to_owned());
    }
    objections
}
