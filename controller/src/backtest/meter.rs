//! What the metrics of a policy would have read, had the load of a trace met so many instances.
//!
//! An instance that carries `capacity` within what its users expect is then at 80 % of what it can do: it saturates at 1.25
//! times the capacity. From that follow shares and response times; every other metric is the load itself, shared out evenly.

use crate::amount::Amount;
use crate::decision::{Reading, Readings};
use crate::history::History;
use crate::load::{Metric, Sample, Unit};
use crate::pace::Pace;
use crate::policy::Response;
use crate::spec::TenantSpec;
use crate::time::Now;

/// The share of itself that an instance uses when it carries its capacity.
const AT_CAPACITY: f64 = 0.8;
/// Whoever waits longer than this has given up, so that no answer takes longer.
const TIMEOUT_S: f64 = 10.0;

/// What is read, and how it follows from the load.
#[derive(Debug)]
pub(super) struct Meter {
    capacity: f64,
    /// Each metric of the policy, with the value that is high for one instance.
    metrics: Vec<(Metric, Amount)>,
}

/// The spec as it meets a trace, and its meter. A goal follows the load that is offered, whatever it follows in service: a
/// share would hide what is beyond saturation, and what it is a share of is in the capacity.
pub(super) fn fitted(spec: &TenantSpec, capacity: f64) -> (TenantSpec, Meter) {
    let mut spec = spec.clone();
    for signal in &mut spec.policy.signals {
        let Response::Goal(goal) = &mut signal.response else {
            continue;
        };
        let metric = &mut signal.monitor.metric;
        let carries = match goal.capacity {
            Some(share) if metric.is_share() => share.as_f64() / AT_CAPACITY * capacity,
            Some(carries) => carries.as_f64(),
            None => capacity,
        };
        goal.capacity = Amount::measured(carries);
        if matches!(metric.unit(), Unit::Share | Unit::Seconds) {
            *metric = Metric::RequestsPerSecond;
        }
    }
    let metrics = spec.policy.metrics().into_iter().collect();
    (spec, Meter { capacity, metrics })
}

impl Meter {
    /// The readings at `now` of a load that `served` instances met, of which so many still warm up. The history hears the
    /// totals, so that it tells a sudden zero.
    pub(super) fn read(
        &self,
        load: Option<Amount>,
        served: u32,
        warming: u32,
        history: &mut History,
        now: Now,
    ) -> Readings {
        let mut readings = Readings::new();
        for (metric, high) in &self.metrics {
            let is_of_group = matches!(metric, Metric::Pushed(_) | Metric::Prometheus(_));
            let warming = if metric.counts_while_warming() {
                0
            } else {
                warming
            };
            let expected = if is_of_group { 1 } else { served - warming };
            let mut reading = Reading {
                expected,
                warming,
                in_service: served,
                is_of_group,
                ..Reading::default()
            };
            if let Some(load) = load.filter(|_| expected > 0) {
                let total = self.total(metric, load, served, expected);
                let each = total.over(expected as usize);
                history.measure(&[Sample {
                    instance: None,
                    metric: metric.clone(),
                    value: each,
                    at: now.steady,
                }]);
                reading.sum = total;
                (reading.lowest, reading.highest) = (each, each);
                reading.fresh = expected;
            }
            let stale = Pace::default().stale();
            reading.is_suspect = history.is_suspect(None, metric, *high, now, stale);
            readings.insert(metric.clone(), reading);
        }
        readings
    }

    /// The sum over those of `served` instances that are measured.
    fn total(&self, metric: &Metric, load: Amount, served: u32, measured: u32) -> Amount {
        let of_capacity = load.as_f64() / (f64::from(served.max(1)) * self.capacity);
        let used = (AT_CAPACITY * of_capacity).min(1.0);
        let each = match metric.unit() {
            Unit::Share if *metric == Metric::DiskFree => 1.0 - used,
            Unit::Share => used,
            Unit::Seconds => self.response_time(used),
            Unit::PerSecond | Unit::Number => return load,
        };
        Amount::measured(each * f64::from(measured)).unwrap_or_default()
    }

    /// Seconds from a request to its answer, where the load is requests per second: an instance works on all its requests at
    /// the same time (M/M/1 with processor sharing), and on one alone for as long as it takes at most 1.25 times the capacity
    /// of them a second.
    fn response_time(&self, used: f64) -> f64 {
        let alone = AT_CAPACITY / self.capacity;
        (alone / (1.0 - used).max(f64::EPSILON)).min(TIMEOUT_S)
    }
}

/// A meter of one metric.
#[cfg(test)]
pub(super) fn of(capacity: f64, metric: Metric) -> Meter {
    Meter {
        capacity,
        metrics: vec![(metric, Amount::ONE)],
    }
}
