//! What the conformance suite needs of this cloud.

use std::sync::Arc;

use async_trait::async_trait;
use controller::id::{CloudName, ProviderId, TemplateName, TenantName};
use controller::ports::{CloudErrorKind, InstanceSeen, Launch, Southbound};
use serde_json::{Value, json};
use southbound::conformance::{Bed, CAPACITY};
use southbound_gcp::{GcpCloud, Rest};

use crate::process::{Lab, ZONE};

pub(crate) struct GcpBed {
    lab: Lab,
    rest: Rest,
}

impl GcpBed {
    pub(crate) fn new(rest: Rest) -> Self {
        let bed = Self {
            lab: Lab::start(),
            rest,
        };
        bed.faults(json!({}));
        bed
    }

    /// The lab with these faults, and always with the room of a bed.
    fn faults(&self, mut faults: Value) {
        faults["quota"] = json!({"INSTANCES": CAPACITY});
        self.lab.faults(&faults);
    }
}

fn name(provider: &ProviderId) -> &str {
    provider.0.rsplit('/').next().unwrap()
}

#[async_trait(?Send)]
impl Bed for GcpBed {
    fn name(&self) -> CloudName {
        "gcp-eu".parse().unwrap()
    }

    fn template(&self) -> TemplateName {
        "web".parse().unwrap()
    }

    fn open(&self) -> Arc<dyn Southbound> {
        let mut settings = self.lab.settings();
        settings.rest = self.rest;
        Arc::new(GcpCloud::open(settings).unwrap())
    }

    async fn launch_unheard(&self, launch: &Launch) {
        self.faults(
            json!({"rules": [{"method": "instances.insert", "lose": "after", "times": 1}]}),
        );
        let answer = self.open().launch(launch).await;
        assert_eq!(answer.unwrap_err().kind, CloudErrorKind::Unreachable);
        self.faults(json!({}));
    }

    async fn kill(&self, seen: &InstanceSeen) {
        self.lab.kill(name(&seen.provider));
    }

    async fn wait_for_boot(&self) {
        self.lab.settle();
    }

    /// A copy that somebody made in the console, which copies labels too.
    async fn plant_foreign(&self, tenant: &TenantName) -> Option<ProviderId> {
        let body = json!({
            "name": "web-copy-1",
            "machineType": format!("zones/{ZONE}/machineTypes/e2-small"),
            "labels": {"asaas_deployment": "test", "asaas_cloud": "gcp-eu", "asaas_tenant": tenant.as_str()},
            "disks": [{"boot": true, "initializeParams": {"sourceImage": "projects/debian-cloud/global/images/family/debian-12"}}],
            "networkInterfaces": [{"subnetwork": "projects/lab/regions/europe-west1/subnetworks/shared"}],
        });
        self.lab
            .api("POST", &format!("zones/{ZONE}/instances"), &body);
        self.lab.settle();
        Some(ProviderId(format!("{ZONE}/web-copy-1")))
    }

    async fn is_foreign_well(&self, planted: &ProviderId) -> bool {
        self.lab.instances().get(name(planted)).map(String::as_str) == Some("RUNNING")
    }

    async fn make_listings_lag(&self) -> bool {
        self.faults(json!({"listing_lag": 3600}));
        true
    }

    async fn wait_for_listing(&self) {
        self.faults(json!({}));
    }
}
