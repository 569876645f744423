//! The warm pool: instances that are booted and healthy, and out of rotation, to come into service at once when the number
//! grows or one breaks (S4-15).
//!
//! The number goes first in everything: it takes from the pool before anything is launched, and the pool is filled with
//! what room the number leaves under the maximum. So the pool takes no room that the number could want.

use std::cmp::Reverse;

use crate::id::InstanceId;
use crate::instance::{Instance, Phase};
use crate::ports::Wish;

use super::{Ground, Placement, Search, count, is_well, outdated, rank, roll, yielding};

/// How many the warm pool should hold beside `desired` in service.
pub(crate) fn size(wish: &Wish, desired: u32) -> u32 {
    if wish.orders.is_destroyed {
        return 0;
    }
    let room = wish.spec.instances.max.saturating_sub(desired);
    wish.spec.policy.warm_pool.min(room)
}

/// Who of the pool comes to count: those that stand by before those on their way in, in the order of clouds, the oldest first.
pub(super) fn draw(ground: &Ground<'_>, missing: u32) -> Vec<InstanceId> {
    let clouds = ground.clouds();
    let mut able: Vec<&Instance> = pooled(ground)
        .filter(|instance| is_well(ground, instance))
        .collect();
    able.sort_by_key(|instance| {
        (
            Reverse(instance.phase),
            !has_place(ground, instance),
            outdated(ground, instance).is_some(),
            rank(&clouds, &instance.cloud),
            instance.id,
        )
    });
    let able = able.into_iter().map(|instance| instance.id);
    able.take(missing as usize).collect()
}

/// Fills the pool, or makes it smaller, so that it holds `size` of those who are not drawn from it.
pub(super) fn tend(ground: &Ground<'_>, size: u32, placement: &mut Placement) {
    // What could be drawn is; where the number is still short, what is left must not be in its way.
    let size = if placement.short_of > 0 { 0 } else { size };
    let mut left: Vec<&Instance> = pooled(ground)
        .filter(|instance| !placement.promote.contains(&instance.id))
        .collect();
    // The last to go come first.
    let clouds = ground.clouds();
    left.sort_by_key(|instance| {
        (
            !is_well(ground, instance),
            Reverse(instance.phase),
            rank(&clouds, &instance.cloud),
            instance.id,
        )
    });
    let old = roll::outdated_standby(ground, placement);
    let mut kept = 0;
    for instance in left {
        if kept < size && has_place(ground, instance) && old != Some(instance.id) {
            kept += 1;
        } else if instance.phase != Phase::Intent {
            // A launch that has no answer yet cannot be taken back; it is dealt with once it has one.
            placement.discard.push(instance.id);
        }
    }
    if placement.short_of > 0 {
        return;
    }
    let missing = size
        .saturating_sub(kept)
        .saturating_sub(yielding(ground, |_| true));
    let mut search = Search::new(ground, placement).for_pool();
    let refill = search.berths(missing, ground.spec.instances.max);
    search.tell(placement);
    placement.pool_short_of = missing - count(refill.iter());
    placement.refill = refill;
}

/// Who is in the pool, or on the way into it and counted on.
fn pooled<'a>(ground: &'a Ground<'_>) -> impl Iterator<Item = &'a Instance> {
    let instances = ground.instances.values();
    instances.filter(|instance| is_of_pool(instance) && !ground.is_doubtful(instance))
}

fn is_of_pool(instance: &Instance) -> bool {
    instance.is_pooled && (instance.phase.is_coming() || instance.phase == Phase::Standby)
}

/// Whether the tenant wants an instance of the pool where it is: those that count have the first claim on a cloud's places.
pub(super) fn has_place(ground: &Ground<'_>, instance: &Instance) -> bool {
    let Some(preference) = ground.preference(&instance.cloud) else {
        return false;
    };
    let before = ground.instances.values().filter(|other| {
        let is_older = other.id < instance.id;
        other.cloud == instance.cloud && (other.counts() || is_of_pool(other) && is_older)
    });
    preference.max.is_none_or(|max| count(before) < max)
}
