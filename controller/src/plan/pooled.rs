//! What becomes of the warm pool: who comes to count, and who goes.

use std::collections::BTreeMap;

use jiff::SignedDuration;

use crate::decision::Decision;
use crate::id::InstanceId;
use crate::instance::{Cause, Instance, Phase};
use crate::place::{Placement, pool};
use crate::ports::Wish;
use crate::settle::{self, Change};
use crate::time::Now;

/// Those that count from now on. One that stands by is healthy, so it is in service with its record and one change of the
/// rules; one on its way in goes on as one of the number.
pub(super) fn promote(
    instances: &BTreeMap<InstanceId, Instance>,
    placement: &Placement,
    decision: &Decision,
    now: Now,
) -> Vec<Change> {
    let why = format!(
        "from the warm pool, {} of {} are there: {}",
        decision.current,
        decision.desired,
        decision.reason()
    );
    let promoted = placement.promote.iter().filter_map(|id| instances.get(id));
    promoted
        .map(|instance| {
            let counted = Instance {
                is_pooled: false,
                ..instance.clone()
            };
            if instance.phase == Phase::Standby {
                Change::enter(&counted, Phase::InService, why.as_str(), now)
            } else {
                Change::noted(counted)
            }
        })
        .collect()
}

/// Those that go because the pool is to be smaller, or elsewhere. Nobody is connected to them.
pub(super) fn discard(
    instances: &BTreeMap<InstanceId, Instance>,
    placement: &Placement,
    wish: &Wish,
    decision: &Decision,
    now: Now,
) -> Vec<Change> {
    let size = pool::size(wish, decision.desired);
    let leaves = |instance: &Instance| {
        if wish.orders.is_destroyed {
            return (Cause::Destroyed, "the tenant is being removed".to_owned());
        }
        if let Some(what) = placement.replaced.get(&instance.id) {
            return (Cause::Replaced, format!("template changed: {what}"));
        }
        let why = format!("of the warm pool, which should hold {size}, each where it is wanted");
        (Cause::ScaleIn, why)
    };
    let discarded = placement.discard.iter().filter_map(|id| instances.get(id));
    discarded
        .map(|instance| {
            let (cause, why) = leaves(instance);
            settle::drain(instance, cause, SignedDuration::ZERO, &why, now)
        })
        .collect()
}
