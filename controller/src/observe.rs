//! One look at the world. It is complete, or it names who did not answer: an absent list is not an empty one.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::{Either, join, join_all, select};
use jiff::SignedDuration;

use crate::id::{CloudName, InstanceId, TenantName};
use crate::instance::Instance;
use crate::load::Sample;
use crate::network::{EndpointSeen, NetworkSeen};
use crate::ports::{
    Clock, CloudError, CloudErrorKind, Dataplane, DataplaneError, InstanceSeen, Meter, MeterError,
    Southbound,
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
    /// Nothing is known of anything.
    pub fn nothing(tenant: &TenantName) -> Self {
        Self {
            clouds: BTreeMap::new(),
            network: Err(DataplaneError {
                tenant: tenant.clone(),
                operation: "observed",
                detail: "nobody looked".to_owned(),
            }),
            samples: Ok(Vec::new()),
        }
    }

    /// What its cloud shows of an instance.
    pub fn sight(&self, instance: &Instance) -> Sight<'_> {
        match self.clouds.get(&instance.cloud) {
            None | Some(Err(_)) => Sight::Unknown,
            Some(Ok(seen)) => seen
                .iter()
                .find(|seen| seen.id == instance.id)
                .map_or(Sight::Absent, Sight::Seen),
        }
    }

    /// What the network shows of an instance; `None` where it was not seen.
    pub fn endpoint(&self, instance: InstanceId) -> Option<&EndpointSeen> {
        self.network.as_ref().ok()?.endpoints.get(&instance)
    }
}

/// Whom to ask.
pub(crate) struct Witnesses<'a> {
    pub(crate) clouds: BTreeMap<&'a CloudName, &'a dyn Southbound>,
    pub(crate) missing: BTreeSet<&'a CloudName>,
    pub(crate) dataplane: &'a dyn Dataplane,
    pub(crate) meter: &'a dyn Meter,
    pub(crate) clock: &'a dyn Clock,
}

/// Asks all of them at once.
pub(crate) async fn observe(
    witnesses: &Witnesses<'_>,
    tenant: &TenantName,
    instances: &[Instance],
    now: Now,
) -> Observed {
    let Witnesses {
        clouds,
        missing,
        dataplane,
        meter,
        clock,
    } = witnesses;
    let lists = clouds.iter().map(|(name, cloud)| async move {
        let list = within(*clock, ANSWER_LIMIT, cloud.list(tenant)).await;
        (
            (*name).clone(),
            list.unwrap_or_else(|| Err(silent(name, "list instances", ANSWER_LIMIT))),
        )
    });
    let network = within(*clock, ANSWER_LIMIT, dataplane.observe(tenant));
    let samples = within(*clock, ANSWER_LIMIT, meter.sample(tenant, instances, now));
    let (lists, (network, samples)) = join(join_all(lists), join(network, samples)).await;

    let unknown = missing
        .iter()
        .map(|name| ((*name).clone(), Err(not_configured(name))));
    Observed {
        clouds: lists.into_iter().chain(unknown).collect(),
        network: network.unwrap_or_else(|| {
            Err(DataplaneError {
                tenant: tenant.clone(),
                operation: "observed",
                detail: format!("no answer within {ANSWER_LIMIT:#}"),
            })
        }),
        samples: samples.unwrap_or_else(|| {
            Err(MeterError {
                meter: "instance",
                detail: format!("no answer within {ANSWER_LIMIT:#}"),
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
