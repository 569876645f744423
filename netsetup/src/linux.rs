//! The data plane of a Linux host.

use std::fmt;
use std::net::Ipv4Addr;
use std::path::PathBuf;

use async_trait::async_trait;
use controller::id::{CloudName, InstanceId, TenantName};
use controller::instance::Instance;
use controller::load::Sample;
use controller::network::{NetworkPlan, NetworkSeen};
use controller::ports::{Dataplane, DataplaneError, Meter, MeterError};
use controller::spec::Subnet;
use controller::time::Now;

use crate::settings::{Settings, Wake};

/// An instance's cable: what it takes to put an instance into its tenant's network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plug {
    /// Whose.
    pub tenant: TenantName,
    /// In which site.
    pub cloud: CloudName,
    /// Which instance.
    pub instance: InstanceId,
    /// Its address.
    pub address: Ipv4Addr,
    /// Its address on the wire.
    pub mac: [u8; 6],
    /// The subnet that the address is in.
    pub subnet: Subnet,
}

/// The data plane of this Linux host.
pub struct LinuxDataplane {
    settings: Settings,
    wake: Wake,
}

impl fmt::Debug for LinuxDataplane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LinuxDataplane")
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

impl LinuxDataplane {
    /// One that has touched nothing yet. `wake` is called when an instance's health has changed.
    pub fn new(settings: Settings, wake: Wake) -> Self {
        Self { settings, wake }
    }

    /// Makes the namespace of an instance, with one interface `eth0` that has the instance's addresses and is joined to its
    /// site, and returns the namespace's path. Makes the site where it does not exist yet. Idempotent.
    pub async fn plug(&self, plug: &Plug) -> Result<PathBuf, DataplaneError> {
        let _ = &self.wake;
        Err(DataplaneError {
            tenant: plug.tenant.clone(),
            operation: "joined",
            detail: "not built yet".to_owned(),
        })
    }

    /// Removes an instance's namespace and cable. `Ok` where they are gone already.
    pub async fn unplug(
        &self,
        _tenant: &TenantName,
        _cloud: &CloudName,
        _instance: InstanceId,
    ) -> Result<(), DataplaneError> {
        Ok(())
    }

    /// A meter that reads connections from the load balancer's own counters.
    pub fn meter(&self) -> LoadBalancerMeter {
        LoadBalancerMeter {}
    }
}

#[async_trait]
impl Dataplane for LinuxDataplane {
    async fn apply(&self, _plan: &NetworkPlan) -> Result<(), DataplaneError> {
        Ok(())
    }

    async fn observe(&self, _tenant: &TenantName) -> Result<NetworkSeen, DataplaneError> {
        Ok(NetworkSeen::default())
    }

    async fn forget(
        &self,
        _tenant: &TenantName,
        _cloud: &CloudName,
        _address: Ipv4Addr,
    ) -> Result<(), DataplaneError> {
        Ok(())
    }

    async fn destroy(&self, _tenant: &TenantName) -> Result<(), DataplaneError> {
        Ok(())
    }
}

/// Reads connections and connections per second of every instance from the load balancer's own counters; no agent.
#[derive(Debug)]
pub struct LoadBalancerMeter {}

#[async_trait]
impl Meter for LoadBalancerMeter {
    async fn sample(
        &self,
        _tenant: &TenantName,
        _instances: &[Instance],
        _now: Now,
    ) -> Result<Vec<Sample>, MeterError> {
        Ok(Vec::new())
    }
}
