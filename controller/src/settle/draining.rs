//! The way out of somebody who served: out of the rules, then its connections to zero or the limit, and only then away (I10).

use std::collections::BTreeMap;

use jiff::SignedDuration;

use super::Change;
use crate::id::InstanceId;
use crate::instance::{Instance, Phase};
use crate::network::{EndpointSeen, Health};
use crate::observe::{Observed, Sight};
use crate::place::count;
use crate::ports::{CloudState, Wish};
use crate::time::Now;

/// A connection request that passed the load balancer just before the rule went needs this long to be seen as a flow.
const SHORTEST_DRAIN: SignedDuration = SignedDuration::from_millis(300);

/// What became of one that drains.
pub(super) fn draining(
    instance: &Instance,
    instances: &BTreeMap<InstanceId, Instance>,
    observed: &Observed,
    wish: &Wish,
    removed: &[InstanceId],
    now: Now,
) -> Option<Change> {
    let endpoint = observed.endpoint(instance.id);
    let counted = count_flows(instance, endpoint, now);
    let plan = counted.drain.clone()?;
    let finished = |why: String| Some(Change::enter(&counted, Phase::Terminating, why, now));

    if let Sight::Seen(seen) = observed.sight(instance)
        && seen.state == CloudState::Stopped
    {
        return finished("it stopped while it drained".to_owned());
    }
    // The rules may lead to it still: they could not be changed yet, or nobody else serves (I11). They do, for all that is
    // known, while the network cannot be seen and it was never seen without them.
    let is_reached = !seeded!(F7)
        && !is_in_the_way(instance, instances, removed, observed, wish)
        && match endpoint {
            Some(seen) => seen.is_routed,
            None => observed.network.is_err() && plan.flows_at_start.is_none(),
        };
    let waited = now.since(plan.started);
    if !is_reached && plan.flows_at_end == Some(0) && waited >= SHORTEST_DRAIN {
        return finished("its last connection has ended".to_owned());
    }
    if !is_reached && waited >= plan.limit {
        let left = plan
            .flows_at_end
            .map_or("an unknown number of".to_owned(), |flows| flows.to_string());
        return finished(format!(
            "the drain limit of {:#} has passed with {left} connections left",
            plan.limit
        ));
    }
    (counted != *instance).then_some(Change::noted(counted))
}

/// Whether nobody can come to take its place before it goes: those that drain take all the room, and fewer than the minimum
/// serve. The unwell go first, then those that were broken, then the oldest; and one that is well waits for room that is being
/// made already.
fn is_in_the_way(
    instance: &Instance,
    instances: &BTreeMap<InstanceId, Instance>,
    removed: &[InstanceId],
    observed: &Observed,
    wish: &Wish,
) -> bool {
    let bounds = &wish.spec.instances;
    let left = count(instances.keys().filter(|id| !removed.contains(id)));
    let has_room = left < bounds.max.saturating_add(bounds.surge);
    let up = count(instances.values().filter(|other| other.phase.is_up()));
    if has_room || up >= bounds.min.max(1) || wish.orders.holds_still() {
        return false;
    }
    let is_well = |one: &Instance| {
        let seen = observed.endpoint(one.id);
        seen.is_none_or(|seen| seen.health != Health::Unhealthy)
    };
    let makes_room = |other: &Instance| match other.phase {
        Phase::Terminating => is_well(instance),
        phase => phase.is_coming(),
    };
    let draining = instances
        .values()
        .filter(|one| one.phase == Phase::Draining);
    let first = draining.min_by_key(|one| {
        let was_broken = one
            .drain
            .as_ref()
            .is_some_and(|drain| drain.cause.is_breakage());
        (is_well(one), !was_broken, one.id)
    });
    first.is_some_and(|first| first.id == instance.id) && !instances.values().any(makes_room)
}

/// Notes the flows of an instance that the rules, read back, lead to no more. Its time counts from when they do not: whoever
/// connected until then may stay for as long as the limit says (I10).
fn count_flows(instance: &Instance, endpoint: Option<&EndpointSeen>, now: Now) -> Instance {
    let mut counted = instance.clone();
    let (Some(seen), Some(drain)) = (endpoint, &mut counted.drain) else {
        return counted;
    };
    if seen.is_routed {
        (drain.flows_at_start, drain.flows_at_end) = (None, None);
    } else if let Some(flows) = seen.flows {
        if drain.flows_at_start.is_none() {
            drain.started = now.steady;
        }
        drain.flows_at_start.get_or_insert(flows);
        drain.flows_at_end = Some(flows);
    }
    counted
}
