//! A world in memory, under a clock that is stepped by hand: what is really there. `ports` is what a controller sees of it.

mod ports;

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, MutexGuard};

use controller::id::{CloudName, Generation, InstanceId};
use controller::instance::{Instance, Phase};
use controller::journal::{Entry, Event, Move};
use controller::market::Market;
use controller::network::NetworkPlan;
use controller::offering::Offering;
use controller::pace::Pace;
use controller::ports::{CloudErrorKind, CloudState, Orders, Ports, Southbound, Wish};
use controller::spec::TenantSpec;
use controller::tick::{Controller, Outcome};
use controller::time::Now;
use jiff::{SignedDuration, Timestamp};

use ports::CloudPort;

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
    /// What the clouds have to offer; taken up with a controller.
    pub(crate) market: Market,
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
    /// There is no room for these.
    pub(crate) full: BTreeSet<Offering>,
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

    pub(crate) fn cloud(&mut self, name: &str) -> &mut FakeCloud {
        self.clouds.get_mut(&cloud(name)).unwrap()
    }

    /// Puts an instance into a cloud, by nobody's launch.
    pub(crate) fn put(&mut self, cloud: &str, id: InstanceId, state: CloudState) {
        let born = self.now.steady;
        let instance = FakeInstance { state, born };
        self.cloud(cloud).instances.insert(id, instance);
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
            market: Market::default(),
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

    /// A tenant at rest, and in `b` an instance of its own that is in no record.
    pub(crate) async fn with_a_stray() -> (Self, Controller) {
        let world = Self::new();
        world.apply(demo());
        let mut controller = world.controller(1).await;
        world.run(&mut controller, seconds(30)).await;
        let stray = InstanceId::new(1, 1);
        world.truth().put("b", stray, CloudState::Running);
        (world, controller)
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
            market: Arc::new(self.truth().market.clone()),
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
