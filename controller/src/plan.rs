//! What this tick does: every name chosen, nothing left to decide. Pure.

use std::collections::BTreeMap;

use jiff::SignedDuration;

use crate::decide::{Question, decide};
use crate::decision::{Decision, Readings};
use crate::history::History;
use crate::id::{CloudName, InstanceId};
use crate::instance::{Cause, Instance, Phase};
use crate::journal::Move;
use crate::market::Market;
use crate::network::NetworkPlan;
use crate::observe::Observed;
use crate::place::{self, Berth, Ground, Placement, place, pool};
use crate::ports::{Launch, Wish};
use crate::reading::{self, Warmth};
use crate::routes;
use crate::settle::{self, Change, adopt, settle};
use crate::time::Now;

mod alarms;
mod check;
mod hold;
mod pooled;

use alarms::alarms;
use check::check;
use hold::hold;

/// Everything that a plan is made from.
#[derive(Debug)]
pub struct Situation<'a> {
    /// What is wanted.
    pub wish: &'a Wish,
    /// Every instance that is not over.
    pub instances: &'a BTreeMap<InstanceId, Instance>,
    /// What was seen.
    pub observed: &'a Observed,
    /// Instances whose cloud, asked to remove them, shows them no more, and whose flows are forgotten.
    pub removed: &'a [InstanceId],
    /// When.
    pub now: Now,
    /// A reading older than this is stale.
    pub stale: SignedDuration,
    /// What there is to choose from, and what it costs.
    pub market: &'a Market,
}

impl<'a> Situation<'a> {
    /// For instances as they have become meanwhile.
    pub(crate) fn ground(
        &self,
        instances: &'a BTreeMap<InstanceId, Instance>,
        history: &'a History,
    ) -> Ground<'a> {
        Ground {
            spec: &self.wish.spec,
            instances,
            observed: self.observed,
            history,
            market: self.market,
            now: self.now,
        }
    }
}

/// What has become of the instances, and what was measured of them. The history hears it before anything is decided.
#[derive(Debug, Clone)]
pub struct Survey {
    /// What became of instances since the last tick.
    pub changes: Vec<Change>,
    /// All instances after it.
    pub instances: BTreeMap<InstanceId, Instance>,
    /// What was measured.
    pub readings: Readings,
}

/// What this tick does.
#[derive(Debug)]
pub struct Plan {
    /// How many, and why.
    pub decision: Decision,
    /// Where.
    pub placement: Placement,
    /// What became of instances, and what is to become of them: durable before anything else happens.
    pub changes: Vec<Change>,
    /// All instances after the changes.
    pub instances: BTreeMap<InstanceId, Instance>,
    /// The network that they should have.
    pub network: NetworkPlan,
    /// To ask for, new ones and those that have no answer yet.
    pub launches: Vec<Launch>,
    /// To remove, once the network is as planned.
    pub terminations: Vec<InstanceId>,
    /// What a person should know.
    pub alarms: Vec<String>,
}

/// Plans. `chance` gives the random half of new instances' ids. Where the second opinion objects, nothing is done by choice:
/// what has happened is noted, and a person is told.
pub fn plan(
    situation: &Situation<'_>,
    survey: &Survey,
    history: &History,
    chance: &mut fastrand::Rng,
) -> Plan {
    let first = draft(situation, survey, history, chance, true);
    let objections = check(situation, &first);
    if objections.is_empty() {
        return first;
    }
    let mut second = draft(situation, survey, history, chance, false);
    for what in objections {
        let tenant = &situation.wish.spec.tenant;
        tracing::error!(%tenant, "a plan was not carried out: {what}");
        second.alarms.push(format!(
            "a plan was not carried out, this is a fault of asaas: {what}"
        ));
    }
    second
}

/// What has become of the instances, and what was measured of them.
pub fn survey(situation: &Situation<'_>, history: &History) -> Survey {
    let Situation {
        wish,
        observed,
        now,
        stale,
        ..
    } = situation;
    let mut instances = situation.instances.clone();
    let changes = settle(&instances, observed, wish, situation.removed, *now);
    adopt(&mut instances, &changes);
    let warmth = Warmth {
        spec: &wish.spec,
        history,
        now: *now,
        stale: *stale,
    };
    Survey {
        readings: reading::read(&warmth, &instances),
        changes,
        instances,
    }
}

fn draft(
    situation: &Situation<'_>,
    survey: &Survey,
    history: &History,
    chance: &mut fastrand::Rng,
    may_choose: bool,
) -> Plan {
    let Situation { wish, now, .. } = situation;
    let mut instances = survey.instances.clone();
    let mut changes = survey.changes.clone();
    let ground = situation.ground(&instances, history);
    let decision = decided(situation, survey, &ground);
    let placement = if may_choose && !wish.orders.holds_still() {
        let pool = pool::size(wish, decision.desired);
        place(&ground, decision.desired, pool)
    } else {
        Placement::default()
    };

    let paused = place::paused(&ground);

    for steps in [
        pooled::promote(&instances, &placement, &decision, *now),
        pooled::discard(&instances, &placement, wish, &decision, *now),
        remove(wish, &instances, &placement, &decision, *now),
    ] {
        adopt(&mut instances, &steps);
        changes.extend(steps);
    }
    let wishes = wish_for(situation, &placement, &decision, chance);
    adopt(&mut instances, &wishes);
    changes.extend(wishes);

    let network = routes::network(wish, &instances, situation.observed);
    let launches = launches(situation, history, &instances);
    let terminations = instances
        .values()
        .filter(|instance| instance.phase == Phase::Terminating)
        .map(|instance| instance.id)
        .collect();
    let mut alarms = alarms(situation, &instances, &decision, &placement);
    alarms.extend(paused);
    Plan {
        decision,
        placement,
        changes,
        instances,
        network,
        launches,
        terminations,
        alarms,
    }
}

fn decided(situation: &Situation<'_>, survey: &Survey, ground: &Ground<'_>) -> Decision {
    let Situation {
        wish,
        observed,
        now,
        ..
    } = situation;
    Decision {
        generation: wish.generation,
        ..decide(&Question {
            spec: &wish.spec,
            orders: &wish.orders,
            current: ground.current(),
            hold: hold(ground.instances, observed),
            young: ground.young(),
            affordable: place::affordable(ground),
            readings: survey.readings.clone(),
            history: ground.history,
            now: *now,
        })
    }
}

/// Those that go because fewer are needed, or all, when the tenant is being removed.
fn remove(
    wish: &Wish,
    instances: &BTreeMap<InstanceId, Instance>,
    placement: &Placement,
    decision: &Decision,
    now: Now,
) -> Vec<Change> {
    let leaves = |instance: &Instance| {
        if wish.orders.is_destroyed {
            return (Cause::Destroyed, "the tenant is being removed".to_owned());
        }
        let replaced = placement.replaced.get(&instance.id);
        // Where the number falls, or others go too, that is why it goes.
        let is_alone = decision.desired == decision.before && placement.remove.len() == 1;
        if let Some(what) = replaced.filter(|_| is_alone) {
            return (Cause::Replaced, format!("template changed: {what}"));
        }
        let (current, desired) = (decision.current, decision.desired);
        let why = format!("{current} to {desired}: {}", decision.reason());
        (Cause::ScaleIn, why)
    };
    placement
        .remove
        .iter()
        .filter_map(|id| instances.get(id))
        .map(|instance| {
            let (cause, why) = leaves(instance);
            settle::drain(instance, cause, wish.spec.policy.drain, &why, now)
        })
        .collect()
}

/// New intents, each with all that its cloud is to be told.
fn wish_for(
    situation: &Situation<'_>,
    placement: &Placement,
    decision: &Decision,
    chance: &mut fastrand::Rng,
) -> Vec<Change> {
    let now = situation.now;
    let template = &situation.wish.spec.instances.template;
    let second = u32::try_from(now.steady.as_second()).unwrap_or_default();
    let launch = placement.launch.iter().map(|berth| (berth, false));
    let refill = placement.refill.iter().map(|berth| (berth, true));
    launch
        .chain(refill)
        .map(|(berth, is_pooled)| {
            let Berth {
                cloud,
                offering,
                slot,
                address,
            } = berth.clone();
            let fingerprint = situation.market.fingerprint(&cloud, template);
            let instance = Instance {
                id: InstanceId::new(second, chance.u32(..)),
                slot,
                fingerprint: fingerprint.map(str::to_owned),
                cloud,
                template: template.clone(),
                offering,
                address,
                phase: Phase::Intent,
                is_pooled,
                since: now.steady,
                created: now.steady,
                provider: None,
                in_service: None,
                drain: None,
                missing: None,
            };
            Change {
                step: Some(wished(&instance, decision, placement)),
                instance,
            }
        })
        .collect()
}

fn wished(instance: &Instance, decision: &Decision, placement: &Placement) -> Move {
    let mut why = if instance.is_pooled {
        "for the warm pool".to_owned()
    } else if let Some(what) = &placement.succeeds {
        what.clone()
    } else if decision.desired == decision.before && decision.current > 0 {
        format!("{} of {} are there", decision.current, decision.desired)
    } else {
        format!(
            "{} to {}: {}",
            decision.current,
            decision.desired,
            decision.reason()
        )
    };
    for (cloud, refusal) in &placement.passed_over {
        why = format!("{why}; not {cloud}: {refusal}");
    }
    Move {
        instance: instance.id,
        cloud: instance.cloud.clone(),
        address: instance.address,
        from: None,
        to: Phase::Intent,
        why,
        drain: None,
    }
}

/// Every intent that has no answer yet is asked for, again if need be, unless its cloud is being left alone.
fn launches(
    situation: &Situation<'_>,
    history: &History,
    instances: &BTreeMap<InstanceId, Instance>,
) -> Vec<Launch> {
    let ground = situation.ground(instances, history);
    let spec = &situation.wish.spec;
    let Some(subnet) = spec.network.subnets.first() else {
        return Vec::new();
    };
    instances
        .values()
        .filter(|instance| instance.phase == Phase::Intent && !ground.is_refused(instance))
        .map(|instance| Launch {
            tenant: spec.tenant.clone(),
            instance: instance.clone(),
            subnet: subnet.clone(),
        })
        .collect()
}

/// The clouds of these instances, and how many there are in each.
pub(crate) fn by_cloud<'a>(
    instances: impl Iterator<Item = &'a Instance>,
) -> BTreeMap<CloudName, u32> {
    instances.fold(BTreeMap::new(), |mut counts, instance| {
        *counts.entry(instance.cloud.clone()).or_default() += 1;
        counts
    })
}

#[cfg(test)]
mod tests;
