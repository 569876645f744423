//! Connections and connections per second of every instance, from the load balancer's own counters; no agent.
//!
//! The chain that leads to an instance counts each connection once, since the NAT table sees only its first packet, and it
//! is left alone when the rules around it change. A counter that went back was reset by somebody: that reading is left out.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use controller::amount::Amount;
use controller::id::{CloudName, InstanceId, TenantName};
use controller::instance::Instance;
use controller::load::{Metric, Sample};
use controller::ports::{Measurement, Meter, MeterError};
use futures_util::future::join_all;
use jiff::Timestamp;

use super::table::Drops;
use super::{Detail, Host, said};
use crate::{conntrack, iptables, namespace};

/// Reads connections and connections per second of every instance from the load balancer's own counters; no agent.
pub struct LoadBalancerMeter {
    host: Arc<Host>,
    last: Mutex<BTreeMap<TenantName, Counts>>,
    drops: Drops,
}

/// How many connections each instance was ever given, and when that was read (steady).
type Counts = BTreeMap<InstanceId, (u64, Timestamp)>;

/// What one site shows.
struct Reading {
    cloud: CloudName,
    counters: crate::rules::Seen,
    flows: BTreeMap<std::net::Ipv4Addr, u32>,
}

impl fmt::Debug for LoadBalancerMeter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LoadBalancerMeter").finish_non_exhaustive()
    }
}

impl LoadBalancerMeter {
    pub(super) fn new(host: Arc<Host>) -> Self {
        Self {
            host,
            last: Mutex::default(),
            drops: Drops::default(),
        }
    }

    /// What a site shows; `None` where there is no such site yet.
    async fn read(
        &self,
        tenant: &TenantName,
        cloud: &CloudName,
    ) -> Result<Option<Reading>, Detail> {
        let site = self.host.names.site(tenant, cloud);
        if !namespace::exists(&site) {
            return Ok(None);
        }
        let workers = &self.host.workers;
        let counters = iptables::read_counters(workers, &site)
            .await
            .map_err(said)?;
        let flows = conntrack::flows(workers, &site).await.map_err(said)?;
        Ok(Some(Reading {
            cloud: cloud.clone(),
            counters,
            flows,
        }))
    }
}

#[async_trait]
impl Meter for LoadBalancerMeter {
    /// An error while new connections are dropped: those that are counted are not all that are wanted.
    async fn sample(&self, asked: &Measurement<'_>) -> Result<Vec<Sample>, MeterError> {
        let Measurement {
            tenant,
            instances,
            now,
            ..
        } = *asked;
        let mut clouds: Vec<_> = instances.iter().map(|i| &i.cloud).collect();
        clouds.sort();
        clouds.dedup();
        let (mut readings, mut problems) = (Vec::new(), Vec::new());
        for read in join_all(clouds.into_iter().map(|cloud| self.read(tenant, cloud))).await {
            match read {
                Ok(reading) => readings.extend(reading),
                Err(problem) => problems.push(problem),
            }
        }
        if readings.is_empty() && !problems.is_empty() {
            return Err(MeterError {
                meter: "load balancer",
                detail: problems.join("; "),
            });
        }
        let dropping = self.drops.look(&self.host, tenant, now.steady).await;
        if let Some(detail) = dropping {
            return Err(MeterError {
                meter: "load balancer",
                detail,
            });
        }
        let mut all = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let last = all.entry(tenant.clone()).or_default();
        last.retain(|id, _| instances.iter().any(|instance| instance.id == *id));
        let samples = samples(instances, &readings, last, now.steady);
        if last.is_empty() {
            all.remove(tenant);
            self.drops.forget(tenant);
        }
        Ok(samples)
    }
}

/// What the readings say of the instances that connections are sent to; `last` becomes what they show.
fn samples(
    instances: &[Instance],
    readings: &[Reading],
    last: &mut Counts,
    now: Timestamp,
) -> Vec<Sample> {
    let mut samples = Vec::new();
    for instance in instances {
        let Some(reading) = readings.iter().find(|r| r.cloud == instance.cloud) else {
            continue;
        };
        // One that no connection is sent to has no load that would say anything.
        let Some(count) = reading.counters.connections(instance.id) else {
            continue;
        };
        let mut add = |metric, value| {
            samples.push(Sample {
                instance: Some(instance.id),
                metric,
                value,
                at: now,
            });
        };
        let flows = reading.flows.get(&instance.address).copied().unwrap_or(0);
        add(Metric::Connections, Amount::whole(flows));
        let before = last.insert(instance.id, (count, now));
        if let Some(rate) = before.and_then(|before| rate(before, (count, now))) {
            add(Metric::ConnectionsPerSecond, rate);
        }
    }
    samples
}

/// Connections per second from one reading to the next; `None` where no time has passed, or the counter went back.
fn rate(before: (u64, Timestamp), after: (u64, Timestamp)) -> Option<Amount> {
    let new = after.0.checked_sub(before.0)?;
    let millis = u128::try_from(after.1.duration_since(before.1).as_millis()).ok()?;
    // Millionths of a connection per second.
    let rate = (u128::from(new) * 1_000_000_000).checked_div(millis)?;
    u64::try_from(rate).ok().map(Amount::from_millionths)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millisecond(millis).unwrap()
    }

    #[test]
    fn a_rate_is_new_connections_over_the_time_between() {
        assert_eq!(
            rate((100, at(0)), (125, at(10_000))),
            Some(Amount::from_millionths(2_500_000))
        );
        assert_eq!(rate((5, at(0)), (5, at(1_000))), Some(Amount::ZERO));
    }

    #[test]
    fn a_counter_that_went_back_and_a_moment_without_length_give_no_rate() {
        assert_eq!(rate((100, at(0)), (99, at(1_000))), None);
        assert_eq!(rate((100, at(0)), (101, at(0))), None);
        assert_eq!(rate((100, at(5)), (101, at(0))), None);
    }
}
