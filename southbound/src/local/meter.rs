//! Measures instances by their control groups: no agent in the instance, and no way for it to lie.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use controller::amount::Amount;
use controller::load::{Metric, Sample};
use controller::ports::{Measurement, Meter, MeterError};
use jiff::Timestamp;

use super::cgroup::{Hierarchies, Usage};
use super::convert;
use super::settings::{SettingsError, check_deployment};
use crate::tag;

/// Two readings closer than this say more about the scheduler's periods than about the load.
const SPAN_MIN: Duration = Duration::from_millis(400);
/// A mean over a longer time than this says nothing about now: the next reading begins anew.
const SPAN_MAX: Duration = Duration::from_mins(5);

/// Measures `cpu` and `memory` of the instances of one deployment, in all its local clouds, as shares of their limits.
///
/// CPU is the mean between two readings that are at least 0.4 s apart. Asked again sooner, it repeats the last value with
/// the time of that reading, so that nobody takes it for fresh. Memory is what the kernel could not simply give up: without
/// inactive cached files. An instance whose group cannot be read gives no sample.
#[derive(Debug)]
pub struct CgroupMeter {
    deployment: String,
    hierarchies: Hierarchies,
    /// The last reading of each group that was there when it was last asked for.
    seen: Arc<Mutex<BTreeMap<PathBuf, Reading>>>,
}

/// What the next reading is compared with.
#[derive(Debug, Clone, Copy)]
struct Reading {
    cpu_ns: u64,
    /// By a real clock, when it was really read: a tick's `now` is the moment at which the tick began.
    read: Instant,
    last: Option<(Amount, Timestamp)>,
}

impl CgroupMeter {
    /// A meter for this deployment.
    pub fn new(deployment: &str) -> Result<Self, SettingsError> {
        check_deployment(deployment)?;
        Ok(Self {
            deployment: deployment.to_owned(),
            hierarchies: Hierarchies::of_machine().map_err(SettingsError::Cgroups)?,
            seen: Arc::default(),
        })
    }
}

#[async_trait]
impl Meter for CgroupMeter {
    async fn sample(&self, asked: &Measurement<'_>) -> Result<Vec<Sample>, MeterError> {
        let Measurement {
            tenant,
            instances,
            now,
            ..
        } = *asked;
        let groups = instances.iter().map(|instance| {
            let name = tag::provider(&self.deployment, &instance.cloud, tenant, instance.id);
            (instance.id, convert::cgroup(&self.deployment, &name.0))
        });
        let groups: Vec<_> = groups.collect();
        let (hierarchies, seen) = (self.hierarchies.clone(), Arc::clone(&self.seen));
        let read = move || {
            let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
            forget_old(&mut seen, Instant::now());
            let samples = groups.into_iter().flat_map(|(instance, group)| {
                let (cpu, memory) = read(&hierarchies, &mut seen, &group, now.steady);
                let cpu = cpu.map(|(value, at)| (Metric::Cpu, value, at));
                let memory = memory.map(|value| (Metric::Memory, value, now.steady));
                let sample = move |(metric, value, at)| Sample {
                    instance: Some(instance),
                    metric,
                    value,
                    at,
                };
                cpu.into_iter().chain(memory).map(sample)
            });
            samples.collect()
        };
        // The kernel may have to add up what every core has counted.
        tokio::task::spawn_blocking(read)
            .await
            .map_err(|cause| MeterError {
                meter: "cgroup",
                detail: cause.to_string(),
            })
    }
}

/// What nobody has asked for in a long time is of an instance that is gone.
fn forget_old(seen: &mut BTreeMap<PathBuf, Reading>, now: Instant) {
    seen.retain(|_, reading| now.saturating_duration_since(reading.read) < SPAN_MAX);
}

/// One instance's CPU, where there is a value and of when, and its memory.
fn read(
    hierarchies: &Hierarchies,
    seen: &mut BTreeMap<PathBuf, Reading>,
    group: &Path,
    at: Timestamp,
) -> (Option<(Amount, Timestamp)>, Option<Amount>) {
    let Some(usage) = hierarchies.usage(group) else {
        seen.remove(group);
        return (None, None);
    };
    let memory = ratio(usage.memory.into(), usage.memory_limit.into());
    let read = Instant::now();
    let reading = next(seen.get(group), &usage, read, at);
    seen.insert(group.to_owned(), reading);
    (reading.last, memory)
}

/// The reading after `before`, or `before` itself where it is too soon for another.
fn next(before: Option<&Reading>, usage: &Usage, read: Instant, at: Timestamp) -> Reading {
    let first = Reading {
        cpu_ns: usage.cpu_ns,
        read,
        last: None,
    };
    let Some(before) = before else {
        return first;
    };
    // A counter that went back is another container's.
    let Some(used_ns) = usage.cpu_ns.checked_sub(before.cpu_ns) else {
        return first;
    };
    let span = read.saturating_duration_since(before.read);
    if span < SPAN_MIN {
        return *before;
    }
    let allowed_ns =
        span.as_nanos() * u128::from(usage.quota_us) / u128::from(usage.period_us.max(1));
    Reading {
        last: ratio(used_ns.into(), allowed_ns).map(|share| (share, at)),
        ..first
    }
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

    const HALF_A_CORE: Usage = Usage {
        cpu_ns: 0,
        quota_us: 10_000,
        period_us: 20_000,
        memory: 0,
        memory_limit: 1,
    };

    fn used(cpu_ms: u64) -> Usage {
        Usage {
            cpu_ns: cpu_ms * 1_000_000,
            ..HALF_A_CORE
        }
    }

    #[test]
    fn cpu_is_the_share_of_what_the_template_allows_between_two_readings() {
        let (start, at) = (Instant::now(), Timestamp::UNIX_EPOCH);

        let first = next(None, &used(1_000), start, at);
        let second = next(
            Some(&first),
            &used(1_250),
            start + Duration::from_secs(1),
            at,
        );

        assert_eq!(first.last, None);
        assert_eq!(second.last, Some((Amount::from_millionths(500_000), at)));
    }

    #[test]
    fn a_reading_too_soon_repeats_the_last_one_with_its_own_time() {
        let (start, at) = (Instant::now(), Timestamp::UNIX_EPOCH);
        let later = Timestamp::from_second(9).unwrap();
        let first = next(None, &used(0), start, at);
        let second = next(Some(&first), &used(500), start + Duration::from_secs(1), at);

        let soon = next(
            Some(&second),
            &used(700),
            start + Duration::from_millis(1_200),
            later,
        );

        assert_eq!(soon.last, Some((Amount::ONE, at)));
        assert_eq!(soon.cpu_ns, second.cpu_ns);
    }

    #[test]
    fn a_counter_that_went_back_gives_no_value() {
        let (start, at) = (Instant::now(), Timestamp::UNIX_EPOCH);
        let first = next(None, &used(5_000), start, at);

        let second = next(Some(&first), &used(10), start + Duration::from_secs(1), at);

        assert_eq!(second.last, None);
    }

    #[test]
    fn a_share_is_never_more_than_one_and_never_of_nothing() {
        assert_eq!(ratio(3, 2), Some(Amount::ONE));
        assert_eq!(ratio(3, 0), None);
    }
}
