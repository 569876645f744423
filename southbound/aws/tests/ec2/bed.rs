//! A bed for the suite that every cloud has to pass: a lab where everything takes a moment.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use controller::id::{CloudName, ProviderId, TemplateName, TenantName};
use controller::ports::{CloudErrorKind, InstanceSeen, Launch};
use serde_json::{Value, json};
use southbound::Southbound;
use southbound::conformance::{Bed, CAPACITY, tenant};
use southbound_aws::AwsCloud;

use crate::lab::{LOOK, Lab, text};

/// Long enough that nothing has happened when it has only been asked for.
const MOMENT: f64 = 0.15;
const LAG: f64 = 0.6;

pub(crate) struct AwsBed {
    lab: Lab,
}

impl AwsBed {
    pub(crate) fn new() -> Self {
        let bed = Self { lab: Lab::start() };
        bed.set(json!({}));
        bed
    }

    /// The bed's usual faults, and these.
    fn set(&self, more: Value) {
        let mut faults = json!({
            "capacity": [{ "room": CAPACITY }],
            "boot": MOMENT, "stop": MOMENT, "shutdown": MOMENT,
        });
        let Value::Object(more) = more else {
            unreachable!()
        };
        faults.as_object_mut().unwrap().extend(more);
        self.lab.set(&faults);
    }

    async fn wait_until(&self, what: &str, holds: impl Fn(&[Value]) -> bool) {
        for _ in 0..1000 {
            if holds(&self.lab.present()) {
                return;
            }
            tokio::time::sleep(LOOK).await;
        }
        panic!("not within {:?}: {what}", LOOK * 1000);
    }
}

#[async_trait(?Send)]
impl Bed for AwsBed {
    fn name(&self) -> CloudName {
        "aws-us".parse().unwrap()
    }

    fn template(&self) -> TemplateName {
        "web".parse().unwrap()
    }

    fn open(&self) -> Arc<dyn Southbound> {
        Arc::new(self.lab.cloud())
    }

    async fn launch_unheard(&self, launch: &Launch) {
        self.set(json!({ "calls": [{ "action": "RunInstances", "fault": "lose_reply" }] }));
        let unheard = self.lab.cloud().launch(launch).await.unwrap_err();
        assert_eq!(unheard.kind, CloudErrorKind::Unreachable, "{unheard}");
        assert_eq!(self.lab.present().len(), 1);
        self.set(json!({}));
    }

    async fn kill(&self, seen: &InstanceSeen) {
        self.lab.enter(&seen.provider.0, "stopped");
    }

    async fn wait_for_boot(&self) {
        let is_up = |present: &[Value]| present.iter().all(|each| each["state"] != "pending");
        self.wait_until("all instances are up", is_up).await;
    }

    async fn plant_foreign(&self, tenant: &TenantName) -> Option<ProviderId> {
        // Another deployment's, with the same names for everything else.
        let mut settings = self.lab.settings();
        "d2".clone_into(&mut settings.deployment);
        let cloud = AwsCloud::open(settings).unwrap();
        let launch = southbound::conformance::launch(self, tenant, 77);
        Some(cloud.launch(&launch).await.unwrap().provider)
    }

    async fn is_foreign_well(&self, planted: &ProviderId) -> bool {
        self.wait_for_boot().await;
        text(&self.lab.instance(&planted.0)["state"]) == "running"
    }

    async fn make_listings_lag(&self) -> bool {
        self.set(json!({ "lag": LAG }));
        true
    }

    async fn wait_for_listing(&self) {
        tokio::time::sleep(Duration::from_secs_f64(LAG * 1.5)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_bed_is_as_slow_as_it_should_be() {
    let bed = AwsBed::new();
    let launch = southbound::conformance::launch(&bed, &tenant("demo"), 1);
    let made = bed.open().launch(&launch).await.unwrap();
    assert_eq!(
        text(&bed.lab.instance(&made.provider.0)["state"]),
        "pending"
    );
}
