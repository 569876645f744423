//! What meters say of the load: the truth, or what a broken one makes of it.

use async_trait::async_trait;
use controller::amount::Amount;
use controller::id::InstanceId;
use controller::load::{Metric, Sample};
use controller::ports::{Measurement, Meter, MeterError};

use crate::fault::Fault;
use crate::moment::{At, MILLI, MINUTE, duration};
use crate::seat::Seat;
use crate::truth::{Tenant, Truth};

/// What a meter says that has gone mad.
const ABSURD: f64 = 1e8;

#[async_trait]
impl Meter for Seat {
    async fn sample(&self, asked: &Measurement<'_>) -> Result<Vec<Sample>, MeterError> {
        let tenant = self.tenant(asked.tenant);
        let answer = sample(&mut self.truth(), tenant, asked);
        self.sleep(20 * MILLI).await;
        answer
    }
}

fn sample(
    truth: &mut Truth,
    tenant: usize,
    asked: &Measurement<'_>,
) -> Result<Vec<Sample>, MeterError> {
    let now = truth.now;
    let on = |kind| truth.tenants[tenant].moods.is_on(kind, now);
    if on(Fault::MeterFails) {
        return Err(MeterError {
            meter: "world",
            detail: "it does not answer".to_owned(),
        });
    }
    if on(Fault::SilentAll) {
        return Ok(Vec::new());
    }
    let silent = truth.tenants[tenant]
        .silent
        .filter(|_| on(Fault::SilentOne));
    let at = if on(Fault::Late) {
        controller::time::later(asked.now.steady, -duration(10 * MINUTE))
    } else {
        asked.now.steady
    };
    let (is_silent, is_late) = (on(Fault::SilentMetric), on(Fault::Late));
    let silent_metric = truth.tenants[tenant].silent_metric.clone();
    let mut samples = Vec::new();
    for (place, instance) in asked.instances.iter().enumerate() {
        if truth
            .real(tenant, instance.id)
            .is_none_or(|real| !real.serves(now))
        {
            continue;
        }
        if silent == Some(place) {
            continue;
        }
        for metric in asked.metrics {
            if is_silent && silent_metric.as_ref() == Some(metric) {
                continue;
            }
            let Some(value) = value(truth, tenant, instance.id, metric) else {
                continue;
            };
            let said = said(truth, tenant, value);
            let Some(value) = Amount::measured(said) else {
                continue;
            };
            let (metric, instance) = (metric.clone(), Some(instance.id));
            samples.push(Sample {
                instance,
                metric,
                value,
                at,
            });
        }
    }
    note_zero(&mut truth.tenants[tenant], &samples, now, is_late);
    Ok(samples)
}

/// What a meter makes of a value.
fn said(truth: &mut Truth, tenant: usize, value: f64) -> f64 {
    let now = truth.now;
    let here = &mut truth.tenants[tenant];
    let is_stuck = here.moods.is_on(Fault::Stuck, now);
    // What is no number is no zero either: a meter with both faults is silent.
    let said = if here.moods.is_on(Fault::NotANumber, now) {
        f64::NAN
    } else if here.moods.is_on(Fault::LiteralZero, now) {
        0.0
    } else if here.moods.is_on(Fault::Absurd, now) {
        ABSURD
    } else if is_stuck {
        here.stuck.unwrap_or(value)
    } else {
        value
    };
    here.stuck = is_stuck.then_some(said);
    said
}

/// Remembers when a broken meter first said zero, and what was said before.
fn note_zero(tenant: &mut Tenant, samples: &[Sample], now: At, is_late: bool) {
    if !tenant.moods.is_on(Fault::LiteralZero, now) || is_late {
        let of_cpu = samples.iter().filter(|sample| sample.metric == Metric::Cpu);
        tenant.said = of_cpu.map(|sample| sample.value).min().unwrap_or_default();
        tenant.zeroed = None;
    } else if tenant.zeroed.is_none() && !samples.is_empty() {
        tenant.zeroed = Some((now, tenant.said));
    }
}

/// What an instance really carries.
pub(crate) fn value(truth: &Truth, tenant: usize, id: InstanceId, metric: &Metric) -> Option<f64> {
    let here = &truth.tenants[tenant];
    let live = f64::from(here.network.live.get(&id).copied().unwrap_or(0));
    match metric {
        Metric::Cpu => Some((live * here.clients.weight).min(1.0)),
        Metric::Connections => Some(live),
        _ => None,
    }
}
