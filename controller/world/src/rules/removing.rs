//! What must hold when an instance is removed.

use controller::instance::Phase;

use crate::moment::{MINUTE, SECOND, Span, span};
use crate::oracle::Rule;
use crate::real::Real;
use crate::truth::Truth;

/// From the record that somebody drains to the rules that say so.
const ACTING: Span = 2 * SECOND;
/// Nodes that share a store go by clocks of their own, which differ by a few seconds.
const SKEW: Span = 8 * SECOND;

/// A cloud has accepted to remove an instance.
pub(crate) fn judge(truth: &mut Truth, _cloud: usize, tenant: usize, real: &Real) {
    let now = truth.now;
    let found = [
        (Rule::I7, recorded(truth, tenant, real)),
        (Rule::I10, steered(truth, tenant, real)),
        (Rule::I10, drained(truth, tenant, real)),
    ];
    for (rule, found) in found {
        truth.oracle.judge(rule, now, found);
    }
    if !truth.tenants[tenant].kept.records.contains_key(&real.id) {
        truth.coverage.row("an instance in no record is removed");
    }
}

/// I7, I16: it is recorded as going; or it is in no record and has been there for a while, and it is ours.
pub(crate) fn recorded(truth: &Truth, tenant: usize, real: &Real) -> Option<String> {
    if real.tenant != Some(tenant) {
        return Some(format!("{} is somebody else's", real.id));
    }
    match truth.tenants[tenant].kept.records.get(&real.id) {
        Some(record) if record.phase == Phase::Terminating => None,
        Some(record) => Some(format!(
            "{} is removed and recorded as {}",
            real.id, record.phase
        )),
        None if truth.now - real.made >= MINUTE => None,
        None => Some(format!(
            "{} is removed as a stray, too soon to know",
            real.id
        )),
    }
}

/// I10: the rules do not lead to it.
pub(crate) fn steered(truth: &Truth, tenant: usize, real: &Real) -> Option<String> {
    let leads = truth.tenants[tenant].network.leads_to(real.id);
    (leads && real.serves(truth.now))
        .then(|| format!("{} is removed while the rules lead to it", real.id))
}

/// I10: its connections had ended, or had their time.
pub(crate) fn drained(truth: &Truth, tenant: usize, real: &Real) -> Option<String> {
    let here = &truth.tenants[tenant];
    let live = here.network.live.get(&real.id).copied().unwrap_or(0);
    if live == 0 || !real.serves(truth.now) {
        return None;
    }
    let record = here.kept.records.get(&real.id)?;
    let limit = record.drain.as_ref().map_or(0, |drain| span(drain.limit));
    // After a leap of the clock all limits have passed.
    if here.leapt > 0 && truth.now - here.leapt < limit + MINUTE {
        return None;
    }
    if super::is_full_of_leaving(truth, tenant) {
        return None;
    }
    let had = here.network.unrouted_for(real.id, truth.now).unwrap_or(0);
    let skew = if truth.is_shared() { SKEW } else { 0 };
    (had + ACTING + skew < limit).then(|| {
        format!(
            "{live} connections of {} are cut {} s after the rules left it, its limit is {} s",
            real.id,
            had / SECOND,
            limit / SECOND
        )
    })
}
