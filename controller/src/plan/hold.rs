//! What forbids to go by a low reading.

use std::collections::BTreeMap;

use crate::id::InstanceId;
use crate::instance::Instance;
use crate::observe::Observed;
use crate::settle;

/// Why fewer must not be wanted now, whatever the metric says: what is unwell looks idle (S4-63).
pub(super) fn hold(
    instances: &BTreeMap<InstanceId, Instance>,
    observed: &Observed,
) -> Option<String> {
    if let Err(error) = &observed.network {
        return Some(error.to_string());
    }
    if let Some(Err(error)) = observed.clouds.values().find(|answer| answer.is_err())
        && instances
            .values()
            .any(|instance| instance.cloud == error.cloud)
    {
        return Some(error.to_string());
    }
    let unwell = settle::unwell(instances, observed);
    if unwell > 0 {
        return Some(format!(
            "{unwell} instances do not answer their health check"
        ));
    }
    let leaving = instances
        .values()
        .filter(|instance| !instance.is_pooled)
        .filter_map(|instance| instance.drain.as_ref());
    let replaced = leaving.filter(|drain| drain.cause.is_breakage());
    match replaced.count() {
        0 => None,
        replaced => Some(format!("{replaced} broken instances are being replaced")),
    }
}
