//! Three hundred tenants with two instances each, at rest: simulated clouds, network and meter, under a clock that is stepped
//! by hand. For the bench and for the test that keeps it honest.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use controller::amount::Amount;
use controller::example;
use controller::id::{CloudName, Epoch, TenantName};
use controller::instance::Instance;
use controller::journal::{Entry, Event};
use controller::load::Metric;
use controller::pace::Pace;
use controller::ports::Ports;
use controller::ports::{Clock, Footing, Southbound, Store, StoreError, TenantState, Wish};
use controller::spec::TenantSpec;
use controller::tick::Controller;
use controller::time::Now;
use futures_util::future::join_all;
use jiff::SignedDuration;
use netsetup::sim::{SimDataplane, SimMeter};
use northbound::store::{Registrar, SqliteStore};
use southbound::sim::{SimCloud, SimSettings};

pub(crate) const TENANTS: u32 = 300;
pub(crate) const TICK: SignedDuration = SignedDuration::from_secs(10);

/// A clock that is stepped by hand, so that every tick is a whole period after the last.
#[derive(Clone)]
pub(crate) struct Stepped(Arc<Mutex<Now>>);

impl Stepped {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Mutex::new(example::now())))
    }

    pub(crate) fn step(&self, by: SignedDuration) {
        let mut now = self.0.lock().unwrap();
        *now = now.after(by);
    }
}

#[async_trait]
impl Clock for Stepped {
    fn now(&self) -> Now {
        *self.0.lock().unwrap()
    }

    async fn sleep(&self, _duration: SignedDuration) {
        std::future::pending::<()>().await;
    }
}

/// Remembers the wish and nothing else.
struct Forgetful(TenantSpec);

#[async_trait]
impl Store for Forgetful {
    async fn load(
        &self,
        _: &TenantName,
        _: SignedDuration,
    ) -> Result<Option<TenantState>, StoreError> {
        let wish = wish(&self.0);
        Ok(Some(TenantState {
            epoch: Epoch(1),
            wish,
            instances: Vec::new(),
            journal: Vec::new(),
        }))
    }

    async fn wish(&self, _: &TenantName) -> Result<Option<Wish>, StoreError> {
        Ok(Some(wish(&self.0)))
    }

    fn holds(&self, _: &TenantName, _: Epoch) -> bool {
        true
    }

    async fn record(
        &self,
        _: &TenantName,
        _: Footing,
        _: Now,
        _: &[Instance],
        _: &[Event],
    ) -> Result<Vec<Entry>, StoreError> {
        Ok(Vec::new())
    }

    async fn close(&self, _: &TenantName, _: Footing, _: Now) -> Result<(), StoreError> {
        Ok(())
    }
}

fn wish(spec: &TenantSpec) -> Wish {
    Wish {
        spec: spec.clone(),
        generation: controller::id::Generation(1),
        orders: controller::ports::Orders::default(),
    }
}

fn tenant(number: u32) -> TenantSpec {
    let mut spec = example::spec();
    spec.tenant = format!("tenant-{number}").parse().unwrap();
    spec.network.public_ip = Ipv4Addr::from(u32::from(Ipv4Addr::new(45, 0, 0, 1)) + number);
    spec
}

/// All tenants at rest, with two instances each in service.
pub(crate) async fn settled(clock: &Stepped, store: Option<&SqliteStore>) -> Vec<Controller> {
    let clouds: BTreeMap<CloudName, Arc<dyn Southbound>> = ["a", "b"]
        .into_iter()
        .map(|name| {
            let cloud: CloudName = name.parse().unwrap();
            let settings = SimSettings {
                cloud: cloud.clone(),
                capacity: 10_000,
                boot: SignedDuration::ZERO,
            };
            let port: Arc<dyn Southbound> =
                Arc::new(SimCloud::new(settings, Arc::new(clock.clone())));
            (cloud, port)
        })
        .collect();
    let meter = Arc::new(SimMeter::new());
    meter.set_everyone(Metric::Cpu, Amount::from_millionths(450_000));
    let dataplane = Arc::new(SimDataplane::new());
    let mut controllers = Vec::new();
    for number in 0..TENANTS {
        let spec = tenant(number);
        let port: Arc<dyn Store> = match store {
            Some(store) => {
                store
                    .apply(&spec, "", None, clock.now(), "bench")
                    .await
                    .unwrap()
                    .unwrap();
                Arc::new(store.clone())
            }
            None => Arc::new(Forgetful(spec.clone())),
        };
        let ports = Ports {
            market: Arc::default(),
            clouds: clouds.clone(),
            dataplane: dataplane.clone(),
            meter: meter.clone(),
            store: port,
            clock: Arc::new(clock.clone()),
        };
        let controller =
            Controller::load(spec.tenant, ports, Pace { tick: TICK }, number.into()).await;
        controllers.push(controller.unwrap().unwrap());
    }
    for _ in 0..20 {
        round(&mut controllers).await;
        clock.step(TICK);
    }
    assert!(
        controllers
            .iter()
            .all(|controller| controller.status().unwrap().is_settled)
    );
    controllers
}

pub(crate) async fn round(controllers: &mut [Controller]) {
    for outcome in join_all(controllers.iter_mut().map(Controller::tick)).await {
        outcome.unwrap();
    }
}
