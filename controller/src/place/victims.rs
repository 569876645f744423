//! Who goes, where fewer are needed.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::{Ground, count, is_misplaced, is_ready, is_well, is_young, outdated, rank, ready};
use crate::id::{CloudName, InstanceId};
use crate::instance::{Instance, Phase};
use crate::spec::{OnDemand, Termination};

/// Dead and unwell ones first, then those in the wrong place or of an old template, then the least preferred cloud (S4-85), and
/// there the fullest zone and whoever the tenant's rule names first (S4-111); those that are too young to go come last, where the
/// number cannot be had without them.
/// One that serves is not taken while fewer than `desired` would then serve: it waits until its successor does.
pub(super) fn victims(ground: &Ground<'_>, surplus: u32, desired: u32) -> Vec<InstanceId> {
    let candidates = in_order(ground, surplus);
    // One that has only just come into service is not reached yet; nor is anybody, as far as is known, where the network was
    // not seen.
    let is_routed = |id| {
        ground
            .observed
            .endpoint(id)
            .is_some_and(|seen| seen.is_routed)
    };
    let serving = count(ready(ground).filter(|instance| is_routed(instance.id)));
    seeded!(F16a => return candidates.iter().map(|victim| victim.id).collect());
    let mut spare = serving.saturating_sub(desired);
    candidates
        .into_iter()
        .filter(|instance| {
            if !is_ready(ground, instance) || seeded!(F16d) {
                return true;
            }
            if !is_routed(instance.id) {
                return serving >= desired;
            }
            let is_spare = spare > 0;
            spare = spare.saturating_sub(1);
            is_spare
        })
        .map(|instance| instance.id)
        .collect()
}

/// The first `surplus` to go. Each that goes changes the balance that the next one is chosen by.
fn in_order<'a>(ground: &'a Ground<'_>, surplus: u32) -> Vec<&'a Instance> {
    let surplus = if seeded!(F16a) { u32::MAX } else { surplus };
    let clouds = ground.clouds();
    let mut left: Vec<_> = by_turn(ground)
        .into_iter()
        .map(|instance| {
            let is_as_wanted =
                !is_misplaced(ground, instance) && outdated(ground, instance).is_none();
            let key = (
                is_well(ground, instance),
                is_young(ground, instance),
                is_as_wanted,
                Reverse(rank(&clouds, &instance.cloud)),
            );
            (key, instance)
        })
        .collect();
    let mut balance = Balance::of(ground);
    let mut order = Vec::new();
    while count(order.iter()) < surplus {
        let first = left
            .iter()
            .enumerate()
            .min_by_key(|(_, (key, instance))| (*key, balance.claim(instance)));
        let Some((at, _)) = first else { break };
        let (_, victim) = left.remove(at);
        balance.remove(victim);
        order.push(victim);
    }
    order
}

/// All that could go, in the order of the tenant's rule.
fn by_turn<'a>(ground: &'a Ground<'_>) -> Vec<&'a Instance> {
    // A launch that has no answer yet cannot be taken back; it is dealt with once it has one.
    let can_go = |instance: &&Instance| instance.counts() && instance.phase != Phase::Intent;
    let mut all: Vec<&Instance> = ground.instances.values().filter(can_go).collect();
    match ground.spec.placement.termination {
        Termination::Newest => all.sort_by_key(|instance| Reverse(instance.id)),
        Termination::Oldest => all.sort_by_key(|instance| instance.id),
        Termination::OldestTemplate => {
            let version = |instance: &Instance| {
                let mut others = ground.instances.values();
                let is_same = |other: &&Instance| {
                    (&other.template, &other.fingerprint)
                        == (&instance.template, &instance.fingerprint)
                };
                others.find(is_same).map(|first| first.id)
            };
            all.sort_by_cached_key(|instance| (version(instance), Reverse(instance.id)));
        }
        Termination::ClosestToHour => all.sort_by_key(|instance| {
            let age = ground.now.since(instance.created).as_secs();
            (HOUR - age.rem_euclid(HOUR), Reverse(instance.id))
        }),
    }
    all
}

/// In seconds.
const HOUR: i64 = 3_600;

/// How those that stay are spread over zones, and how they are paid for.
struct Balance<'a> {
    rule: Option<OnDemand>,
    zones: BTreeMap<(&'a CloudName, &'a str), u32>,
    staying: u32,
    on_demand: u32,
}

impl<'a> Balance<'a> {
    fn of(ground: &'a Ground<'_>) -> Self {
        let mut balance = Self {
            rule: ground.spec.placement.on_demand,
            zones: BTreeMap::new(),
            staying: 0,
            on_demand: 0,
        };
        for instance in ground.instances.values().filter(|one| one.drain.is_none()) {
            balance.staying += 1;
            balance.on_demand += u32::from(!instance.offering.is_spot);
            if let Some(zone) = zone_of(instance) {
                *balance.zones.entry(zone).or_default() += 1;
            }
        }
        balance
    }

    /// What puts one before others of the same cloud: lower goes first.
    fn claim(&self, instance: &Instance) -> (bool, Reverse<u32>) {
        let is_other_kind = self.rule.is_some_and(|rule| {
            let is_on_demand_spare = self.on_demand > rule.of(self.staying.saturating_sub(1));
            instance.offering.is_spot == is_on_demand_spare
        });
        let zone = zone_of(instance).and_then(|zone| self.zones.get(&zone));
        (is_other_kind, Reverse(zone.copied().unwrap_or(0)))
    }

    fn remove(&mut self, instance: &'a Instance) {
        self.staying = self.staying.saturating_sub(1);
        let on_demand = u32::from(!instance.offering.is_spot);
        self.on_demand = self.on_demand.saturating_sub(on_demand);
        if let Some(count) = zone_of(instance).and_then(|zone| self.zones.get_mut(&zone)) {
            *count = count.saturating_sub(1);
        }
    }
}

fn zone_of(instance: &Instance) -> Option<(&CloudName, &str)> {
    let zone = instance.offering.zone.as_deref()?;
    Some((&instance.cloud, zone))
}
