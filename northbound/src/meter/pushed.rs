//! Values that applications push. The latest of each name is kept, in memory only: after a restart of the service it is
//! missing until it is pushed again, as one is that was pushed too long ago.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use controller::amount::Amount;
use controller::id::{InstanceId, MetricName, TenantName};
use controller::load::{Metric, Sample};
use controller::ports::{Measurement, Meter, MeterError};
use controller::time::Now;
use jiff::{SignedDuration, Timestamp};

/// A tenant has so many names at once: more than anybody's policy follows.
const NAMES_LIMIT: usize = 100;
/// A value that was not pushed again for so long makes room for others: longer than any tick, so it counts for nothing.
const KEPT: SignedDuration = SignedDuration::from_hours(1);

/// The latest values of every tenant. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct Pushed(Arc<Mutex<BTreeMap<TenantName, Values>>>);

/// Of one instance, or of the group.
type Values = BTreeMap<(MetricName, Option<InstanceId>), Value>;

#[derive(Debug, Clone, Copy)]
struct Value {
    value: Amount,
    /// By the steady clock.
    at: Timestamp,
}

/// Why a value is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PushRefusal {
    /// It would be one name too many.
    #[error("tenant `{tenant}` pushes {NAMES_LIMIT} names already, which is the most")]
    Full {
        /// Whose.
        tenant: TenantName,
    },
    /// A name means one thing.
    #[error("`{name}` is pushed {} so far", if *is_of_group { "for all instances together" } else { "for single instances" })]
    Mixed {
        /// Which.
        name: MetricName,
        /// What it means so far.
        is_of_group: bool,
    },
}

impl PushRefusal {
    /// What a person can do.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Full { .. } => {
                "push under one of those names; one that is not pushed for an hour is forgotten"
            }
            Self::Mixed { is_of_group, .. } => {
                if *is_of_group {
                    "leave the instance out, or take another name"
                } else {
                    "name the instance, or take another name"
                }
            }
        }
    }
}

impl Pushed {
    fn all(&self) -> MutexGuard<'_, BTreeMap<TenantName, Values>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a value of an instance, or of the whole group, in place of the one before. Whether the tenant and the instance
    /// exist is the caller's to know.
    ///
    /// # Errors
    /// Nothing was taken.
    pub fn push(
        &self,
        tenant: &TenantName,
        name: &MetricName,
        instance: Option<InstanceId>,
        value: Amount,
        now: Now,
    ) -> Result<(), PushRefusal> {
        let mut all = self.all();
        for values in all.values_mut() {
            values.retain(|_, value| now.since(value.at) < KEPT);
        }
        all.retain(|_, values| !values.is_empty());
        let known = all.get(tenant);
        let names: BTreeSet<&MetricName> = known
            .into_iter()
            .flatten()
            .map(|((name, _), _)| name)
            .collect();
        if names.len() >= NAMES_LIMIT && !names.contains(name) {
            return Err(PushRefusal::Full {
                tenant: tenant.clone(),
            });
        }
        let mut same = known
            .into_iter()
            .flatten()
            .filter(|((known, _), _)| known == name);
        if let Some(((_, of), _)) = same.next()
            && of.is_none() != instance.is_none()
        {
            return Err(PushRefusal::Mixed {
                name: name.clone(),
                is_of_group: of.is_none(),
            });
        }
        let value = Value {
            value,
            at: now.steady,
        };
        let values = all.entry(tenant.clone()).or_default();
        values.insert((name.clone(), instance), value);
        Ok(())
    }
}

/// Gives what a policy follows, and the time at which it was pushed: how old is too old is for the policy to say. What no
/// policy follows is given once or twice, so that it is written down for whoever wants to follow it.
#[derive(Debug)]
pub(crate) struct PushedMeter {
    pushed: Pushed,
    /// From one look at a tenant to the next.
    tick: SignedDuration,
}

impl PushedMeter {
    pub(crate) fn new(pushed: Pushed, tick: SignedDuration) -> Self {
        Self { pushed, tick }
    }
}

#[async_trait]
impl Meter for PushedMeter {
    async fn sample(&self, asked: &Measurement<'_>) -> Result<Vec<Sample>, MeterError> {
        let all = self.pushed.all();
        let values = all.get(asked.tenant).into_iter().flatten();
        let samples = values.filter_map(|((name, instance), value)| {
            let metric = Metric::Pushed(name.clone());
            let is_new = asked.now.since(value.at) <= self.tick;
            let is_there =
                instance.is_none_or(|id| asked.instances.iter().any(|known| known.id == id));
            (is_there && (is_new || asked.metrics.contains(&metric))).then_some(Sample {
                instance: *instance,
                metric,
                value: value.value,
                at: value.at,
            })
        });
        Ok(samples.collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now(seconds: i64) -> Now {
        Now::at(Timestamp::from_second(seconds).unwrap())
    }

    fn name(text: &str) -> MetricName {
        text.parse().unwrap()
    }

    fn push(pushed: &Pushed, name_: &str, value: u32, at: i64) -> Result<(), PushRefusal> {
        let tenant = "demo".parse().unwrap();
        pushed.push(&tenant, &name(name_), None, Amount::whole(value), now(at))
    }

    async fn sample(pushed: &Pushed, metrics: &[Metric], at: i64) -> Vec<Sample> {
        let meter = PushedMeter::new(pushed.clone(), SignedDuration::from_secs(10));
        let asked = Measurement {
            tenant: &"demo".parse().unwrap(),
            instances: &[],
            metrics,
            now: now(at),
        };
        meter.sample(&asked).await.unwrap()
    }

    #[tokio::test]
    async fn the_latest_value_of_a_name_is_given_with_the_time_at_which_it_was_pushed() {
        let pushed = Pushed::default();
        push(&pushed, "queue", 5, 100).unwrap();
        push(&pushed, "queue", 7, 130).unwrap();

        let samples = sample(&pushed, &[Metric::Pushed(name("queue"))], 200).await;

        assert_eq!(samples.len(), 1);
        assert_eq!(samples[0].value, Amount::whole(7));
        assert_eq!(samples[0].at, now(130).steady);
        assert_eq!(samples[0].instance, None);
    }

    #[tokio::test]
    async fn what_nobody_follows_is_given_while_it_is_new() {
        let pushed = Pushed::default();
        push(&pushed, "queue", 5, 100).unwrap();

        assert_eq!(sample(&pushed, &[], 105).await.len(), 1);
        assert_eq!(sample(&pushed, &[], 111).await.len(), 0);
    }

    #[tokio::test]
    async fn another_tenant_and_an_instance_that_is_gone_have_no_values() {
        let pushed = Pushed::default();
        let (other, gone) = ("other".parse().unwrap(), InstanceId::new(1, 1));
        let value = Amount::ONE;
        pushed
            .push(&other, &name("queue"), None, value, now(0))
            .unwrap();
        let demo = "demo".parse().unwrap();
        pushed
            .push(&demo, &name("queue"), Some(gone), value, now(0))
            .unwrap();

        assert_eq!(
            sample(&pushed, &[Metric::Pushed(name("queue"))], 1).await,
            []
        );
    }

    #[test]
    fn a_tenant_has_a_hundred_names_until_one_is_forgotten() {
        let pushed = Pushed::default();
        for number in 0..100 {
            push(&pushed, &format!("name{number}"), 1, 0).unwrap();
        }

        let refused = push(&pushed, "one_more", 1, 60);
        assert!(
            matches!(refused, Err(PushRefusal::Full { .. })),
            "{refused:?}"
        );
        assert_eq!(push(&pushed, "name7", 2, 60), Ok(()));
        assert_eq!(push(&pushed, "one_more", 1, 3_601), Ok(()));
    }

    #[test]
    fn a_name_is_of_the_group_or_of_instances_and_not_of_both() {
        let pushed = Pushed::default();
        push(&pushed, "queue", 5, 0).unwrap();

        let tenant = "demo".parse().unwrap();
        let instance = Some(InstanceId::new(1, 1));
        let refused = pushed.push(&tenant, &name("queue"), instance, Amount::ONE, now(1));

        let refused = refused.unwrap_err();
        assert_eq!(
            refused.to_string(),
            "`queue` is pushed for all instances together so far"
        );
        assert!(refused.hint().contains("leave the instance out"));
    }
}
