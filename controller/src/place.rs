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
use crate::spec::{CloudPreference, TenantSpec};
use crate::time::Now;

/// What to change.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Placement {
    /// A cloud for each instance to launch.
    pub launch: Vec<CloudName>,
    /// Who goes because fewer are needed.
    pub remove: Vec<InstanceId>,
    /// Clouds that would have been preferred, and why they were not taken.
    pub passed_over: Vec<(CloudName, String)>,
    /// How many are wanted and cannot be launched now.
    pub short_of: u32,
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

    /// Whether an instance may never come: it is wished for in a cloud that does not answer. It may exist, so it still takes
    /// room under the maximum; but it is not counted on (C-24).
    pub fn is_doubtful(&self, instance: &Instance) -> bool {
        instance.phase == Phase::Intent && self.refusal(&instance.cloud).is_some()
    }

    /// How many can be counted on: in service, or on their way in.
    pub fn current(&self) -> u32 {
        count(
            self.instances
                .values()
                .filter(|instance| instance.phase.counts() && !self.is_doubtful(instance)),
        )
    }
}

/// Where instances come and go so that `desired` are there.
pub fn place(ground: &Ground<'_>, desired: u32) -> Placement {
    let current = ground.current();
    match current.cmp(&desired) {
        Ordering::Less => grow(ground, (desired - current).saturating_sub(yielding(ground))),
        Ordering::Greater => Placement {
            remove: victims(ground, current - desired, desired),
            ..Placement::default()
        },
        Ordering::Equal => move_one(ground),
    }
}

/// A replacement takes the place of the one it replaces, with its address (S2-04), so it waits this long for it to go; no
/// longer, since a slow cloud may take minutes.
const PLACE_WAIT: SignedDuration = SignedDuration::from_secs(3);

/// How many broken instances are about to give up their places.
fn yielding(ground: &Ground<'_>) -> u32 {
    count(
        ground
            .instances
            .values()
            .filter_map(|instance| instance.drain.as_ref())
            .filter(|drain| {
                drain.cause.is_breakage() && ground.now.since(drain.started) < PLACE_WAIT
            }),
    )
}

fn grow(ground: &Ground<'_>, missing: u32) -> Placement {
    let Ground {
        spec, instances, ..
    } = ground;
    // Those on their way out still cost, so they count under the maximum (I1).
    let total = count(instances.values());
    let room = spec
        .instances
        .max
        .saturating_add(spec.instances.surge)
        .saturating_sub(total);
    let mut placement = Placement {
        short_of: missing,
        ..Placement::default()
    };
    let mut left = missing.min(room);
    for CloudPreference { name, max } in &spec.clouds {
        if left == 0 {
            break;
        }
        if let Some(why) = ground.refusal(name) {
            placement.passed_over.push((name.clone(), why));
            continue;
        }
        let there = count(
            instances
                .values()
                .filter(|instance| instance.cloud == *name),
        );
        let free = max.map_or(u32::MAX, |max| max.saturating_sub(there));
        if free == 0 {
            let why = format!("the tenant's own limit of {there} there is reached");
            placement.passed_over.push((name.clone(), why));
        }
        let taken = free.min(left);
        placement.launch.extend((0..taken).map(|_| name.clone()));
        left -= taken;
    }
    placement.short_of -= count(placement.launch.iter());
    placement
}

/// Dead and unwell ones first, then those in the wrong place, then the least preferred cloud, and there the newest (S4-111).
/// One that serves is not taken while fewer than `desired` would then serve: it waits until its successor does.
fn victims(ground: &Ground<'_>, surplus: u32, desired: u32) -> Vec<InstanceId> {
    let mut candidates: Vec<&Instance> = ground
        .instances
        .values()
        // A launch that has no answer yet cannot be taken back; it is dealt with once it has one.
        .filter(|instance| instance.phase.counts() && instance.phase != Phase::Intent)
        .collect();
    candidates.sort_by_key(|instance| {
        let is_at_home = !is_misplaced(ground, instance);
        (
            is_well(ground, instance),
            is_at_home,
            Reverse(rank(ground.spec, &instance.cloud)),
            Reverse(instance.id),
        )
    });
    // One that has only just come into service is not reached yet.
    let is_routed = |id| {
        ground
            .observed
            .endpoint(id)
            .is_some_and(|seen| seen.is_routed)
    };
    let serves = |instance: &Instance| {
        instance.phase == Phase::InService && is_well(ground, instance) && is_routed(instance.id)
    };
    let serving = count(
        ground
            .instances
            .values()
            .filter(|instance| serves(instance)),
    );
    let mut spare = serving.saturating_sub(desired);
    candidates
        .into_iter()
        .take(surplus as usize)
        .filter(|instance| {
            if !serves(instance) {
                return true;
            }
            let is_spare = spare > 0;
            spare = spare.saturating_sub(1);
            is_spare
        })
        .map(|instance| instance.id)
        .collect()
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
    instance.phase != Phase::InService || health != Some(Health::Unhealthy)
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
    let Some(preference) = ground
        .spec
        .clouds
        .iter()
        .find(|preference| preference.name == instance.cloud)
    else {
        return true;
    };
    let newer = ground
        .instances
        .range(..instance.id)
        .filter(|(_, other)| other.cloud == instance.cloud);
    preference.max.is_some_and(|max| count(newer) >= max)
}

/// Once everything is at rest, one instance moves to where it should be: its successor comes first where the maximum has
/// room for it, and last where it has not.
fn move_one(ground: &Ground<'_>) -> Placement {
    let Ground {
        spec, instances, ..
    } = ground;
    let is_at_rest = instances
        .values()
        .all(|instance| instance.phase == Phase::InService);
    let Some(misplaced) = instances
        .values()
        .rev()
        .find(|instance| is_misplaced(ground, instance))
    else {
        return Placement::default();
    };
    let home = spec.clouds.iter().find(|preference| {
        let there = count(
            instances
                .values()
                .filter(|instance| instance.cloud == preference.name),
        );
        ground.refusal(&preference.name).is_none() && preference.max.is_none_or(|max| there < max)
    });
    let Some(home) = home.filter(|_| is_at_rest) else {
        return Placement::default();
    };
    let total = count(instances.values());
    if total < spec.instances.max.saturating_add(spec.instances.surge) {
        Placement {
            launch: vec![home.name.clone()],
            ..Placement::default()
        }
    } else if total > spec.instances.min {
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
