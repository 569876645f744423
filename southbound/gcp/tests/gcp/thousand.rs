//! A thousand launches among lost replies, crashes, throttling and stockouts: none doubled, none leaked, by the lab's own count.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use controller::id::InstanceId;
use controller::instance::{Instance, Phase};
use controller::ports::{CloudErrorKind, InstanceSeen, Launch, Southbound};
use controller::spec::Subnet;
use futures_util::stream::{self, StreamExt};
use jiff::Timestamp;
use serde_json::{Value, json};
use southbound::conformance::tenant;
use southbound_gcp::GcpCloud;

use crate::process::Lab;

const LAUNCHES: u16 = 1000;
/// So many calls are under way at once.
const AT_ONCE: usize = 12;
/// Whatever happens, an intent is through after so many tries.
const TRIES: usize = 60;

/// A launch of instance number `number` of tenant `demo`.
pub(crate) fn launch(number: u16) -> Launch {
    let [high, low] = (number + 10).to_be_bytes();
    Launch {
        tenant: tenant("demo"),
        instance: Instance {
            id: InstanceId::new(1_790_000_000, u32::from(number)),
            slot: u32::from(number),
            cloud: "gcp-eu".parse().unwrap(),
            template: "web".parse().unwrap(),
            offering: controller::offering::Offering::default(),
            fingerprint: None,
            address: [19, 0, high, low].into(),
            phase: Phase::Intent,
            is_pooled: false,
            since: Timestamp::UNIX_EPOCH,
            created: Timestamp::UNIX_EPOCH,
            provider: None,
            in_service: None,
            drain: None,
            missing: None,
        },
        subnet: Subnet {
            name: "nw".parse().unwrap(),
            cidr: "19.0.0.0/16".parse().unwrap(),
            gateway: "19.0.0.1".parse().unwrap(),
            dhcp_start: "19.0.0.2".parse().unwrap(),
            dhcp_end: "19.0.255.254".parse().unwrap(),
        },
    }
}

/// Every seventh call or so goes wrong, each in its way.
fn weather() -> Value {
    json!({"seed": 11, "quota": {"INSTANCES": 5000, "CPUS": 10_000}, "rules": [
        {"method": "instances.insert", "chance": 0.10, "lose": "after"},
        {"method": "instances.insert", "chance": 0.05, "lose": "before"},
        {"method": "instances.insert", "chance": 0.05, "status": 503, "reason": "backendError"},
        {"method": "instances.insert", "chance": 0.05, "status": 403, "reason": "rateLimitExceeded"},
        {"method": "instances.insert", "chance": 0.05, "operation": "ZONE_RESOURCE_POOL_EXHAUSTED", "status": 503},
        {"method": "instances.delete", "chance": 0.10, "lose": "after"},
        {"method": "instances.delete", "chance": 0.05, "lose": "before"},
        {"method": "zoneOperations.*", "chance": 0.03, "status": 429, "reason": "rateLimitExceeded"},
        {"method": "zoneOperations.*", "chance": 0.03, "lose": "after"},
        {"method": "instances.get", "chance": 0.03, "status": 503, "reason": "backendError"},
    ]})
}

/// A service that dies now and then, and is started anew.
struct Service<'a> {
    lab: &'a Lab,
    cloud: Mutex<Arc<GcpCloud>>,
    deaths: AtomicU32,
}

impl<'a> Service<'a> {
    fn start(lab: &'a Lab) -> Self {
        Self {
            lab,
            cloud: Mutex::new(Arc::new(lab.cloud())),
            deaths: AtomicU32::new(0),
        }
    }

    /// Repeats a call as the core does. Each tenth try ends with the service, after 0 to 60 ms, which is anywhere within a launch.
    async fn insist<T>(
        &self,
        number: usize,
        call: impl AsyncFn(Arc<GcpCloud>) -> Result<T, CloudErrorKind>,
    ) -> T {
        for attempt in 0..TRIES {
            let cloud = self.cloud.lock().unwrap().clone();
            let life = if (number + attempt).is_multiple_of(10) {
                Duration::from_millis(number as u64 * 7 % 60)
            } else {
                Duration::from_mins(2)
            };
            match tokio::time::timeout(life, call(cloud)).await {
                Ok(Ok(done)) => return done,
                Ok(Err(_)) => {}
                Err(_) => {
                    self.deaths.fetch_add(1, Ordering::Relaxed);
                    *self.cloud.lock().unwrap() = Arc::new(self.lab.cloud());
                }
            }
        }
        panic!("number {number} did not get through in {TRIES} tries")
    }
}

async fn launched(cloud: &dyn Southbound, number: u16) -> Result<InstanceSeen, CloudErrorKind> {
    let expected = [
        CloudErrorKind::Unreachable,
        CloudErrorKind::Throttled,
        CloudErrorKind::NoCapacity,
    ];
    cloud.launch(&launch(number)).await.map_err(|error| {
        assert!(expected.contains(&error.kind), "{error}");
        error.kind
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_thousand_launches_in_bad_weather_none_is_doubled_and_none_leaks() {
    let lab = Lab::start();
    lab.faults(&weather());

    let service = Service::start(&lab);
    let launching = stream::iter(1..=LAUNCHES).map(|number| {
        service.insist(usize::from(number), async move |cloud| {
            launched(&*cloud, number).await
        })
    });
    let seen: Vec<InstanceSeen> = launching.buffer_unordered(AT_ONCE).collect().await;
    let made = lab.made();
    let alive = lab.instances();
    let inserts = lab.calls("instances.insert");

    assert_eq!(made.len(), usize::from(LAUNCHES)); // I8
    assert!(
        made.values().all(|&times| times == 1),
        "{:?}",
        made.iter()
            .filter(|(_, times)| **times > 1)
            .collect::<Vec<_>>()
    );
    assert_eq!(alive.len(), usize::from(LAUNCHES));
    assert!(
        inserts > u64::from(LAUNCHES),
        "the weather was too good: {inserts} inserts"
    );

    let removing = stream::iter(seen.iter().enumerate()).map(|(number, each)| {
        service.insist(number, async move |cloud| {
            let removed = cloud.terminate(&tenant("demo"), &each.provider).await;
            removed.map_err(|error| error.kind)
        })
    });
    removing
        .buffer_unordered(AT_ONCE)
        .collect::<Vec<()>>()
        .await;

    assert_eq!(lab.instances().len(), 0); // I7
    let deaths = service.deaths.load(Ordering::Relaxed);
    assert!(deaths > 50, "only {deaths} deaths");
    lab.faults(&json!({}));
    assert_eq!(lab.cloud().list(&tenant("demo")).await.unwrap(), []);
}
