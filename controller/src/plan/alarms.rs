//! What a person should know, with what to do about it.

use std::collections::BTreeMap;

use crate::decision::{Decision, Guard};
use crate::id::InstanceId;
use crate::instance::Instance;
use crate::network::Health;
use crate::observe::Observed;
use crate::observe::Sight;
use crate::place::Placement;
use crate::plan::Situation;
use crate::settle;

/// What a person should know.
pub(super) fn alarms(
    situation: &Situation<'_>,
    instances: &BTreeMap<InstanceId, Instance>,
    decision: &Decision,
    placement: &Placement,
) -> Vec<String> {
    let Situation { observed, wish, .. } = situation;
    let mut alarms = Vec::new();
    alarms.extend(
        observed
            .clouds
            .values()
            .filter_map(|answer| answer.as_ref().err().map(ToString::to_string)),
    );
    alarms.extend(observed.network.as_ref().err().map(ToString::to_string));
    alarms.extend(observed.samples.as_ref().err().map(ToString::to_string));
    if let Some((unwell, up)) = settle::brake(instances, observed) {
        alarms.push(format!(
            "{unwell} of {up} instances do not answer their health check: they are replaced one at a time, \
             since the fault may be elsewhere"
        ));
    }
    alarms.extend(short(decision, placement));
    let steps = decision.steps.iter();
    let bound = steps.filter(|step| step.guard == Guard::Budget);
    alarms.extend(bound.map(|step| step.note.clone()));
    if wish.orders.is_paused && decision.current < decision.desired {
        alarms.push("paused: what has failed is not replaced until `resume`".to_owned());
    }
    alarms.extend(
        instances
            .values()
            .filter(|instance| is_lost(instance, observed))
            .map(|instance| {
                format!(
                    "{} answers its health check, but its cloud does not show it",
                    instance.id
                )
            }),
    );
    alarms
}

/// What is wanted and cannot be launched now.
fn short(decision: &Decision, placement: &Placement) -> Option<String> {
    let refusals: Vec<String> = placement
        .passed_over
        .iter()
        .map(|(cloud, why)| format!("{cloud}: {why}"))
        .collect();
    let why = if refusals.is_empty() {
        "those on their way out take the room".to_owned()
    } else {
        refusals.join("; ")
    };
    if placement.short_of > 0 {
        return Some(format!(
            "{} more of {} cannot be launched now ({why})",
            placement.short_of, decision.desired
        ));
    }
    (placement.pool_short_of > 0 && !refusals.is_empty()).then(|| {
        format!(
            "{} more of the warm pool cannot be launched now ({why})",
            placement.pool_short_of
        )
    })
}

/// Absence is not death (I6): one that answers is left alone.
fn is_lost(instance: &Instance, observed: &Observed) -> bool {
    instance.phase.is_up()
        && matches!(observed.sight(instance), Sight::Absent)
        && observed
            .endpoint(instance.id)
            .is_some_and(|seen| seen.health == Health::Healthy)
}
