//! A store with the tenant `demo`, its log files, and what is written into them.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use controller::amount::Amount;
use controller::id::InstanceId;
use controller::instance::{Instance, Phase};
use controller::journal::{Event, Move};
use controller::load::{Metric, Sample};
use controller::ports::{Clock, Store};
use controller::spec::TenantSpec;
use controller::time::Now;
use jiff::SignedDuration;
use northbound::logs::{ActionRow, DecisionRow, Follower, LogSettings, MetricRow, Row, Span, read};
use northbound::store::{Registrar, SqliteStore};

use crate::world::{footing, later, name, now, open, spec};

#[derive(Clone)]
pub(crate) struct Watch(pub(crate) Arc<Mutex<Now>>);

#[async_trait]
impl Clock for Watch {
    fn now(&self) -> Now {
        *self.0.lock().unwrap()
    }

    async fn sleep(&self, _: SignedDuration) {}
}

pub(crate) struct Bed {
    pub(crate) store: SqliteStore,
    pub(crate) root: PathBuf,
    _place: tempfile::TempDir,
}

impl Bed {
    pub(crate) async fn new() -> Self {
        Self::of(&spec("demo", "45.45.45.45")).await
    }

    pub(crate) async fn of(spec: &TenantSpec) -> Self {
        let place = tempfile::tempdir().unwrap();
        let bed = Self {
            store: open(&place.path().join("state")),
            root: place.path().join("logs"),
            _place: place,
        };
        bed.apply(spec).await;
        bed
    }

    pub(crate) async fn apply(&self, spec: &TenantSpec) {
        let applied = self.store.apply(spec, "", None, now(), "a test").await;
        applied.unwrap().unwrap();
    }

    pub(crate) async fn record(&self, now: Now, events: &[Event]) {
        let (demo, footing) = (name("demo"), footing(&self.store));
        let written = self.store.record(&demo, footing, now, &[], events);
        written.await.unwrap();
    }

    /// With instances, now.
    pub(crate) async fn record_with(&self, instances: &[Instance], events: &[Event]) {
        let (demo, footing) = (name("demo"), footing(&self.store));
        let written = self.store.record(&demo, footing, now(), instances, events);
        written.await.unwrap();
    }

    pub(crate) fn follower(&self) -> Follower {
        let clock = Arc::new(Watch(Arc::new(Mutex::new(later(60)))));
        let settings = LogSettings {
            root: self.root.clone(),
            keep: SignedDuration::from_hours(24),
        };
        let store = Arc::new(self.store.clone());
        Follower::new(self.store.clone(), store, clock, settings)
    }

    /// One that is new writes down what there is; whether it could.
    pub(crate) async fn follow(&self) -> bool {
        self.follower().catch_up().await
    }

    pub(crate) fn rows<R: Row>(&self) -> Vec<R> {
        read(&self.root, &name("demo"), Span::default()).unwrap()
    }

    pub(crate) fn file(&self, kind: &str) -> PathBuf {
        self.root.join(format!("demo/2026-01-15-{kind}.csv"))
    }

    pub(crate) fn all_numbers(&self) -> Vec<u64> {
        let mut numbers: Vec<u64> = self.rows::<ActionRow>().iter().map(Row::seq).collect();
        numbers.extend(self.rows::<DecisionRow>().iter().map(Row::seq));
        let mut metrics: Vec<u64> = self.rows::<MetricRow>().iter().map(Row::seq).collect();
        metrics.dedup();
        numbers.extend(metrics);
        numbers.sort_unstable();
        numbers.dedup();
        numbers
    }
}

pub(crate) fn measured(id: InstanceId, millionths: u64) -> Event {
    let sample = |metric, value| Sample {
        instance: Some(id),
        metric,
        value,
        at: now().steady,
    };
    Event::Measured {
        samples: vec![
            sample(Metric::Cpu, Amount::from_millionths(millionths)),
            sample(Metric::Connections, Amount::whole(3)),
        ],
    }
}

pub(crate) fn decided() -> Event {
    Event::Decided(
        serde_json::from_value(serde_json::json!({
            "current": 2, "before": 2, "wanted": 3, "desired": 3,
            "readings": {},
            "steps": [
                { "guard": "target", "number": 3, "note": "=2 × 0.9 ÷ 0.6" },
                { "guard": "buffer", "number": 3, "note": "none" },
            ],
        }))
        .unwrap(),
    )
}

pub(crate) fn step(instance: &Instance, from: Phase, to: Phase) -> Event {
    Event::Moved(Move {
        instance: instance.id,
        cloud: instance.cloud.clone(),
        address: instance.address,
        from: Some(from),
        to,
        why: "a test".to_owned(),
        drain: None,
    })
}
