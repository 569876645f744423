//! What must hold when the rules change.

use std::collections::BTreeSet;

use controller::id::InstanceId;
use controller::instance::{Instance, Phase};
use controller::network::NetworkPlan;

use super::{KNOWN_AFTER, STOPPED, is_full_of_leaving};
use crate::fault::Fault;
use crate::moment::{At, MINUTE};
use crate::oracle::Rule;
use crate::truth::Truth;

/// A change of a tenant's rules.
pub(crate) struct Change {
    tenant: usize,
    /// What was so before this may not be known yet.
    known: At,
    before: BTreeSet<InstanceId>,
    after: BTreeSet<InstanceId>,
    is_open: bool,
    named: BTreeSet<InstanceId>,
}

impl Change {
    pub(crate) fn of(truth: &Truth, node: usize, tenant: usize, plan: &NetworkPlan) -> Self {
        let woke = truth.nodes[node].woke;
        let is_groggy = woke > 0 && truth.now - woke < MINUTE;
        let lag = KNOWN_AFTER + if is_groggy { STOPPED } else { 0 };
        let backends = plan.endpoints.iter().filter(|endpoint| endpoint.is_backend);
        Self {
            tenant,
            known: truth.now.saturating_sub(lag),
            before: truth.tenants[tenant]
                .network
                .backends
                .iter()
                .copied()
                .collect(),
            after: backends.map(|endpoint| endpoint.instance).collect(),
            is_open: plan.is_open,
            named: plan
                .endpoints
                .iter()
                .map(|endpoint| endpoint.instance)
                .collect(),
        }
    }

    /// Whether an instance serves and has done for so long that everybody knows, and the probes could tell.
    fn is_known_well(&self, truth: &Truth, id: InstanceId) -> bool {
        let blind = truth.tenants[self.tenant]
            .network
            .moods
            .was_on(Fault::ProbesBlind, self.known);
        let real = truth.real(self.tenant, id);
        !blind
            && real.is_some_and(|real| real.serves(truth.now) && real.since(truth.now) < self.known)
    }
}

/// The rules are about to change.
pub(crate) fn judge(truth: &mut Truth, node: usize, tenant: usize, plan: &NetworkPlan) {
    let now = truth.now;
    let change = Change::of(truth, node, tenant, plan);
    let found = [
        (Rule::I2, floor(truth, &change)),
        (Rule::I10, steered(truth, &change)),
        (Rule::I11, emptied(truth, &change)),
        (Rule::I12, own(truth, &change)),
        (Rule::I15, kept(truth, &change)),
    ];
    for (rule, found) in found {
        truth.oracle.judge(rule, now, found);
    }
}

/// Whether it goes because it was broken; it may be well again by now, and is replaced all the same.
fn is_broken(record: Option<&Instance>) -> bool {
    let drain = record.and_then(|record| record.drain.as_ref());
    drain.is_some_and(|drain| drain.cause.is_breakage())
}

/// Whether it is being removed, in a tenant that has room for nobody else before.
fn makes_room(truth: &Truth, tenant: usize, record: Option<&Instance>) -> bool {
    let is_leaving = record.is_some_and(|record| record.phase == Phase::Terminating);
    is_leaving && is_full_of_leaving(truth, tenant)
}

/// I2: where somebody who serves is taken out, as many as the minimum stay, or as many as there were.
pub(crate) fn floor(truth: &Truth, change: &Change) -> Option<String> {
    let kept = &truth.tenants[change.tenant].kept;
    let taken = change.before.difference(&change.after);
    let is_chosen = |id: &&InstanceId| {
        let record = kept.records.get(id);
        let is_forced = is_broken(record) || makes_room(truth, change.tenant, record);
        change.is_known_well(truth, **id) && !is_forced
    };
    let chosen = taken.filter(is_chosen).count();
    if chosen == 0 || !change.is_open {
        return None;
    }
    let ready = |id: &&InstanceId| {
        let real = truth.real(change.tenant, **id);
        real.is_some_and(|real| {
            real.serves(truth.now) || real.has_failed_since(change.known, truth.now)
        })
    };
    let serves = |id: &&InstanceId| {
        truth
            .real(change.tenant, **id)
            .is_some_and(|real| real.serves(truth.now))
    };
    let before = change.before.iter().filter(serves).count();
    let after = change.after.iter().filter(ready).count();
    let floor = before.min(kept.floor_since(change.known).max(1) as usize);
    (after < floor)
        .then(|| format!("{chosen} of {before} are taken out, {after} stay, {floor} must"))
}

/// I10: the rules lead to those that are recorded as serving, or as draining where nobody serves.
pub(crate) fn steered(truth: &Truth, change: &Change) -> Option<String> {
    let records = &truth.tenants[change.tenant].kept.records;
    let wrong = change.after.iter().find(|id| {
        let phase = records.get(id).map(|record| record.phase);
        !matches!(phase, Some(Phase::InService | Phase::Draining))
    })?;
    let phase = records
        .get(wrong)
        .map_or("gone", |record| record.phase.name());
    Some(format!(
        "the rules lead to {wrong}, which is recorded as {phase}"
    ))
}

/// I11: somebody is reached while anybody could serve.
pub(crate) fn emptied(truth: &Truth, change: &Change) -> Option<String> {
    if !change.after.is_empty() || !change.is_open || change.before.is_empty() {
        return None;
    }
    let records = &truth.tenants[change.tenant].kept.records;
    let able = change.before.iter().find(|id| {
        let phase = records.get(id).map(|record| record.phase);
        let is_meant = matches!(phase, Some(Phase::InService | Phase::Draining));
        is_meant && change.is_known_well(truth, **id)
    })?;
    Some(format!("the rules lead nowhere, and {able} could serve"))
}

/// I12: a tenant's network holds its own instances, and nothing else.
pub(crate) fn own(truth: &Truth, change: &Change) -> Option<String> {
    let records = &truth.tenants[change.tenant].kept.records;
    let stranger = change.named.iter().find(|id| !records.contains_key(id))?;
    Some(format!(
        "the network has {stranger}, which is not recorded for this tenant"
    ))
}

/// I15: nobody who serves well and is recorded as serving is taken out, whoever was restarted.
pub(crate) fn kept(truth: &Truth, change: &Change) -> Option<String> {
    if !change.is_open {
        return None;
    }
    let records = &truth.tenants[change.tenant].kept.records;
    let lost = change.before.difference(&change.after).find(|id| {
        let phase = records.get(id).map(|record| record.phase);
        phase == Some(Phase::InService) && change.is_known_well(truth, **id)
    })?;
    Some(format!(
        "{lost} serves, is recorded as serving, and is taken out"
    ))
}
