//! Where instances come and go: the most preferred cloud fills first and empties last (S4-84, S4-85), and within a cloud the zones
//! are kept balanced by the same decision (S4-67).

use std::cmp::Ordering;
use std::collections::BTreeMap;

use jiff::SignedDuration;

use crate::decide::bounds;
use crate::history::History;
use crate::id::{CloudName, InstanceId};
use crate::instance::{Instance, Phase};
use crate::market::Market;
use crate::network::Health;
use crate::observe::{Observed, Sight};
use crate::offering::Offering;
use crate::ports::CloudState;
use crate::spec::{CloudOrder, CloudPreference, Instances, TenantSpec};
use crate::time::Now;

mod addresses;
mod berth;
mod money;
pub(crate) mod pool;
mod roll;
mod victims;

pub use berth::Berth;
pub(crate) use money::{affordable, hourly};
pub(crate) use roll::{outdated, paused};

use berth::Search;
use roll::move_one;
use victims::victims;

/// What to change.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Placement {
    /// Where to launch an instance each.
    pub launch: Vec<Berth>,
    /// Who goes because fewer are needed.
    pub remove: Vec<InstanceId>,
    /// Of those that go, who is of an older template, and what has changed.
    pub replaced: BTreeMap<InstanceId, String>,
    /// Why one is launched that is more than are wanted: it is to take another one's place.
    pub succeeds: Option<String>,
    /// Who of the warm pool counts towards the number from now on; one that stands by comes into service with that.
    pub promote: Vec<InstanceId>,
    /// Where to launch an instance each for the warm pool.
    pub refill: Vec<Berth>,
    /// Who of the warm pool goes because it is to be smaller, or elsewhere.
    pub discard: Vec<InstanceId>,
    /// Clouds that would have been preferred, and why they were not taken.
    pub passed_over: Vec<(CloudName, String)>,
    /// Whether one of them was too dear for the tenant's budget.
    pub is_over_budget: bool,
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
    /// What there is to choose from, and what it costs.
    pub market: &'a Market,
    /// When.
    pub now: Now,
}

impl<'a> Ground<'a> {
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

    /// Why an offering of a cloud is not asked for now, beside what keeps from the cloud as a whole.
    fn refusal_of(&self, cloud: &CloudName, offering: &Offering) -> Option<&'a str> {
        if offering.is_default() {
            return None;
        }
        let refusals = self
            .history
            .offerings
            .get(&(cloud.clone(), offering.clone()));
        refusals?.now(self.now.steady)
    }

    /// Whether a launch of this instance would not be asked for now.
    pub(crate) fn is_refused(&self, instance: &Instance) -> bool {
        let Instance {
            cloud, offering, ..
        } = instance;
        self.refusal(cloud).is_some() || self.refusal_of(cloud, offering).is_some()
    }

    /// The tenant's clouds, the preferred one first (S4-83).
    pub(crate) fn clouds(&self) -> Vec<&'a CloudPreference> {
        let mut clouds: Vec<&CloudPreference> = self.spec.clouds.iter().collect();
        match self.spec.placement.order {
            CloudOrder::Preference => {}
            CloudOrder::Cost => clouds.sort_by_key(|cloud| {
                let template = &self.spec.instances.template;
                let price = self.market.usual_price(&cloud.name, template);
                (price.is_none(), price)
            }),
            CloudOrder::Reliability => {
                clouds.sort_by_key(|cloud| self.history.reliability.standing(&cloud.name));
            }
        }
        clouds
    }

    /// What the tenant said of a cloud; `None` where it wants no instances.
    fn preference(&self, cloud: &CloudName) -> Option<&CloudPreference> {
        let mut clouds = self.spec.clouds.iter();
        clouds.find(|preference| preference.name == *cloud)
    }

    /// Whether an instance may never come: it is wished for in a cloud that does not answer. It may exist, so it still takes
    /// room under the maximum; but it is not counted on (C-24).
    pub fn is_doubtful(&self, instance: &Instance) -> bool {
        instance.phase == Phase::Intent && self.is_refused(instance)
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
            let missing = missing.saturating_sub(yielding(ground, is_counted));
            let drawn = Placement {
                promote,
                ..Placement::default()
            };
            grow(ground, missing, drawn)
        }
        Ordering::Greater => Placement {
            remove: victims(ground, current - desired, desired),
            ..Placement::default()
        },
        Ordering::Equal => move_one(ground),
    };
    pool::tend(ground, pool, &mut placement);
    let going = placement.remove.iter().chain(&placement.discard);
    placement.replaced = going
        .filter_map(|id| Some((*id, outdated(ground, ground.instances.get(id)?)?)))
        .collect();
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

fn grow(ground: &Ground<'_>, missing: u32, mut placement: Placement) -> Placement {
    let Instances { max, surge, .. } = ground.spec.instances;
    let mut search = Search::new(ground, &placement);
    placement.launch = search.berths(missing, max.saturating_add(surge));
    search.tell(&mut placement);
    placement.short_of = missing - count(placement.launch.iter());
    placement
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

/// The place of a cloud in an order of them; one that is not in it comes last.
fn rank(clouds: &[&CloudPreference], cloud: &CloudName) -> usize {
    clouds
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

pub(crate) fn count<T>(items: impl Iterator<Item = T>) -> u32 {
    u32::try_from(items.count()).unwrap_or(u32::MAX)
}
