//! What a person should know, with what to do about it.

use std::collections::BTreeMap;

use crate::decision::Decision;
use crate::id::InstanceId;
use crate::instance::{Instance, Phase};
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
    let serving: Vec<_> = instances
        .values()
        .filter(|instance| instance.phase == Phase::InService)
        .collect();
    let unwell = settle::unwell(instances, observed);
    if settle::is_braked(unwell, serving.len()) {
        alarms.push(format!(
            "{unwell} of {} instances do not answer their health check: they are replaced one at a time, \
             since the fault may be elsewhere",
            serving.len()
        ));
    }
    if placement.short_of > 0 {
        let refusals: Vec<String> = placement
            .passed_over
            .iter()
            .map(|(cloud, why)| format!("{cloud}: {why}"))
            .collect();
        let where_to = if refusals.is_empty() {
            "those on their way out take the room".to_owned()
        } else {
            refusals.join("; ")
        };
        alarms.push(format!(
            "{} more of {} cannot be launched now ({where_to})",
            placement.short_of, decision.desired
        ));
    }
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

/// Absence is not death (I6): one that answers is left alone.
fn is_lost(instance: &Instance, observed: &Observed) -> bool {
    instance.phase == Phase::InService
        && matches!(observed.sight(instance), Sight::Absent)
        && observed
            .endpoint(instance.id)
            .is_some_and(|seen| seen.health == Health::Healthy)
}
