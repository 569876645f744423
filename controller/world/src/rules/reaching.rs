//! What must hold when a client connects.

use controller::id::InstanceId;

use crate::oracle::Rule;
use crate::truth::Truth;

/// The rules have led a client to an instance.
pub(crate) fn judge(truth: &mut Truth, tenant: usize, id: InstanceId) {
    let now = truth.now;
    let found = serving(truth, tenant, id);
    truth.oracle.judge(Rule::I10, now, found);
}

/// I10: it serves; or something has befallen it that was not our doing.
pub(crate) fn serving(truth: &Truth, tenant: usize, id: InstanceId) -> Option<String> {
    let now = truth.now;
    let Some(real) = truth.real(tenant, id) else {
        // What a cloud lost long ago is none of ours to have removed.
        return truth.tenants[tenant]
            .deeds
            .removed
            .contains(&id)
            .then(|| format!("a client was led to {id}, which we have removed"));
    };
    if real.serves(now) {
        None
    } else if now >= real.leaves_from && real.leaves_from < real.stopped_from.min(real.ill.0) {
        Some(format!(
            "a client was led to {id}, which we have had removed"
        ))
    } else if !real.has_begun(now) {
        Some(format!(
            "a client was led to {id}, which has never been well"
        ))
    } else {
        None
    }
}
