//! Where instances come and go: the most preferred cloud fills first and empties last (S4-84, S4-85).

use std::cmp::{Ordering, Reverse};
use std::collections::BTreeMap;

use jiff::SignedDuration;

use crate::history::History;
use crate::id::{CloudName, InstanceId};
use crate::instance::{Instance, Phase};
use crate::network::Health;
use crate::observe::{Observed, Sight};
use crate::ports::CloudState;
use crate::spec::{CloudPreference, Instances, TenantSpec};
use crate::time::Now;

pub(crate) mod pool;

/// What to change.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Placement {
    /// A cloud for each instance to launch.
    pub launch: Vec<CloudName>,
    /// Who goes because fewer are needed.
    pub remove: Vec<InstanceId>,
    /// Who of the warm pool counts towards the number from now on; one that stands by comes into service with that.
    pub promote: Vec<InstanceId>,
    /// A cloud for each instance to launch for the warm pool.
    pub refill: Vec<CloudName>,
    /// Who of the warm pool goes because it is to be smaller, or elsewhere.
    pub discard: Vec<InstanceId>,
    /// Clouds that would have been preferred, and why they were not taken.
    pub passed_over: Vec<(CloudName, String)>,
    /// How many are wanted and cannot be launched now.
    pub short_of: u32,
    /// How many the warm pool lacks and cannot be launched now.
    pub pool_short_of: u32,
}

impl Placement {
    fn pass_over(&mut self, cloud: &CloudName, why: String) {
        let is_known = self.passed_over.iter().any(|(passed, _)| passed == cloud);
        if !is_known {
            self.passed_over.push((cloud.clone(), why));
        }
    }
}

/// All that a placement looks at.
#[derive(Debug, Clone, Copy)]
pub struct Ground<'a> {
    /// What the tenant asked for.
    pub spec: &'a TenantSpec,
    /// Every instance that is not over.
    pub instances: &'a BTreeMap<InstanceId, Instance>,
    /// What was seen.
    pub observed: &'a Observed,
    /// What is remembered.
    pub history: &'a History,
    /// When.
    pub now: Now,
}

impl Ground<'_> {
    /// Why nothing is launched in a cloud now.
    pub fn refusal(&self, cloud: &CloudName) -> Option<String> {
        if let Some(refusals) = self.history.refusals.get(cloud)
            && let Some(why) = refusals.now(self.now.steady)
        {
            return Some(why.to_owned());
        }
        match self.observed.clouds.get(cloud) {
            Some(Err(error)) => Some(error.to_string()),
            Some(Ok(_)) | None => None,
        }
    }

    /// What the tenant said of a cloud; `None` where it wants no instances.
    fn preference(&self, cloud: &CloudName) -> Option<&CloudPreference> {
        let mut clouds = self.spec.clouds.iter();
        clouds.find(|preference| preference.name == *cloud)
    }

    /// Whether an instance may never come: it is wished for in a cloud that does not answer. It may exist, so it still takes
    /// room under the maximum; but it is not counted on (C-24).
    pub fn is_doubtful(&self, instance: &Instance) -> bool {
        instance.phase == Phase::Intent && self.refusal(&instance.cloud).is_some()
    }

    /// Who can be counted on: in service, or on their way in.
    fn counted(&self) -> impl Iterator<Item = &Instance> {
        self.instances
            .values()
            .filter(|instance| instance.counts() && !self.is_doubtful(instance))
    }

    /// How many can be counted on: in service, or on their way in.
    pub fn current(&self) -> u32 {
        count(self.counted())
    }

    /// How many of them are too young to go by choice (C-22): well, and in service for less than the minimum lifetime.
    pub fn young(&self) -> u32 {
        count(self.counted().filter(|instance| is_young(self, instance)))
    }
}

/// Where instances come and go so that `desired` are there, and `pool` in the warm pool.
pub fn place(ground: &Ground<'_>, desired: u32, pool: u32) -> Placement {
    let current = ground.current();
    let mut placement = match current.cmp(&desired) {
        Ordering::Less => {
            let missing = desired - current;
            let promote = pool::draw(ground, missing);
            let missing = missing - count(promote.iter());
            let is_counted = |instance: &Instance| !instance.is_pooled;
            Placement {
                promote,
                ..grow(ground, missing.saturating_sub(yielding(ground, is_counted)))
            }
        }
        Ordering::Greater => Placement {
            remove: victims(ground, current - desired, desired),
            ..Placement::default()
        },
        Ordering::Equal => move_one(ground),
    };
    pool::tend(ground, pool, &mut placement);
    placement
}

/// A replacement takes the place of the one it replaces, with its address (S2-04), so it waits this long for it to go; no
/// longer, since a slow cloud may take minutes.
const PLACE_WAIT: SignedDuration = SignedDuration::from_secs(3);

/// How many broken instances, of those that are meant, are about to give up their places.
fn yielding(ground: &Ground<'_>, is_meant: impl Fn(&Instance) -> bool) -> u32 {
    count(
        ground
            .instances
            .values()
            .filter(|instance| is_meant(instance))
            .filter_map(|instance| instance.drain.as_ref())
            .filter(|drain| {
                drain.cause.is_breakage() && ground.now.since(drain.started) < PLACE_WAIT
            }),
    )
}

fn grow(ground: &Ground<'_>, missing: u32) -> Placement {
    let Instances { max, surge, .. } = ground.spec.instances;
    let mut placement = Placement::default();
    placement.launch = spread(ground, missing, max.saturating_add(surge), &mut placement);
    placement.short_of = missing - count(placement.launch.iter());
    placement
}

/// A cloud for each of `missing` instances, in the tenant's order, while there is room under `ceiling`: for fewer, where
/// there is none. Notes in the placement who was passed over.
fn spread(
    ground: &Ground<'_>,
    missing: u32,
    ceiling: u32,
    placement: &mut Placement,
) -> Vec<CloudName> {
    let Ground {
        spec, instances, ..
    } = ground;
    // Those on their way out still cost, so they count under the maximum (I1).
    let total = count(
        instances
            .values()
            .filter(|instance| !seeded!(F25) || instance.phase.counts())
            .map(|instance| &instance.cloud)
            .chain(&placement.launch),
    );
    let mut clouds = Vec::new();
    let mut left = missing.min(ceiling.saturating_sub(total));
    for CloudPreference { name, max } in &spec.clouds {
        if left == 0 {
            break;
        }
        if let Some(why) = ground.refusal(name) {
            placement.pass_over(name, why);
            continue;
        }
        let there = instances.values().map(|instance| &instance.cloud);
        let there = count(
            there
                .chain(&placement.launch)
                .filter(|cloud| *cloud == name),
        );
        let free = max.map_or(u32::MAX, |max| max.saturating_sub(there));
        if free == 0 {
            let why = format!("the tenant's own limit of {there} there is reached");
            placement.pass_over(name, why);
        }
        let taken = free.min(left);
        clouds.extend((0..taken).map(|_| name.clone()));
        left -= taken;
    }
    clouds
}

/// Dead and unwell ones first, then those in the wrong place, then the least preferred cloud, and there the newest (S4-111);
/// those that are too young to go come last, where the number cannot be had without them.
/// One that serves is not taken while fewer than `desired` would then serve: it waits until its successor does.
fn victims(ground: &Ground<'_>, surplus: u32, desired: u32) -> Vec<InstanceId> {
    let mut candidates: Vec<&Instance> = ground
        .instances
        .values()
        // A launch that has no answer yet cannot be taken back; it is dealt with once it has one.
        .filter(|instance| instance.counts() && instance.phase != Phase::Intent)
        .collect();
    candidates.sort_by_key(|instance| {
        let is_at_home = !is_misplaced(ground, instance);
        (
            is_well(ground, instance),
            is_young(ground, instance),
            is_at_home,
            Reverse(rank(ground.spec, &instance.cloud)),
            Reverse(instance.id),
        )
    });
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
        .take(surplus as usize)
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

/// Those in service that are well: nothing by choice makes them fewer than the minimum (I2).
fn ready<'a>(ground: &'a Ground<'_>) -> impl Iterator<Item = &'a Instance> {
    let instances = ground.instances.values();
    instances.filter(|instance| is_ready(ground, instance))
}

fn is_ready(ground: &Ground<'_>, instance: &Instance) -> bool {
    instance.phase == Phase::InService && is_well(ground, instance)
}

fn is_well(ground: &Ground<'_>, instance: &Instance) -> bool {
    if let Sight::Seen(seen) = ground.observed.sight(instance)
        && seen.state == CloudState::Stopped
    {
        return false;
    }
    // One that boots does not answer yet, which says nothing.
    let health = ground
        .observed
        .endpoint(instance.id)
        .map(|seen| seen.health);
    !instance.phase.is_up() || health != Some(Health::Unhealthy)
}

/// Whether an instance is well, and in service for less than the policy's minimum lifetime.
fn is_young(ground: &Ground<'_>, instance: &Instance) -> bool {
    let age = instance.in_service.map(|since| ground.now.since(since));
    age.is_some_and(|age| age < ground.spec.policy.min_lifetime) && is_well(ground, instance)
}

/// The place of a cloud in the tenant's order; one that is not in it comes last.
fn rank(spec: &TenantSpec, cloud: &CloudName) -> usize {
    spec.clouds
        .iter()
        .position(|preference| preference.name == *cloud)
        .unwrap_or(usize::MAX)
}

/// Whether an instance is where the tenant wants none, or more than it wants there.
fn is_misplaced(ground: &Ground<'_>, instance: &Instance) -> bool {
    let Some(preference) = ground.preference(&instance.cloud) else {
        return true;
    };
    let newer = ground
        .instances
        .range(..instance.id)
        .filter(|(_, other)| other.cloud == instance.cloud && !other.is_pooled);
    preference.max.is_some_and(|max| count(newer) >= max)
}

/// Once everything is at rest, one instance moves to where it should be: its successor comes first where the maximum has
/// room for it or one stands by, and last where not.
fn move_one(ground: &Ground<'_>) -> Placement {
    let Ground {
        spec, instances, ..
    } = ground;
    let is_at_rest = instances.values().all(|instance| instance.phase.is_up());
    let Some(misplaced) = ground
        .counted()
        .filter(|instance| is_misplaced(ground, instance) && !is_young(ground, instance))
        .last()
        .filter(|_| is_at_rest)
    else {
        return Placement::default();
    };
    if let Some(successor) = pool::draw(ground, 1).first() {
        // One that is in the wrong place itself has to go first.
        let is_at_home = instances
            .get(successor)
            .is_some_and(|instance| pool::has_place(ground, instance));
        return Placement {
            promote: is_at_home.then_some(*successor).into_iter().collect(),
            ..Placement::default()
        };
    }
    let home = spec.clouds.iter().find(|preference| {
        let there = count(
            instances
                .values()
                .filter(|instance| instance.cloud == preference.name),
        );
        ground.refusal(&preference.name).is_none() && preference.max.is_none_or(|max| there < max)
    });
    let Some(home) = home else {
        return Placement::default();
    };
    let total = count(instances.values());
    if total < spec.instances.max.saturating_add(spec.instances.surge) {
        Placement {
            launch: vec![home.name.clone()],
            ..Placement::default()
        }
    } else if count(ready(ground)) > spec.instances.min {
        Placement {
            remove: vec![misplaced.id],
            ..Placement::default()
        }
    } else {
        Placement::default()
    }
}

pub(crate) fn count<T>(items: impl Iterator<Item = T>) -> u32 {
    u32::try_from(items.count()).unwrap_or(u32::MAX)
}
