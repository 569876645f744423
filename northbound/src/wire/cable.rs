//! Plugs the local cloud's instances into the data plane. The two do not know each other.

use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use controller::id::{CloudName, InstanceId, SubnetName, TenantName};
use controller::spec::Subnet;
use ipnet::Ipv4Net;
use netsetup::{LinuxDataplane, Plug};
use southbound::local::{Cable, CableError, CableRequest};

/// The data plane, as the local cloud sees it.
pub(super) struct NetsetupCable {
    dataplane: Arc<LinuxDataplane>,
}

impl NetsetupCable {
    pub(super) fn new(dataplane: Arc<LinuxDataplane>) -> Self {
        Self { dataplane }
    }
}

#[async_trait]
impl Cable for NetsetupCable {
    async fn plug(&self, request: &CableRequest) -> Result<PathBuf, CableError> {
        let failed = |detail: String| CableError {
            instance: request.instance,
            operation: "plugged",
            detail,
        };
        let subnet = subnet(request.address, request.prefix, request.gateway).map_err(failed)?;
        let plug = Plug {
            tenant: request.tenant.clone(),
            cloud: request.cloud.clone(),
            instance: request.instance,
            address: request.address,
            mac: request.mac,
            subnet,
        };
        self.dataplane
            .plug(&plug)
            .await
            .map_err(|error| failed(error.to_string()))
    }

    async fn unplug(
        &self,
        tenant: &TenantName,
        cloud: &CloudName,
        instance: InstanceId,
    ) -> Result<(), CableError> {
        self.dataplane
            .unplug(tenant, cloud, instance)
            .await
            .map_err(|error| CableError {
                instance,
                operation: "unplugged",
                detail: error.to_string(),
            })
    }
}

/// An instance's subnet, of which a cable needs the range and the router; the rest of it is the tenant's business.
pub(super) fn subnet(address: Ipv4Addr, prefix: u8, gateway: Ipv4Addr) -> Result<Subnet, String> {
    let cidr = Ipv4Net::new(address, prefix)
        .map_err(|error| format!("/{prefix} is no prefix: {error}"))?
        .trunc();
    let name: SubnetName = "net".parse().map_err(|error| format!("{error}"))?;
    Ok(Subnet {
        name,
        cidr,
        gateway,
        dhcp_start: cidr.network(),
        dhcp_end: cidr.broadcast(),
    })
}
