//! One look at the world. It is complete, or it names who did not answer: an absent list is not an empty one.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::{Either, join, join_all, select};
use jiff::SignedDuration;

use crate::id::{CloudName, InstanceId};
use crate::instance::{Instance, Phase};
use crate::load::{Metric, Sample};
use crate::network::{EndpointSeen, NetworkSeen};
use crate::ports::{
    Clock, CloudError, CloudErrorKind, DataplaneError, InstanceSeen, Measurement, MeterError,
    Ports, Wish,
};
use crate::time::Now;

/// Who does not answer within this long has not answered: a tick must not wait for ever (C-03).
const ANSWER_LIMIT: SignedDuration = SignedDuration::from_secs(10);

/// What was seen.
#[derive(Debug, Clone)]
pub struct Observed {
    /// What each cloud that was asked shows.
    pub clouds: BTreeMap<CloudName, Result<Vec<InstanceSeen>, CloudError>>,
    /// What the network is.
    pub network: Result<NetworkSeen, DataplaneError>,
    /// What was measured.
    pub samples: Result<Vec<Sample>, MeterError>,
}

/// What a cloud shows of one instance.
#[derive(Debug, Clone, Copy)]
pub enum Sight<'a> {
    /// The cloud did not answer: nothing is known.
    Unknown,
    /// The cloud answered, and the instance is not there.
    Absent,
    /// It is there.
    Seen(&'a InstanceSeen),
}

impl Observed {
    /// What its cloud shows of an instance.
    pub fn sight(&self, instance: &Instance) -> Sight<'_> {
        match self.clouds.get(&instance.cloud) {
            None | Some(Err(_)) => Sight::Unknown,
            Some(Ok(seen)) => seen
                .iter()
                .find(|seen| seen.is_of(instance))
                .map_or(Sight::Absent, Sight::Seen),
        }
    }

    /// Whether no cloud that has answered shows anybody: nobody would remove the strays of a tenant that is closed (I7).
    pub fn shows_nobody(&self) -> bool {
        let mut answered = self.clouds.values().flatten();
        answered.all(Vec::is_empty)
    }

    /// What the network shows of an instance; `None` where it was not seen.
    pub fn endpoint(&self, instance: InstanceId) -> Option<&EndpointSeen> {
        self.network.as_ref().ok()?.endpoints.get(&instance)
    }
}

/// Asks everybody at once: the clouds that the tenant wants or has instances in, the network, and the meter.
pub(crate) async fn look(
    ports: &Ports,
    wish: &Wish,
    instances: &BTreeMap<InstanceId, Instance>,
    now: Now,
) -> Observed {
    let tenant = &wish.spec.tenant;
    let clock = &*ports.clock;
    let wanted = wish.spec.clouds.iter().map(|preference| &preference.name);
    let names: BTreeSet<&CloudName> = wanted
        .chain(instances.values().map(|instance| &instance.cloud))
        .collect();
    let lists = names.into_iter().map(|name| async move {
        let list = match ports.clouds.get(name) {
            Some(cloud) => within(clock, ANSWER_LIMIT, cloud.list(tenant))
                .await
                .unwrap_or_else(|| Err(silent(name, "list instances", ANSWER_LIMIT))),
            None => Err(not_configured(name)),
        };
        seeded!(F23 => return (name.clone(), list.or(Ok(Vec::new()))));
        (name.clone(), list)
    });
    let measured: Vec<Instance> = instances
        .values()
        .filter(|instance| matches!(instance.phase, Phase::InService | Phase::Draining))
        .cloned()
        .collect();
    let metrics: Vec<Metric> = wish.spec.policy.metrics().into_keys().collect();
    let network = within(clock, ANSWER_LIMIT, ports.dataplane.observe(tenant));
    let asked = Measurement {
        tenant,
        instances: &measured,
        metrics: &metrics,
        now,
    };
    let samples = within(clock, ANSWER_LIMIT, ports.meter.sample(&asked));
    let (lists, (network, samples)) = join(join_all(lists), join(network, samples)).await;

    let late = || format!("no answer within {ANSWER_LIMIT:#}");
    Observed {
        clouds: lists.into_iter().collect(),
        network: network.unwrap_or_else(|| {
            Err(DataplaneError {
                tenant: tenant.clone(),
                operation: "observed",
                detail: late(),
            })
        }),
        samples: samples.unwrap_or_else(|| {
            Err(MeterError {
                meter: "instance",
                detail: late(),
            })
        }),
    }
}

/// The answer, or `None` where it takes longer than `limit`.
pub(crate) async fn within<T>(
    clock: &dyn Clock,
    limit: SignedDuration,
    answer: impl Future<Output = T>,
) -> Option<T> {
    let answer = std::pin::pin!(answer);
    match select(answer, clock.sleep(limit)).await {
        Either::Left((answer, _)) => Some(answer),
        Either::Right(((), _)) => None,
    }
}

/// The error of a cloud that gave no answer in time.
pub(crate) fn silent(cloud: &CloudName, operation: &str, limit: SignedDuration) -> CloudError {
    CloudError {
        cloud: cloud.clone(),
        kind: CloudErrorKind::Unreachable,
        operation: operation.to_owned(),
        detail: format!("no answer within {limit:#}"),
    }
}

fn not_configured(cloud: &CloudName) -> CloudError {
    CloudError {
        cloud: cloud.clone(),
        kind: CloudErrorKind::Denied,
        operation: "list instances".to_owned(),
        detail: "it is not among the operator's clouds; add it to asaas.yml again".to_owned(),
    }
}
