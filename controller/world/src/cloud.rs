//! What clouds do when they are asked, by their personality. The port's contract is kept: one intent makes one instance,
//! whoever asks however often.

use std::collections::{BTreeMap, BTreeSet};

use controller::id::{InstanceId, ProviderId};
use controller::offering::Offering;
use controller::ports::{CloudErrorKind, InstanceSeen, Launch};

use crate::draw::{CloudDrawn, Personality};
use crate::fault::Fault;
use crate::moment::{At, MINUTE, SECOND, Span};
use crate::mood::Moods;
use crate::real::{NEVER, Real};
use crate::rules;
use crate::truth::Truth;

pub(crate) mod port;

/// A zombie goes on for so long at most, so that it is gone before the end of the healing.
const LONGEST_ZOMBIE: Span = 15 * MINUTE;
/// What was removed can be seen for so long at most.
const LONGEST_LAG: Span = 120 * SECOND;

/// One cloud as it really is.
#[derive(Debug)]
pub(crate) struct Cloud {
    pub(crate) drawn: CloudDrawn,
    pub(crate) reals: BTreeMap<InstanceId, Real>,
    /// What was here once and is never made again.
    pub(crate) ended: BTreeSet<InstanceId>,
    pub(crate) moods: Moods,
}

impl Cloud {
    pub(crate) fn new(drawn: CloudDrawn) -> Self {
        Self {
            drawn,
            reals: BTreeMap::new(),
            ended: BTreeSet::new(),
            moods: Moods::default(),
        }
    }

    /// Those of a tenant that take room.
    pub(crate) fn of(&self, tenant: usize, now: At) -> impl Iterator<Item = &Real> {
        let is_meant = move |real: &&Real| real.tenant == Some(tenant) && real.exists(now);
        self.reals.values().filter(is_meant)
    }

    /// Whether all that it has of an offering is taken.
    fn has_no_room_for(&self, offering: &Offering, now: At) -> bool {
        let there = self.reals.values().filter(|real| real.exists(now));
        let there = there.filter(|real| real.offering == *offering).count();
        self.drawn
            .rooms
            .get(offering)
            .is_some_and(|room| there >= *room)
    }

    fn forget_gone(&mut self, now: At) {
        let ended = &mut self.ended;
        self.reals.retain(|id, real| {
            let is_kept = real.exists(now) || real.is_shown(now);
            if !is_kept {
                ended.insert(*id);
            }
            is_kept
        });
    }
}

fn seen(real: &Real, now: At) -> InstanceSeen {
    InstanceSeen {
        provider: real.provider.clone(),
        id: real.id,
        state: real.state(now),
    }
}

/// Every instance of the tenant, as far as the cloud shows it.
pub(crate) fn list(truth: &mut Truth, cloud: usize, tenant: usize) -> Vec<InstanceSeen> {
    let now = truth.now;
    let chance = &mut truth.tenants[tenant].chances.cloud;
    let here = &mut truth.clouds[cloud];
    if here.moods.is_on(Fault::EmptyListing, now) {
        return Vec::new();
    }
    let is_partial = here.moods.is_on(Fault::PartialListing, now);
    let has_wrong_tags = here.moods.is_on(Fault::WrongTags, now);
    here.reals
        .values()
        .zip(0..)
        .filter(|(real, _)| real.tenant == Some(tenant) && real.is_shown(now))
        .filter(|_| !is_partial || chance.bool())
        .map(|(real, place)| {
            let seen = seen(real, now);
            if has_wrong_tags {
                let id = InstanceId::new(0, place);
                return InstanceSeen { id, ..seen };
            }
            seen
        })
        .collect()
}

/// Makes the instance of an intent exist.
pub(crate) fn launch(
    truth: &mut Truth,
    cloud: usize,
    tenant: usize,
    launch: &Launch,
) -> Result<InstanceSeen, CloudErrorKind> {
    let now = truth.now;
    let id = launch.instance.id;
    truth.clouds[cloud].forget_gone(now);
    if truth.clouds[cloud].ended.contains(&id) {
        truth.log.note(now, "asked for and over", tenant, id, "");
        truth.coverage.row("a token whose instance was terminated");
        return Err(CloudErrorKind::NotFound);
    }
    if let Some(real) = truth.clouds[cloud].reals.get_mut(&id) {
        if !real.exists(now) || now >= real.leaves_from {
            truth.coverage.row("a token whose instance was terminated");
            return Err(CloudErrorKind::NotFound);
        }
        truth
            .coverage
            .row("the same launch again, its instance exists");
        if real.is_half_made {
            truth.coverage.row("a half-made instance is started");
            real.is_half_made = false;
            real.running_from = now;
            real.well_from = real.well_from.max(now + SECOND);
        }
        return Ok(seen(real, now));
    }
    let there = truth.clouds[cloud]
        .reals
        .values()
        .filter(|real| real.exists(now));
    let is_full = there.count() >= truth.clouds[cloud].drawn.capacity;
    let offering = &launch.instance.offering;
    let has_no_such = truth.clouds[cloud].has_no_room_for(offering, now);
    if has_no_such {
        truth.coverage.row("an offering has no room");
    }
    if is_full || has_no_such || truth.clouds[cloud].moods.is_on(Fault::NoCapacity, now) {
        return Err(CloudErrorKind::NoCapacity);
    }
    let real = make(truth, cloud, tenant, launch);
    // Nobody is told of one that was not made whole.
    let is_unsaid = real.is_half_made || real.is_stillborn();
    let shown = seen(&real, now);
    if !truth.tenants[tenant].kept.records.contains_key(&id) {
        truth.late.insert(id);
    }
    rules::launching::judge(truth, cloud, tenant, &real);
    truth.log.note(now, "made", tenant, id, "");
    truth.clouds[cloud].reals.insert(id, real);
    if is_unsaid {
        return Err(CloudErrorKind::Unreachable);
    }
    Ok(shown)
}

/// The instance that a launch makes, with its fate.
fn make(truth: &mut Truth, cloud: usize, tenant: usize, launch: &Launch) -> Real {
    let now = truth.now;
    let Truth {
        clouds,
        tenants,
        faults,
        ..
    } = truth;
    let here = &mut clouds[cloud];
    let chance = &mut tenants[tenant].chances.cloud;
    let personality = here.drawn.personality;
    let starts = match personality {
        Personality::Ec2 => chance.u64(1..=20) * SECOND,
        Personality::Gce => chance.u64(2..=60) * SECOND,
        Personality::Libvirt => 0,
    };
    let mut boots = here.drawn.boot / 2 + chance.u64(..=here.drawn.boot);
    if faults.strikes(Fault::BootSlow, 0.1, chance) {
        boots *= 6;
    }
    let mut running_from = now + starts;
    if faults.strikes(Fault::BootNever, 0.03, chance) {
        running_from = NEVER;
    }
    let mut well_from = running_from.saturating_add(boots);
    let is_hopeless = here.moods.is_on(Fault::NeverHealthy, now);
    if is_hopeless || faults.strikes(Fault::NeverHealthy, 0.03, chance) {
        well_from = NEVER;
    }
    let shown_from = match personality {
        Personality::Ec2 if faults.strikes(Fault::LagAfterCreate, 0.5, chance) => {
            now + chance.u64(..=LONGEST_LAG)
        }
        _ => now,
    };
    let is_half_made =
        personality == Personality::Libvirt && faults.strikes(Fault::HalfMade, 0.1, chance);
    let fails =
        personality == Personality::Gce && faults.strikes(Fault::OperationFails, 0.05, chance);
    let is_stillborn =
        personality == Personality::Ec2 && faults.strikes(Fault::Stillborn, 0.05, chance);
    Real {
        tenant: Some(tenant),
        id: launch.instance.id,
        provider: ProviderId(format!("{}/{}", here.drawn.name, launch.instance.id)),
        address: launch.instance.address,
        offering: launch.instance.offering.clone(),
        made: now,
        is_half_made,
        is_to_fail: fails,
        running_from: if is_half_made { NEVER } else { running_from },
        well_from,
        ill: (NEVER, NEVER),
        stopped_from: NEVER,
        leaves_from: NEVER,
        gone_from: if is_stillborn {
            now + SECOND
        } else if fails {
            running_from.min(now + MINUTE)
        } else {
            NEVER
        },
        shown: (if is_stillborn { NEVER } else { shown_from }, 0),
    }
}

/// Makes this very instance exist no more.
pub(crate) fn terminate(truth: &mut Truth, cloud: usize, tenant: usize, provider: &ProviderId) {
    let now = truth.now;
    let named = |real: &&Real| real.provider == *provider && real.exists(now);
    let Some(real) = truth.clouds[cloud].reals.values().find(named).cloned() else {
        return;
    };
    if now >= real.leaves_from {
        return;
    }
    rules::removing::judge(truth, cloud, tenant, &real);
    let Truth {
        clouds,
        tenants,
        faults,
        ..
    } = truth;
    let here = &mut clouds[cloud];
    let personality = here.drawn.personality;
    let chance = &mut tenants[tenant].chances.cloud;
    let mut takes = match personality {
        Personality::Ec2 => chance.u64(1..=40) * SECOND,
        Personality::Gce => chance.u64(2..=90) * SECOND,
        Personality::Libvirt => 0,
    };
    if faults.strikes(Fault::Zombie, 0.05, chance) {
        takes = chance.u64(MINUTE..=LONGEST_ZOMBIE);
    }
    let gone = now + takes;
    let lags =
        personality == Personality::Ec2 && faults.strikes(Fault::LagAfterDelete, 0.5, chance);
    let shown_until = if lags {
        gone + chance.u64(..=LONGEST_LAG)
    } else {
        gone
    };
    if let Some(real) = here.reals.get_mut(&real.id) {
        real.leaves_from = now;
        real.gone_from = gone;
        real.shown.1 = shown_until;
    }
    truth.tenants[tenant].deeds.removed.insert(real.id);
    truth.cut(tenant, real.id);
    truth.log.note(now, "removed", tenant, real.id, "");
}
