//! What a check needs of a cloud beyond its port: to be made anew, and to be hurt.

use std::sync::Arc;

use async_trait::async_trait;
use controller::id::{CloudName, InstanceId, TemplateName, TenantName};
use controller::instance::{Instance, Phase};
use controller::ports::{InstanceSeen, Launch, Southbound};
use controller::spec::Subnet;
use jiff::Timestamp;

/// Every bed has room for so many.
pub(crate) const CAPACITY: u32 = 3;

/// A cloud to be checked, empty at first. It removes everything when it is dropped.
#[async_trait(?Send)]
pub(crate) trait Bed {
    /// What it is called.
    fn name(&self) -> CloudName;
    /// What its instances are made from.
    fn template(&self) -> TemplateName;
    /// The adapter; each call makes it anew, as a restart of the service does, on the same cloud.
    fn open(&self) -> Arc<dyn Southbound>;
    /// Asks for an instance in a way in which the caller never hears the answer.
    async fn launch_unheard(&self, launch: &Launch);
    /// Makes an instance stop, behind the adapter's back.
    async fn kill(&self, seen: &InstanceSeen);
    /// Lets as much time pass as an instance needs to come up.
    async fn wait_for_boot(&self);
}

pub(crate) fn tenant(name: &str) -> TenantName {
    name.parse().unwrap()
}

/// A launch of instance number `number` of a tenant.
pub(crate) fn launch(bed: &dyn Bed, tenant: &TenantName, number: u8) -> Launch {
    let name = tenant.as_str().bytes().fold(7u32, |sum, byte| {
        sum.wrapping_mul(31).wrapping_add(u32::from(byte))
    });
    Launch {
        tenant: tenant.clone(),
        instance: Instance {
            id: InstanceId::new(name, u32::from(number)),
            slot: u32::from(number),
            cloud: bed.name(),
            template: bed.template(),
            address: [19, 0, 0, 10 + number].into(),
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
            cidr: "19.0.0.0/24".parse().unwrap(),
            gateway: "19.0.0.1".parse().unwrap(),
            dhcp_start: "19.0.0.2".parse().unwrap(),
            dhcp_end: "19.0.0.254".parse().unwrap(),
        },
    }
}
