//! Measures instances by what libvirt counts for them: no agent in the instance, and no way for it to lie about its processor, disk
//! and network. Memory is what the balloon driver in it reports.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use controller::amount::Amount;
use controller::id::InstanceId;
use controller::load::{Metric, Sample};
use controller::ports::{Measurement, Meter, MeterError};
use jiff::Timestamp;
use southbound::tag;
use virt_sys as sys;

use crate::error::Trouble;
use crate::fleet::Fleet;
use crate::raw::{self, Counted};

/// Two readings closer than this say more about the scheduler's periods than about the load.
const SPAN_MIN: Duration = Duration::from_millis(400);
/// A mean over a longer time than this says nothing about now: the next reading begins anew.
const SPAN_MAX: Duration = Duration::from_mins(5);
/// The balloon driver reports every five seconds; what it said this long ago says nothing about now.
const BALLOON_OLD: Duration = Duration::from_secs(30);

/// Measures the instances of one libvirt cloud: `cpu` and `memory` as shares of what their template gives them, and `disk_read`,
/// `disk_write`, `network_in` and `network_out` in MB/s. One call to each host for all of them.
///
/// What is a rate is the mean between two readings that are at least 0.4 s apart; asked again sooner, it repeats the last value with
/// the time of that reading. An instance that does not run gives no sample. Fails where no host answers; a host that does
/// not gives none.
pub struct LibvirtMeter {
    fleet: Arc<Fleet>,
    seen: Arc<Mutex<BTreeMap<InstanceId, Reading>>>,
}

/// What the next reading of an instance is compared with.
#[derive(Debug, Clone)]
struct Reading {
    counters: BTreeMap<Metric, u64>,
    read: Instant,
    /// What happened until then, and of when that is.
    last: BTreeMap<Metric, (Amount, Timestamp)>,
    /// What the balloon driver's last report was called, and when it was first seen.
    report: Option<(u64, Instant)>,
}

impl LibvirtMeter {
    pub(crate) fn new(fleet: Arc<Fleet>) -> Self {
        Self {
            fleet,
            seen: Arc::default(),
        }
    }
}

impl std::fmt::Debug for LibvirtMeter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LibvirtMeter").finish_non_exhaustive()
    }
}

#[async_trait]
impl Meter for LibvirtMeter {
    async fn sample(&self, asked: &Measurement<'_>) -> Result<Vec<Sample>, MeterError> {
        let settings = &self.fleet.settings;
        let of_cloud = asked
            .instances
            .iter()
            .filter(|instance| instance.cloud == settings.cloud);
        let names: BTreeMap<String, InstanceId> = of_cloud
            .map(|instance| {
                let name = tag::provider(
                    &settings.deployment,
                    &settings.cloud,
                    asked.tenant,
                    instance.id,
                );
                (name.0, instance.id)
            })
            .collect();
        if names.is_empty() {
            return Ok(Vec::new());
        }
        let groups = sys::VIR_DOMAIN_STATS_STATE
            | sys::VIR_DOMAIN_STATS_CPU_TOTAL
            | sys::VIR_DOMAIN_STATS_VCPU
            | sys::VIR_DOMAIN_STATS_BALLOON
            | sys::VIR_DOMAIN_STATS_INTERFACE
            | sys::VIR_DOMAIN_STATS_BLOCK;
        let read = move |link: &crate::link::Link| {
            raw::statistics(&link.connection, groups)
                .map_err(|cause| Trouble::said("reading statistics", &cause))
        };
        let answers = self.fleet.hosts.ask(read).await;
        if let [Err(trouble), ..] = answers.as_slice()
            && answers.iter().all(Result::is_err)
        {
            return Err(MeterError {
                meter: "libvirt",
                detail: trouble.detail.clone(),
            });
        }
        let (now, at) = (Instant::now(), asked.now.steady);
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.retain(|_, reading| now.saturating_duration_since(reading.read) < SPAN_MAX);
        let counted = answers.into_iter().flatten().flatten();
        let samples = counted.flat_map(|counted| match names.get(&counted.name) {
            Some(&id) => samples(&mut seen, id, &counted, now, at),
            None => Vec::new(),
        });
        Ok(samples.collect())
    }
}

/// Everything that can be said of one instance, and of when.
fn samples(
    seen: &mut BTreeMap<InstanceId, Reading>,
    id: InstanceId,
    counted: &Counted,
    now: Instant,
    at: Timestamp,
) -> Vec<Sample> {
    let value = |key: &str| counted.values.get(key).copied();
    if value("state.state") != Some(u64::from(sys::VIR_DOMAIN_RUNNING)) {
        seen.remove(&id);
        return Vec::new();
    }
    let before = seen.get(&id);
    let reading = next(before, counted, now, at);
    let memory = memory(counted).filter(|_| {
        let report = reading.report.as_ref();
        report.is_some_and(|(_, first)| now.saturating_duration_since(*first) < BALLOON_OLD)
    });
    let sample = |metric, value, at| Sample {
        instance: Some(id),
        metric,
        value,
        at,
    };
    let rates = reading.last.iter();
    let rates = rates.map(|(metric, (value, at))| sample(metric.clone(), *value, *at));
    let samples = rates
        .chain(memory.map(|value| sample(Metric::Memory, value, at)))
        .collect();
    seen.insert(id, reading);
    samples
}

/// The reading after `before`; where it is too soon for another, the same again.
fn next(before: Option<&Reading>, counted: &Counted, now: Instant, at: Timestamp) -> Reading {
    let counters = counters(counted);
    let said = counted.values.get("balloon.last-update").copied();
    let report = said.map(|said| {
        let same = before
            .and_then(|before| before.report)
            .filter(|(before, _)| *before == said);
        same.unwrap_or((said, now))
    });
    let mut last = BTreeMap::new();
    if let Some(before) = before {
        let span = now.saturating_duration_since(before.read);
        if span < SPAN_MIN {
            return Reading {
                report,
                ..before.clone()
            };
        }
        let vcpus = counted
            .values
            .get("vcpu.current")
            .copied()
            .unwrap_or(1)
            .max(1);
        for (metric, count) in &counters {
            // A counter that went back has begun anew: the instance was suspended meanwhile.
            let added = before.counters.get(metric);
            let added = added.and_then(|before| count.checked_sub(*before));
            let value = added.and_then(|added| match metric {
                Metric::Cpu => ratio(added.into(), span.as_nanos() * u128::from(vcpus)),
                _ => per_second(added, span),
            });
            if let Some(value) = value {
                last.insert(metric.clone(), (value, at));
            }
        }
    }
    Reading {
        counters,
        read: now,
        last,
        report,
    }
}

/// What was counted since the instance was started: nanoseconds and bytes. The first interface is the tenant's.
fn counters(counted: &Counted) -> BTreeMap<Metric, u64> {
    let value = |key: &str| counted.values.get(key).copied();
    let blocks = value("block.count").unwrap_or(0);
    let over_blocks = |what: &str| {
        let values = (0..blocks).filter_map(|block| value(&format!("block.{block}.{what}.bytes")));
        values.reduce(u64::saturating_add)
    };
    let counters = [
        (Metric::Cpu, value("cpu.time")),
        (Metric::DiskRead, over_blocks("rd")),
        (Metric::DiskWrite, over_blocks("wr")),
        (Metric::NetworkIn, value("net.0.rx.bytes")),
        (Metric::NetworkOut, value("net.0.tx.bytes")),
    ];
    counters
        .into_iter()
        .filter_map(|(metric, count)| Some((metric, count?)))
        .collect()
}

/// The share of its memory that the guest could not simply give up, as it reports it; nothing where it does not. What the host
/// sees of a guest's memory only ever grows, and says nothing about need.
fn memory(counted: &Counted) -> Option<Amount> {
    let value = |key: &str| counted.values.get(key).copied();
    let (all, usable) = (value("balloon.available")?, value("balloon.usable")?);
    ratio(all.saturating_sub(usable).into(), all.into())
}

/// Megabytes per second: a byte per second is just a millionth.
fn per_second(bytes: u64, span: Duration) -> Option<Amount> {
    let rate = (u128::from(bytes) * 1_000_000_000).checked_div(span.as_nanos())?;
    u64::try_from(rate).ok().map(Amount::from_millionths)
}

/// `part` of `whole`, one at most; a whole of nothing has no parts.
fn ratio(part: u128, whole: u128) -> Option<Amount> {
    let one = u128::from(Amount::ONE.millionths());
    let millionths = part.saturating_mul(one).checked_div(whole)?.min(one);
    u64::try_from(millionths).ok().map(Amount::from_millionths)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(values: &[(&str, u64)]) -> Counted {
        let values = values
            .iter()
            .map(|(key, value)| ((*key).to_owned(), *value));
        Counted {
            name: "x".to_owned(),
            values: values.chain([("state.state".to_owned(), 1)]).collect(),
        }
    }

    fn after(
        seen: &mut BTreeMap<InstanceId, Reading>,
        start: Instant,
        ms: u64,
        values: &[(&str, u64)],
    ) -> BTreeMap<Metric, u64> {
        let now = start + Duration::from_millis(ms);
        let samples = samples(
            seen,
            InstanceId::new(1, 1),
            &counted(values),
            now,
            Timestamp::UNIX_EPOCH,
        );
        samples
            .into_iter()
            .map(|sample| (sample.metric, sample.value.millionths()))
            .collect()
    }

    #[test]
    fn a_rate_needs_two_readings_and_a_share_is_of_all_processors() {
        let (mut seen, start) = (BTreeMap::new(), Instant::now());
        let first = [
            ("cpu.time", 0),
            ("vcpu.current", 2),
            ("net.0.rx.bytes", 0),
            ("block.count", 1),
            ("block.0.wr.bytes", 0),
        ];
        let second = [
            ("cpu.time", 1_000_000_000),
            ("vcpu.current", 2),
            ("net.0.rx.bytes", 3_000_000),
            ("block.count", 1),
            ("block.0.wr.bytes", 1_000_000),
        ];

        assert!(after(&mut seen, start, 0, &first).is_empty());
        let rates = after(&mut seen, start, 1_000, &second);

        assert_eq!(rates[&Metric::Cpu], 500_000);
        assert_eq!(rates[&Metric::NetworkIn], 3_000_000);
        assert_eq!(rates[&Metric::DiskWrite], 1_000_000);
        assert!(
            !rates.contains_key(&Metric::DiskRead),
            "what is not counted is not zero"
        ); // I3
    }

    #[test]
    fn a_guest_that_reports_no_more_has_no_memory_reading() {
        let (mut seen, start) = (BTreeMap::new(), Instant::now());
        let report = [
            ("balloon.available", 100),
            ("balloon.usable", 25),
            ("balloon.last-update", 7),
        ];

        let fresh = after(&mut seen, start, 0, &report);
        let old = after(&mut seen, start, 31_000, &report);

        assert_eq!(fresh[&Metric::Memory], 750_000);
        assert!(!old.contains_key(&Metric::Memory)); // I3
    }

    #[test]
    fn what_does_not_run_says_nothing_and_begins_anew() {
        let (mut seen, start) = (BTreeMap::new(), Instant::now());
        after(&mut seen, start, 0, &[("cpu.time", 5)]);
        let stopped = counted(&[("state.state", 5)]);
        let stopped = Counted {
            values: [("state.state".to_owned(), 5)].into(),
            ..stopped
        };

        let none = samples(
            &mut seen,
            InstanceId::new(1, 1),
            &stopped,
            start,
            Timestamp::UNIX_EPOCH,
        );

        assert_eq!(none, []);
        assert!(seen.is_empty());
    }
}
