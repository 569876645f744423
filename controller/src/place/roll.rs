//! One instance at a time moves to where it should be, or makes room for one of today's template (S4-31): its successor comes
//! first, and it leaves by the same door as everybody, drained, once the successor serves.

use std::collections::BTreeMap;

use super::{Ground, Placement, Search, count, is_misplaced, is_young, pool, rank, ready};
use crate::id::InstanceId;
use crate::instance::{Instance, Phase};

/// Why an instance is not as its template would make it today; `None` where it is.
pub(crate) fn outdated(ground: &Ground<'_>, instance: &Instance) -> Option<String> {
    let template = &ground.spec.instances.template;
    if instance.template != *template {
        return Some(format!("{} to {template}", instance.template));
    }
    ground.market.change_since(instance)
}

/// Why those of an older template are not replaced now; `None` where they are, or there are none.
pub(crate) fn paused(ground: &Ground<'_>) -> Option<String> {
    let is_old = |instance: &&Instance| outdated(ground, instance).is_some();
    let old = count(ground.counted().filter(is_old));
    if old == 0 {
        return None;
    }
    if let Some(why) = broken(ground) {
        return Some(format!(
            "{old} instances of an older template are not replaced for now: {why}"
        ));
    }
    let stays_full = !has_room(ground) && count(ready(ground)) <= ground.spec.instances.min;
    (is_at_rest(ground) && stays_full).then(|| {
        format!(
            "{old} instances of an older template cannot be replaced: there may be no more than now, and no fewer; set \
             `instances.surge` to 1, or raise `instances.max`"
        )
    })
}

/// Why new instances are not trusted now: where they never get healthy, nobody well makes room for one (I20).
fn broken(ground: &Ground<'_>) -> Option<String> {
    let clouds = ground.clouds();
    let mut refusals = clouds.iter().filter_map(|cloud| {
        let refusals = ground.history.refusals.get(&cloud.name)?;
        let is_broken = refusals.is_broken(ground.now.steady);
        let why = refusals.now(ground.now.steady).filter(|_| is_broken)?;
        Some(format!("{}: {why}", cloud.name))
    });
    refusals.next()
}

fn is_at_rest(ground: &Ground<'_>) -> bool {
    let mut instances = ground.instances.values();
    instances.all(|instance| instance.phase.is_up())
}

fn has_room(ground: &Ground<'_>) -> bool {
    let bounds = &ground.spec.instances;
    count(ground.instances.values()) < bounds.max.saturating_add(bounds.surge)
}

/// Who moves next: who is in the wrong place before who is of an older template, and of these the oldest. Nobody of an older
/// template does while new ones never get healthy, wherever it is.
fn next<'a>(ground: &'a Ground<'_>) -> Option<&'a Instance> {
    let is_broken = broken(ground).is_some();
    let is_old = |instance: &Instance| outdated(ground, instance).is_some();
    let may_go =
        |instance: &&Instance| !(is_young(ground, instance) || is_broken && is_old(instance));
    let misplaced = ground.counted().filter(may_go);
    let misplaced = misplaced.filter(|instance| is_misplaced(ground, instance));
    misplaced.last().or_else(|| {
        let mut able = ground.counted().filter(may_go);
        able.find(|instance| is_old(instance))
    })
}

/// Once everything is at rest, one instance makes room for its successor: that comes first where the maximum has room for it or
/// one stands by, and last where not.
pub(super) fn move_one(ground: &Ground<'_>) -> Placement {
    let Some(going) = next(ground).filter(|_| is_at_rest(ground)) else {
        return Placement::default();
    };
    if let Some(successor) = pool::draw(ground, 1).first() {
        // One that is in the wrong place itself, or of the older template, has to go first.
        let is_as_wanted = ground.instances.get(successor).is_some_and(|instance| {
            pool::has_place(ground, instance) && outdated(ground, instance).is_none()
        });
        return Placement {
            promote: is_as_wanted.then_some(*successor).into_iter().collect(),
            ..Placement::default()
        };
    }
    if has_room(ground) && !is_held_up(ground, going) {
        let mut search = Search::replacing(ground, going);
        let changed = outdated(ground, going);
        return Placement {
            launch: search.berths(1, u32::MAX),
            succeeds: changed
                .map(|what| format!("to replace {}, template changed: {what}", going.id)),
            ..Placement::default()
        };
    }
    let has_successor = || {
        let mut left: BTreeMap<InstanceId, Instance> = ground.instances.clone();
        left.remove(&going.id);
        let then = Ground {
            instances: &left,
            ..*ground
        };
        let mut search = Search::new(&then, &Placement::default());
        !search.berths(1, u32::MAX).is_empty()
    };
    let may_go_first = count(ready(ground)) > ground.spec.instances.min && has_successor();
    Placement {
        remove: may_go_first.then_some(going.id).into_iter().collect(),
        ..Placement::default()
    }
}

/// Whether the tenant's own limit keeps the successor out of its cloud, to a less preferred one, and need not.
fn is_held_up(ground: &Ground<'_>, going: &Instance) -> bool {
    let clouds = ground.clouds();
    let here = rank(&clouds, &going.cloud);
    let is_full = ground.preference(&going.cloud).is_some_and(|preference| {
        let there = ground.instances.values();
        let there = count(there.filter(|one| one.cloud == going.cloud));
        preference.max.is_some_and(|max| there >= max)
    });
    let elsewhere = || {
        let berth = Search::replacing(ground, going).berths(1, u32::MAX);
        let elsewhere = berth.first().map(|berth| rank(&clouds, &berth.cloud));
        elsewhere.is_some_and(|rank| rank > here)
    };
    let can_wait = count(ready(ground)) > ground.spec.instances.min;
    outdated(ground, going).is_some() && is_full && can_wait && elsewhere()
}

/// Who of the warm pool makes room for one of today's template: one at a time, while nothing else is going on.
pub(super) fn outdated_standby(ground: &Ground<'_>, placement: &Placement) -> Option<InstanceId> {
    let is_idle = placement.launch.is_empty()
        && placement.promote.is_empty()
        && placement.remove.is_empty()
        && is_at_rest(ground)
        && broken(ground).is_none();
    let mut standing = ground
        .instances
        .values()
        .filter(|instance| instance.phase == Phase::Standby);
    let old = standing.find(|instance| outdated(ground, instance).is_some())?;
    is_idle.then_some(old.id)
}
