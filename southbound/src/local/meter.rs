//! Measures instances from outside, by what the kernel counts for them: no agent in the instance, and no way for it to lie.

mod network;
mod reading;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use async_trait::async_trait;
use controller::amount::Amount;
use controller::id::InstanceId;
use controller::load::{Metric, Sample};
use controller::ports::{Measurement, Meter, MeterError};
use jiff::Timestamp;
use nix::sys::statvfs::statvfs;

use super::bundle::{self, Bundle};
use super::cgroup::Hierarchies;
use super::convert;
use super::settings::{SettingsError, check_deployment};
use crate::tag;
use network::carried;
use reading::{Reading, SPAN_MAX, counters, next, ratio};

/// Measures the instances of one deployment, in all its local clouds: `cpu` and `memory` as shares of their limits,
/// `disk_free` as the share that is free of the file system that their roots are on, and `disk_read`, `disk_write`,
/// `network_in` and `network_out` in MB/s.
///
/// What is a rate is the mean between two readings that are at least 0.4 s apart. Asked again sooner, it repeats the last
/// value with the time of that reading, so that nobody takes it for fresh. Memory is what the kernel could not simply give
/// up: without inactive cached files. An instance that does not run gives no sample, and a metric that this kernel does not
/// count none either.
#[derive(Debug)]
pub struct LocalMeter {
    deployment: String,
    /// See [`LocalSettings::state`](super::LocalSettings::state).
    state: PathBuf,
    hierarchies: Hierarchies,
    /// The last reading of each group that was there when it was last asked for.
    seen: Arc<Mutex<BTreeMap<PathBuf, Reading>>>,
}

impl LocalMeter {
    /// A meter for this deployment, whose local clouds keep what they need in `state`.
    pub fn new(deployment: &str, state: &Path) -> Result<Self, SettingsError> {
        check_deployment(deployment)?;
        Ok(Self {
            deployment: deployment.to_owned(),
            state: state.to_owned(),
            hierarchies: Hierarchies::of_machine().map_err(SettingsError::Cgroups)?,
            seen: Arc::default(),
        })
    }
}

/// Where an instance is found.
struct Found {
    instance: InstanceId,
    group: PathBuf,
    bundle: Bundle,
}

#[async_trait]
impl Meter for LocalMeter {
    async fn sample(&self, asked: &Measurement<'_>) -> Result<Vec<Sample>, MeterError> {
        let Measurement {
            tenant,
            instances,
            now,
            ..
        } = *asked;
        let found = instances.iter().map(|instance| {
            let name = tag::provider(&self.deployment, &instance.cloud, tenant, instance.id);
            Found {
                instance: instance.id,
                group: convert::cgroup(&self.deployment, &name.0),
                bundle: Bundle::new(&bundle::instances(&self.state, &instance.cloud), &name.0),
            }
        });
        let found: Vec<_> = found.collect();
        let (hierarchies, seen) = (self.hierarchies.clone(), Arc::clone(&self.seen));
        let read = move || {
            let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
            forget_old(&mut seen, Instant::now());
            let samples = found.into_iter().flat_map(|found| {
                let sample = move |(metric, value, at)| Sample {
                    instance: Some(found.instance),
                    metric,
                    value,
                    at,
                };
                let values = read(&hierarchies, &mut seen, &found, now.steady);
                values.into_iter().map(sample)
            });
            samples.collect()
        };
        // The kernel may have to add up what every core has counted.
        tokio::task::spawn_blocking(read)
            .await
            .map_err(|cause| MeterError {
                meter: "local",
                detail: cause.to_string(),
            })
    }
}

/// What nobody has asked for in a long time is of an instance that is gone.
fn forget_old(seen: &mut BTreeMap<PathBuf, Reading>, now: Instant) {
    seen.retain(|_, reading| now.saturating_duration_since(reading.read) < SPAN_MAX);
}

/// Everything that can be said of one instance, and of when.
fn read(
    hierarchies: &Hierarchies,
    seen: &mut BTreeMap<PathBuf, Reading>,
    found: &Found,
    at: Timestamp,
) -> Vec<(Metric, Amount, Timestamp)> {
    let Found { group, bundle, .. } = found;
    let pids = hierarchies.pids(group).unwrap_or_default();
    if pids.is_empty() {
        seen.remove(group);
        return Vec::new();
    }
    // Its number may be someone else's by now, unless it is in the group.
    let first = bundle.first_pid().filter(|first| pids.contains(first));
    let usage = hierarchies.usage(group);
    let moved = hierarchies.moved(group, &pids);
    let counters = counters(usage.as_ref(), moved, first.and_then(carried));
    let reading = next(
        seen.get(group),
        counters,
        usage.as_ref(),
        Instant::now(),
        at,
    );
    let memory = usage.and_then(|usage| ratio(usage.memory.into(), usage.memory_limit.into()));
    let shares = [
        (Metric::Memory, memory),
        (Metric::DiskFree, free(&bundle.upper())),
    ];
    let shares = shares
        .into_iter()
        .filter_map(|(metric, share)| Some((metric, share?, at)));
    let rates = reading.last.clone().into_iter();
    let values = rates.map(|(metric, (value, at))| (metric, value, at));
    let values = values.chain(shares).collect();
    seen.insert(group.clone(), reading);
    values
}

/// The share of a file system that somebody without privileges could still write, as `df` has it. Where a quota limits the
/// directory, most file systems tell that instead.
fn free(directory: &Path) -> Option<Amount> {
    let found = statvfs(directory).ok()?;
    let used = found.blocks().checked_sub(found.blocks_free())?;
    let available = u128::from(found.blocks_available());
    ratio(available, available + u128::from(used))
}
