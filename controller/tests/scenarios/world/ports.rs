//! Clouds, network, meter, store and clock of the world, each of which keeps its port's contract.

use std::net::Ipv4Addr;

use async_trait::async_trait;
use controller::amount::Amount;
use controller::id::{CloudName, Epoch, InstanceId, ProviderId, TenantName};
use controller::instance::Instance;
use controller::journal::{Entry, Event};
use controller::load::{Metric, Sample};
use controller::network::{Endpoint, EndpointSeen, Health, NetworkPlan, NetworkSeen};
use controller::ports::{
    Checkup, Clock, CloudError, CloudErrorKind, CloudState, Dataplane, DataplaneError, Footing,
    InstanceSeen, Launch, Measurement, Meter, MeterError, Southbound, Store, StoreError,
    StoreErrorKind, TenantState, Wish,
};
use controller::time::Now;
use jiff::SignedDuration;

use super::{Disk, FakeInstance, MeterMood, World};

pub(super) struct CloudPort(pub(super) CloudName, pub(super) World);

impl CloudPort {
    fn error(&self, kind: CloudErrorKind, operation: &str) -> CloudError {
        CloudError {
            cloud: self.0.clone(),
            kind,
            operation: operation.to_owned(),
            detail: format!("it answered {kind:?}"),
        }
    }
}

#[async_trait]
impl Southbound for CloudPort {
    async fn list(&self, _tenant: &TenantName) -> Result<Vec<InstanceSeen>, CloudError> {
        let truth = self.1.truth();
        let cloud = &truth.clouds[&self.0];
        if cloud.refuses == Some(CloudErrorKind::Unreachable) {
            return Err(self.error(CloudErrorKind::Unreachable, "list instances"));
        }
        if cloud.hides {
            return Ok(Vec::new());
        }
        Ok(cloud
            .instances
            .iter()
            .map(|(id, instance)| seen(*id, instance.state))
            .collect())
    }

    async fn launch(&self, launch: &Launch) -> Result<InstanceSeen, CloudError> {
        let mut truth = self.1.truth();
        let born = truth.now.steady;
        let id = launch.instance.id;
        let cloud = truth.clouds.get_mut(&self.0).unwrap();
        cloud.launch_calls += 1;
        if let Some(instance) = cloud.instances.get_mut(&id) {
            // A launch that was cut short is finished by repeating it.
            instance.state = CloudState::Running;
            return Ok(seen(id, instance.state));
        }
        if let Some(kind) = cloud.refuses {
            return Err(self.error(kind, "launch"));
        }
        let is_full = cloud.full.contains(&launch.instance.offering);
        if is_full || cloud.instances.len() >= cloud.capacity as usize {
            return Err(self.error(CloudErrorKind::NoCapacity, "launch"));
        }
        cloud.instances.insert(
            id,
            FakeInstance {
                state: CloudState::Running,
                born,
            },
        );
        let is_lost = cloud.loses_answers;
        *truth.made.entry(id).or_default() += 1;
        truth.peak = truth.peak.max(truth.all());
        if is_lost {
            return Err(self.error(CloudErrorKind::Unreachable, "launch"));
        }
        Ok(seen(id, CloudState::Running))
    }

    async fn terminate(&self, _tenant: &TenantName, id: &ProviderId) -> Result<(), CloudError> {
        let mut truth = self.1.truth();
        let id: InstanceId = id.0.parse().unwrap();
        if truth.serving().contains(&id) {
            panic!("{id} is removed while the rules lead to it");
        }
        let cloud = truth.clouds.get_mut(&self.0).unwrap();
        if cloud.refuses == Some(CloudErrorKind::Unreachable) {
            return Err(self.error(CloudErrorKind::Unreachable, "remove"));
        }
        cloud.instances.remove(&id);
        Ok(())
    }

    async fn suspend(&self, _tenant: &TenantName, _id: &ProviderId) -> Result<(), CloudError> {
        Err(self.error(CloudErrorKind::Rejected, "suspend"))
    }

    async fn resume(&self, _tenant: &TenantName, _id: &ProviderId) -> Result<(), CloudError> {
        Err(self.error(CloudErrorKind::Rejected, "resume"))
    }

    async fn checkup(&self) -> Checkup {
        Checkup::default()
    }
}

fn seen(id: InstanceId, state: CloudState) -> InstanceSeen {
    InstanceSeen {
        provider: ProviderId(id.to_string()),
        id,
        state,
    }
}

#[async_trait]
impl Dataplane for World {
    async fn apply(&self, _epoch: Epoch, plan: &NetworkPlan) -> Result<(), DataplaneError> {
        let mut truth = self.truth();
        if truth.dataplane_fails {
            return Err(DataplaneError {
                tenant: plan.tenant.clone(),
                operation: "applied",
                detail: "the lock is held".to_owned(),
            });
        }
        truth.network = Some(plan.clone());
        Ok(())
    }

    async fn observe(&self, _tenant: &TenantName) -> Result<NetworkSeen, DataplaneError> {
        let truth = self.truth();
        let endpoints = truth.network.iter().flat_map(|plan| &plan.endpoints);
        let look = |endpoint: &Endpoint| EndpointSeen {
            health: match (endpoint.is_probed, truth.is_well(endpoint.instance)) {
                (false, _) => Health::Unknown,
                (true, true) => Health::Healthy,
                (true, false) => Health::Unhealthy,
            },
            is_routed: endpoint.is_backend,
            flows: Some(
                truth
                    .stuck_flows
                    .get(&endpoint.instance)
                    .copied()
                    .unwrap_or(0),
            ),
        };
        Ok(NetworkSeen {
            tunnel: "none".to_owned(),
            endpoints: endpoints
                .map(|endpoint| (endpoint.instance, look(endpoint)))
                .collect(),
        })
    }

    async fn forget(
        &self,
        _: Epoch,
        _: &TenantName,
        _: &CloudName,
        address: Ipv4Addr,
    ) -> Result<(), DataplaneError> {
        self.truth().forgotten.push(address);
        Ok(())
    }

    async fn destroy(&self, _epoch: Epoch, _tenant: &TenantName) -> Result<(), DataplaneError> {
        self.truth().network = None;
        Ok(())
    }
}

#[async_trait]
impl Meter for World {
    async fn sample(&self, asked: &Measurement<'_>) -> Result<Vec<Sample>, MeterError> {
        let Measurement { instances, now, .. } = *asked;
        let truth = self.truth();
        let serving = truth.serving();
        #[expect(clippy::cast_precision_loss, reason = "a handful of instances")]
        let each = (truth.load / serving.len().max(1) as f64).min(1.0);
        let value = match truth.meter {
            MeterMood::Works => each,
            MeterMood::ReadsZero => 0.0,
            MeterMood::Silent => return Ok(Vec::new()),
            MeterMood::Broken => {
                return Err(MeterError {
                    meter: "fake",
                    detail: "out of order".to_owned(),
                });
            }
        };
        let sample = |instance: &Instance| Sample {
            instance: Some(instance.id),
            metric: Metric::Cpu,
            value: Amount::measured(if serving.contains(&instance.id) {
                value
            } else {
                0.0
            })
            .unwrap(),
            at: now.steady,
        };
        Ok(instances.iter().map(sample).collect())
    }
}

#[async_trait]
impl Store for World {
    async fn load(
        &self,
        _: &TenantName,
        history: SignedDuration,
    ) -> Result<Option<TenantState>, StoreError> {
        let truth = self.truth();
        let last = truth.journal.last().map(|entry| entry.steady);
        let is_told = |entry: &&Entry| {
            matches!(entry.event, Event::Load(_))
                || last.is_some_and(|last| last.duration_since(entry.steady) <= history)
        };
        let journal = truth.journal.iter().filter(is_told).cloned().collect();
        Ok(truth.wish.clone().map(|wish| TenantState {
            epoch: Epoch(1),
            wish,
            instances: truth.records.values().cloned().collect(),
            journal,
        }))
    }

    async fn wish(&self, _tenant: &TenantName) -> Result<Option<Wish>, StoreError> {
        Ok(self.truth().wish.clone())
    }

    fn holds(&self, _tenant: &TenantName, _epoch: Epoch) -> bool {
        true
    }

    async fn record(
        &self,
        _tenant: &TenantName,
        _footing: Footing,
        now: Now,
        instances: &[Instance],
        events: &[Event],
    ) -> Result<Vec<Entry>, StoreError> {
        let mut truth = self.truth();
        if truth.disk == Disk::Full {
            return Err(StoreError {
                kind: StoreErrorKind::Failed,
                operation: "write",
                detail: "no space left on device".to_owned(),
            });
        }
        for instance in instances {
            if instance.phase.is_over() {
                truth.records.remove(&instance.id);
            } else {
                truth.records.insert(instance.id, instance.clone());
            }
        }
        let first = truth.journal.len() as u64 + 1;
        let entries: Vec<Entry> = (first..)
            .zip(events)
            .map(|(seq, event)| Entry {
                seq,
                at: now.wall,
                steady: now.steady,
                event: event.clone(),
            })
            .collect();
        truth.journal.extend(entries.clone());
        if truth.disk == Disk::Unheard {
            return Err(StoreError {
                kind: StoreErrorKind::Failed,
                operation: "write",
                detail: "no answer".to_owned(),
            });
        }
        Ok(entries)
    }

    async fn close(
        &self,
        _tenant: &TenantName,
        _footing: Footing,
        _now: Now,
    ) -> Result<(), StoreError> {
        self.truth().wish = None;
        Ok(())
    }
}

#[async_trait]
impl Clock for World {
    fn now(&self) -> Now {
        self.truth().now
    }

    async fn sleep(&self, _duration: SignedDuration) {
        // The fakes answer at once, so nothing ever takes too long.
        std::future::pending::<()>().await;
    }
}
