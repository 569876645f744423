//! A world in memory: clouds, network, meter and store that keep their contracts, under a clock that is stepped by hand.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, MutexGuard};

use async_trait::async_trait;
use controller::amount::Amount;
use controller::id::{CloudName, Epoch, Generation, InstanceId, ProviderId, TenantName};
use controller::instance::{Instance, Phase};
use controller::journal::{Entry, Event, Move};
use controller::load::{Metric, Sample};
use controller::network::{EndpointSeen, Health, NetworkPlan, NetworkSeen};
use controller::pace::Pace;
use controller::ports::{
    Clock, CloudError, CloudErrorKind, CloudState, Dataplane, DataplaneError, Footing,
    InstanceSeen, Launch, Measurement, Meter, MeterError, Orders, Ports, Southbound, Store,
    StoreError, StoreErrorKind, TenantState, Wish,
};
use controller::spec::TenantSpec;
use controller::tick::{Controller, Outcome};
use controller::time::Now;
use jiff::{SignedDuration, Timestamp};

pub(crate) fn cloud(name: &str) -> CloudName {
    name.parse().unwrap()
}

pub(crate) fn seconds(seconds: i64) -> SignedDuration {
    SignedDuration::from_secs(seconds)
}

/// Two to five instances in `a`, which has room for three, then `b`; at 60 % of CPU; at a brisk pace.
pub(crate) fn demo() -> TenantSpec {
    controller::example::spec()
}

/// What becomes of records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Disk {
    /// They are written.
    Sound,
    /// They are refused.
    Full,
    /// They are written, and the answer is lost.
    Unheard,
}

/// What is really there.
pub(crate) struct Truth {
    pub(crate) now: Now,
    pub(crate) clouds: BTreeMap<CloudName, FakeCloud>,
    pub(crate) network: Option<NetworkPlan>,
    /// How many instances' worth of processor time the clients ask for.
    pub(crate) load: f64,
    /// From launch to healthy.
    pub(crate) boot: SignedDuration,
    pub(crate) unwell: BTreeSet<InstanceId>,
    pub(crate) never_healthy: bool,
    /// Connections that do not end by themselves.
    pub(crate) stuck_flows: BTreeMap<InstanceId, u32>,
    pub(crate) meter: MeterMood,
    pub(crate) dataplane_fails: bool,
    pub(crate) disk: Disk,
    pub(crate) wish: Option<Wish>,
    pub(crate) records: BTreeMap<InstanceId, Instance>,
    pub(crate) journal: Vec<Entry>,
    pub(crate) forgotten: Vec<Ipv4Addr>,
    /// The most instances that ever existed at once.
    pub(crate) peak: usize,
    /// Launches whose instance existed already are not counted.
    pub(crate) made: BTreeMap<InstanceId, u32>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum MeterMood {
    Works,
    Silent,
    ReadsZero,
    Broken,
}

#[derive(Default)]
pub(crate) struct FakeCloud {
    pub(crate) capacity: u32,
    pub(crate) instances: BTreeMap<InstanceId, FakeInstance>,
    pub(crate) refuses: Option<CloudErrorKind>,
    /// The instance is made, the answer is lost.
    pub(crate) loses_answers: bool,
    /// Its listings are complete, it says, and empty.
    pub(crate) hides: bool,
    pub(crate) launch_calls: u32,
}

pub(crate) struct FakeInstance {
    pub(crate) state: CloudState,
    pub(crate) born: Timestamp,
}

impl Truth {
    pub(crate) fn running(&self, name: &str) -> usize {
        let cloud = &self.clouds[&cloud(name)];
        cloud
            .instances
            .values()
            .filter(|instance| instance.state == CloudState::Running)
            .count()
    }

    pub(crate) fn all(&self) -> usize {
        self.clouds
            .values()
            .map(|cloud| cloud.instances.len())
            .sum()
    }

    /// Those that get new connections and can serve them.
    pub(crate) fn serving(&self) -> BTreeSet<InstanceId> {
        let endpoints = self.network.iter().flat_map(|plan| &plan.endpoints);
        endpoints
            .filter(|endpoint| endpoint.is_backend && self.is_well(endpoint.instance))
            .map(|endpoint| endpoint.instance)
            .collect()
    }

    fn is_well(&self, id: InstanceId) -> bool {
        let instance = self
            .clouds
            .values()
            .find_map(|cloud| cloud.instances.get(&id));
        instance.is_some_and(|instance| {
            instance.state == CloudState::Running
                && !self.never_healthy
                && !self.unwell.contains(&id)
                && self.now.since(instance.born) >= self.boot
        })
    }

    pub(crate) fn kill(&mut self, id: InstanceId) {
        let instance = self
            .clouds
            .values_mut()
            .find_map(|cloud| cloud.instances.get_mut(&id))
            .unwrap();
        instance.state = CloudState::Stopped;
    }

    pub(crate) fn moves(&self) -> impl Iterator<Item = &Move> {
        self.journal.iter().filter_map(|entry| match &entry.event {
            Event::Moved(step) => Some(step),
            _ => None,
        })
    }

    pub(crate) fn moves_to(&self, phase: Phase) -> usize {
        self.moves().filter(|step| step.to == phase).count()
    }
}

#[derive(Clone)]
pub(crate) struct World(Arc<Mutex<Truth>>);

impl World {
    /// A world with room for three instances in `a` and ten in `b`, and no tenant.
    pub(crate) fn new() -> Self {
        let capacity = |capacity| FakeCloud {
            capacity,
            ..FakeCloud::default()
        };
        Self(Arc::new(Mutex::new(Truth {
            now: Now::at("2026-01-15T12:00:00Z".parse().unwrap()),
            clouds: [(cloud("a"), capacity(3)), (cloud("b"), capacity(10))].into(),
            network: None,
            load: 0.2,
            boot: seconds(2),
            unwell: BTreeSet::new(),
            never_healthy: false,
            stuck_flows: BTreeMap::new(),
            meter: MeterMood::Works,
            dataplane_fails: false,
            disk: Disk::Sound,
            wish: None,
            records: BTreeMap::new(),
            journal: Vec::new(),
            forgotten: Vec::new(),
            peak: 0,
            made: BTreeMap::new(),
        })))
    }

    pub(crate) fn truth(&self) -> MutexGuard<'_, Truth> {
        self.0.lock().unwrap()
    }

    /// How many run in `a` and in `b`.
    pub(crate) fn running(&self) -> (usize, usize) {
        let truth = self.truth();
        (truth.running("a"), truth.running("b"))
    }

    pub(crate) fn apply(&self, spec: TenantSpec) {
        let mut truth = self.truth();
        let (generation, orders) = truth
            .wish
            .as_ref()
            .map_or((Generation::default(), Orders::default()), |wish| {
                (wish.generation, wish.orders)
            });
        truth.wish = Some(Wish {
            spec,
            generation: generation.next(),
            orders,
        });
    }

    pub(crate) fn order(&self, change: impl Fn(&mut Orders)) {
        change(&mut self.truth().wish.as_mut().unwrap().orders);
    }

    pub(crate) fn ports(&self) -> Ports {
        let names: Vec<CloudName> = self.truth().clouds.keys().cloned().collect();
        Ports {
            clouds: names
                .into_iter()
                .map(|name| {
                    let port: Arc<dyn Southbound> = Arc::new(CloudPort(name.clone(), self.clone()));
                    (name, port)
                })
                .collect(),
            dataplane: Arc::new(self.clone()),
            meter: Arc::new(self.clone()),
            store: Arc::new(self.clone()),
            clock: Arc::new(self.clone()),
        }
    }

    pub(crate) async fn controller(&self, seed: u64) -> Controller {
        let pace = Pace { tick: seconds(1) };
        Controller::load("demo".parse().unwrap(), self.ports(), pace, seed)
            .await
            .unwrap()
            .unwrap()
    }

    /// Lets `controller` work for this long, with its calls answered between ticks. Returns whether the tenant still exists.
    pub(crate) async fn run(&self, controller: &mut Controller, duration: SignedDuration) -> bool {
        let end = self.truth().now.after(duration).steady;
        while self.truth().now.steady < end {
            match controller.tick().await {
                Ok(Outcome::Destroyed) => return false,
                Ok(Outcome::Next(wait)) => self.pass(wait.max(SignedDuration::from_millis(100))),
                Err(_) => self.pass(seconds(1)),
            }
        }
        true
    }

    pub(crate) fn pass(&self, duration: SignedDuration) {
        let mut truth = self.truth();
        truth.now = truth.now.after(duration);
    }
}

/// Runs `story` on its own little executor: the fakes never wait, so none is needed but a poll.
pub(crate) fn tell<T>(story: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap()
        .block_on(story)
}

struct CloudPort(CloudName, World);

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
        if cloud.instances.len() >= cloud.capacity as usize {
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
        let look = |endpoint: &controller::network::Endpoint| EndpointSeen {
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
