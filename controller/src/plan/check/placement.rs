//! What is wrong with where a plan puts instances, what they are, and what they cost.

use crate::amount::Amount;
use crate::decide::bounds;
use crate::instance::{Cause, Instance, Phase};
use crate::offering::Offering;
use crate::plan::{Plan, Situation};
use crate::zone;

pub(super) fn objections(situation: &Situation<'_>, plan: &Plan) -> Vec<String> {
    let is_new = |one: &&Instance| !situation.instances.contains_key(&one.id);
    let new: Vec<&Instance> = plan.instances.values().filter(is_new).collect();
    let mut objections: Vec<String> = new
        .iter()
        .filter_map(|one| of_offering(situation, one))
        .collect();
    objections.extend(of_share(situation, plan, &new));
    objections.extend(of_budget(situation, plan, &new));
    objections.extend(of_replacements(situation, plan));
    objections
}

/// What nobody offers cannot be had; and in a cloud with zones, an address tells the zone.
fn of_offering(situation: &Situation<'_>, new: &Instance) -> Option<String> {
    let Instance {
        id,
        cloud,
        template,
        offering,
        address,
        ..
    } = new;
    let Offering {
        zone,
        machine,
        is_spot,
    } = offering;
    let market = situation.market;
    let (zones, machines) = (market.zones(cloud), market.machines(cloud, template));
    let listed = machines
        .iter()
        .find(|offer| Some(&offer.name) == machine.as_ref());
    let is_offered = (machine.is_none() && machines.is_empty() && !is_spot)
        || listed.is_some_and(|offer| !is_spot || offer.spot.is_some());
    if !is_offered {
        return Some(format!(
            "{id} would be a {offering}, which {cloud} does not offer"
        ));
    }
    let place = zone
        .as_ref()
        .map(|zone| zones.iter().position(|name| name == zone));
    let subnet = situation.wish.spec.network.subnets.first()?;
    let is_in_its_part = match place {
        None => zones.is_empty(),
        Some(index) => index
            .and_then(|index| zone::slice(subnet.cidr, zones.len(), index))
            .is_some_and(|part| {
                part.contains(address) && zone::is_free_for_instances(part, *address)
            }),
    };
    (!is_in_its_part).then(|| format!("{id} would have {address}, which is not of its zone"))
}

/// S4-35: who is launched as spot leaves enough on demand.
fn of_share(situation: &Situation<'_>, plan: &Plan, new: &[&Instance]) -> Option<String> {
    if !new.iter().any(|one| one.offering.is_spot) {
        return None;
    }
    let staying = || {
        plan.instances
            .values()
            .filter(|one| stays_for(situation, one))
    };
    let (all, spot) = (
        staying().count(),
        staying().filter(|one| one.offering.is_spot).count(),
    );
    let rule = situation.wish.spec.placement.on_demand;
    let needed = rule.map_or(all, |rule| {
        rule.of(u32::try_from(all).unwrap_or(u32::MAX)) as usize
    });
    (all - spot < needed)
        .then(|| format!("{spot} of {all} instances would be spot, {needed} must be on demand"))
}

/// Whether it was to stay when places were chosen: what goes by choice makes room for the next plan, not for this one.
fn stays_for(situation: &Situation<'_>, instance: &Instance) -> bool {
    let leaves = instance.drain.as_ref();
    leaves.is_none_or(|drain| {
        let was_there = situation.instances.get(&instance.id);
        (drain.cause.is_choice() || drain.cause == Cause::Destroyed)
            && was_there.is_some_and(|before| before.drain.is_none())
    })
}

/// S4-34: what is launched beyond the minimum keeps within the budget; the successor of one that goes after it may take its share.
fn of_budget(situation: &Situation<'_>, plan: &Plan, new: &[&Instance]) -> Option<String> {
    let spec = &situation.wish.spec;
    let budget = spec.budget?.per_hour;
    let price = |one: &Instance| situation.market.price_of(one);
    if new.iter().all(|one| price(one).is_none()) {
        return None;
    }
    let staying = || plan.instances.values().filter(|one| one.drain.is_none());
    let costs: Amount = staying().filter_map(price).sum();
    // One that its cloud has not answered for yet may never come, so that another may be needed.
    let is_sure = |one: &&Instance| {
        let was_asked = situation.instances.contains_key(&one.id);
        one.counts() && !(one.phase == Phase::Intent && was_asked)
    };
    let counted = staying().filter(is_sure).count();
    let is_successor = new.len() == 1 && counted > plan.decision.desired as usize;
    let shared = staying().filter(|_| is_successor).filter_map(price).max();
    let costs = costs - shared.unwrap_or_default();
    let floor = bounds(spec, situation.now.wall).0 as usize;
    let free = new.iter().filter(|one| price(one).is_none()).count();
    let is_needed = counted.saturating_sub(usize::from(is_successor) + free) <= floor
        && new.iter().all(|one| !one.is_pooled || price(one).is_none());
    (costs > budget && !is_needed)
        .then(|| format!("{counted} instances would cost {costs} an hour, the budget is {budget}"))
}

/// S4-31: only who is of an older template is replaced, and one at a time.
fn of_replacements(situation: &Situation<'_>, plan: &Plan) -> Option<String> {
    let template = &situation.wish.spec.instances.template;
    let begins = |one: &&Instance| {
        let cause = one.drain.as_ref().map(|drain| drain.cause);
        let was_there = situation.instances.get(&one.id);
        cause == Some(Cause::Replaced) && was_there.is_some_and(|before| before.drain.is_none())
    };
    let replaced: Vec<&Instance> = plan.instances.values().filter(begins).collect();
    let is_current = |one: &&&Instance| {
        one.template == *template && situation.market.change_since(one).is_none()
    };
    if let Some(one) = replaced.iter().find(is_current) {
        return Some(format!(
            "{} would be replaced, and is as its template says",
            one.id
        ));
    }
    let serving = replaced.iter().filter(|one| !one.is_pooled).count();
    (serving > 1).then(|| format!("{serving} instances would be replaced at once"))
}
