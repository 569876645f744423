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
            let mut reading = of_group(warmth, &metric, threshold)
                .unwrap_or_else(|| of_instances(warmth, &metric, threshold, instances));
            reading.in_service = in_service(instances);
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
        is_of_group: true,
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
    let mut by_requests = ByRequests::default();
    let mut fell = Vec::new();
    for instance in instances
        .values()
        .filter(|instance| instance.phase == Phase::InService)
    {
        if is_warming(instance, spec, now) && !metric.counts_while_warming() {
            reading.warming += 1;
            continue;
        }
        let id = Some(instance.id);
        let requests = history
            .fresh(id, &Metric::RequestsPerSecond, now, stale)
            .map(|sample| sample.value);
        if *metric == Metric::ResponseTime && requests == Some(Amount::ZERO) {
            // Who was asked nothing has answered nothing: no reading is missing.
            continue;
        }
        reading.expected += 1;
        if let Some(sample) = history.fresh(id, metric, now, stale) {
            if history.is_suspect(id, metric, threshold, now, stale) {
                fell.push((sample.value, requests));
                continue;
            }
            reading.add(sample.value);
            by_requests.add(sample.value, requests);
        } else if seeded!(F2) {
            reading.add(Amount::ZERO);
        }
    }
    // A few that fell to zero are not believed yet, like those that are silent, and must not hold all the others up (L9).
    reading.is_suspect = !fell.is_empty() && !reading.has_quorum();
    if reading.is_suspect {
        for (value, requests) in fell {
            reading.add(value);
            by_requests.add(value, requests);
        }
    }
    if *metric == Metric::ResponseTime
        && let Some(mean) = by_requests.mean()
    {
        reading.sum = mean.times(reading.fresh);
    }
    reading
}

fn in_service(instances: &BTreeMap<InstanceId, Instance>) -> u32 {
    let serving = instances
        .values()
        .filter(|instance| instance.phase == Phase::InService);
    u32::try_from(serving.count()).unwrap_or(u32::MAX)
}

/// A mean over requests: an instance that answers twice as many counts twice.
#[derive(Default)]
struct ByRequests {
    time: Amount,
    requests: Amount,
    is_partial: bool,
}

impl ByRequests {
    fn add(&mut self, each: Amount, requests: Option<Amount>) {
        self.is_partial |= requests.is_none();
        let requests = requests.unwrap_or_default();
        self.time = self.time + each.share(requests);
        self.requests = self.requests + requests;
    }

    /// `None` where the requests of an instance are not known: then all count the same.
    fn mean(&self) -> Option<Amount> {
        if self.is_partial {
            return None;
        }
        self.time.ratio(self.requests)
    }
}

/// Whether an instance is so new that what it reports does not count yet (S4-59).
fn is_warming(instance: &Instance, spec: &TenantSpec, now: Now) -> bool {
    instance
        .in_service
        .is_none_or(|since| now.since(since) < spec.policy.warm_up)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example;
    use crate::load::Sample;

    /// The reading of response times, of instances that gave so many seconds and requests per second each.
    fn response_time(of: &[(Option<u64>, Option<u32>)]) -> Reading {
        let mut spec = example::spec();
        example::target(&mut spec).0.metric = Metric::ResponseTime;
        let now = example::now().after(SignedDuration::from_mins(10));
        let mut history = History::new(SignedDuration::from_secs(10));
        let mut instances = BTreeMap::new();
        for (slot, (millis, requests)) in (0..).zip(of) {
            let instance = example::instance(slot);
            let sample = |metric, value| Sample {
                instance: Some(instance.id),
                metric,
                value,
                at: now.steady,
            };
            let millis = millis.map(|millis| Amount::from_millionths(millis * 1_000));
            let requests = requests.map(Amount::whole);
            let samples = [
                millis.map(|value| sample(Metric::ResponseTime, value)),
                requests.map(|value| sample(Metric::RequestsPerSecond, value)),
            ];
            history.measure(&samples.into_iter().flatten().collect::<Vec<_>>());
            instances.insert(instance.id, instance);
        }
        let warmth = Warmth {
            spec: &spec,
            history: &history,
            now,
            stale: SignedDuration::from_secs(30),
        };
        read(&warmth, &instances)[&Metric::ResponseTime]
    }

    // S1-06: (0.1 × 30 + 0.3 × 10) ÷ 40 = 0.15, not the 0.2 between the instances.
    #[test]
    fn response_times_are_a_mean_over_requests() {
        let reading = response_time(&[(Some(100), Some(30)), (Some(300), Some(10))]);
        assert_eq!(reading.sum, Amount::from_millionths(2 * 150_000));
        assert_eq!((reading.fresh, reading.expected), (2, 2));
        let unweighted = response_time(&[(Some(100), Some(30)), (Some(300), None)]);
        assert_eq!(unweighted.sum, Amount::from_millionths(400_000));
    }

    // I3, L9: seed 519 of the world, where one of seven or another had just become idle for half an hour.
    #[test]
    fn a_few_that_fall_to_zero_are_missing_and_many_are_a_reason_for_doubt() {
        let falling = |fallen: u32| {
            let mut history = History::new(SignedDuration::from_secs(10));
            let instances: BTreeMap<_, _> = (0..7)
                .map(example::instance)
                .map(|instance| (instance.id, instance))
                .collect();
            let now = example::now().after(SignedDuration::from_mins(10));
            for (at, idle) in [(now, 0), (now.after(SignedDuration::from_secs(10)), fallen)] {
                let value = |place| Amount::from_millionths(if place < idle { 0 } else { 500_000 });
                let sample = |(id, place)| Sample {
                    instance: Some(id),
                    metric: Metric::Cpu,
                    value: value(place),
                    at: at.steady,
                };
                let samples = instances.keys().copied().zip(0..).map(sample);
                history.measure(&samples.collect::<Vec<_>>());
            }
            let warmth = Warmth {
                spec: &example::spec(),
                history: &history,
                now: now.after(SignedDuration::from_secs(10)),
                stale: SignedDuration::from_secs(30),
            };
            let reading = read(&warmth, &instances)[&Metric::Cpu];
            (reading.fresh, reading.missing(), reading.is_suspect)
        };
        assert_eq!(falling(0), (7, 0, false));
        assert_eq!(falling(2), (5, 2, false));
        assert_eq!(falling(3), (7, 0, true));
        assert_eq!(falling(7), (7, 0, true));
    }

    #[test]
    fn who_was_asked_nothing_owes_no_response_time() {
        let reading = response_time(&[(Some(100), Some(30)), (None, Some(0)), (None, None)]);
        assert_eq!(
            (reading.fresh, reading.expected, reading.served()),
            (1, 2, 3)
        );
    }
}
