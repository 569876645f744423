//! From samples to one reading of each metric: who should have been measured, who was, and how much it was in all.

use std::collections::BTreeMap;

use jiff::SignedDuration;

use crate::amount::Amount;
use crate::decision::{Reading, Readings};
use crate::history::History;
use crate::id::InstanceId;
use crate::instance::{Instance, Phase};
use crate::load::Metric;
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

/// The readings of this tick, one for each metric that the policy needs.
pub(crate) fn read(warmth: &Warmth<'_>, instances: &BTreeMap<InstanceId, Instance>) -> Readings {
    let needed = warmth.spec.policy.metrics();
    needed
        .into_iter()
        .map(|(metric, threshold)| {
            let reading = of_group(warmth, &metric, threshold)
                .unwrap_or_else(|| of_instances(warmth, &metric, threshold, instances));
            (metric, reading)
        })
        .collect()
}

/// The reading of a metric of the whole group; `None` where nobody measures it so.
fn of_group(warmth: &Warmth<'_>, metric: &Metric, threshold: Amount) -> Option<Reading> {
    let Warmth {
        history,
        now,
        stale,
        ..
    } = *warmth;
    if !history.is_of_group(metric) {
        return None;
    }
    let mut reading = Reading {
        expected: 1,
        is_suspect: history.is_suspect(None, metric, threshold, now, stale),
        ..Reading::default()
    };
    if let Some(sample) = history.fresh(None, metric, now, stale) {
        reading.add(sample.value);
    }
    Some(reading)
}

fn of_instances(
    warmth: &Warmth<'_>,
    metric: &Metric,
    threshold: Amount,
    instances: &BTreeMap<InstanceId, Instance>,
) -> Reading {
    let Warmth {
        spec,
        history,
        now,
        stale,
    } = *warmth;
    let mut reading = Reading::default();
    for instance in instances
        .values()
        .filter(|instance| instance.phase == Phase::InService)
    {
        if is_warming(instance, spec, now) && !metric.counts_while_warming() {
            reading.warming += 1;
            continue;
        }
        reading.expected += 1;
        let id = Some(instance.id);
        if let Some(sample) = history.fresh(id, metric, now, stale) {
            reading.add(sample.value);
        }
        reading.is_suspect |= history.is_suspect(id, metric, threshold, now, stale);
    }
    reading
}

/// Whether an instance is so new that what it reports does not count yet (S4-59).
fn is_warming(instance: &Instance, spec: &TenantSpec, now: Now) -> bool {
    instance
        .in_service
        .is_none_or(|since| now.since(since) < spec.policy.warm_up)
}
