//! What meters say of the load: the truth, or what a broken one makes of it.

use async_trait::async_trait;
use controller::amount::Amount;
use controller::id::InstanceId;
use controller::load::{Metric, Sample};
use controller::ports::{Measurement, Meter, MeterError};

use crate::fault::Fault;
use crate::moment::{MILLI, MINUTE, duration};
use crate::seat::Seat;
use crate::truth::Truth;

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
    let (is_zero, is_stuck, is_absurd) =
        (on(Fault::LiteralZero), on(Fault::Stuck), on(Fault::Absurd));
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
            let Some(value) = value(truth, tenant, instance.id, metric) else {
                continue;
            };
            let said = if is_zero {
                0.0
            } else if is_absurd {
                ABSURD
            } else if is_stuck {
                truth.tenants[tenant].stuck.unwrap_or(value)
            } else {
                value
            };
            truth.tenants[tenant].stuck = is_stuck.then_some(said);
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
    Ok(samples)
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
