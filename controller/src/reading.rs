//! From samples to one reading: who should have been measured, who was, and how much it was in all.

use std::collections::BTreeMap;

use jiff::SignedDuration;

use crate::amount::Amount;
use crate::decision::Reading;
use crate::history::History;
use crate::id::InstanceId;
use crate::instance::{Instance, Phase};
use crate::spec::TenantSpec;
use crate::time::Now;

/// What tells whose samples count.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Warmth<'a> {
    pub(crate) spec: &'a TenantSpec,
    pub(crate) history: &'a History,
    pub(crate) now: Now,
    pub(crate) stale: SignedDuration,
}

/// The reading of this tick; `None` where the policy follows no metric.
pub(crate) fn read(
    warmth: &Warmth<'_>,
    instances: &BTreeMap<InstanceId, Instance>,
) -> Option<Reading> {
    let Warmth {
        spec,
        history,
        now,
        stale,
    } = *warmth;
    let dynamic = spec.policy.dynamic.as_ref()?;
    let mut reading = Reading {
        sum: Amount::ZERO,
        fresh: 0,
        expected: 0,
        warming: 0,
        is_suspect: false,
    };
    for instance in instances
        .values()
        .filter(|instance| instance.phase == Phase::InService)
    {
        if is_warming(instance, spec, now) {
            reading.warming += 1;
            continue;
        }
        reading.expected += 1;
        if let Some(sample) = history.fresh(instance.id, dynamic.metric, now, stale) {
            reading.fresh += 1;
            reading.sum = reading.sum + sample.value;
        }
        reading.is_suspect |=
            history.is_suspect(instance.id, dynamic.metric, dynamic.threshold, now, stale);
    }
    Some(reading)
}

/// Whether an instance is so new that what it reports does not count yet (S4-59).
fn is_warming(instance: &Instance, spec: &TenantSpec, now: Now) -> bool {
    instance
        .in_service
        .is_none_or(|since| now.since(since) < spec.policy.warm_up)
}
