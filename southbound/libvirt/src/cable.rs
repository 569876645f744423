//! What the libvirt cloud needs of the network, and no more: a bridge on the host that an instance's interface is put on.

use std::net::Ipv4Addr;

use async_trait::async_trait;
use controller::id::{CloudName, InstanceId, TenantName};

/// Plugs instances into the network. The libvirt cloud knows no data plane; whoever wires it gives it this.
#[async_trait]
pub trait Cable: Send + Sync {
    /// Makes a bridge exist in the host's own network namespace that leads to the instance's subnet, and returns its name.
    /// Idempotent: where it exists already, its name is returned.
    async fn plug(&self, request: &CableRequest) -> Result<String, CableError>;

    /// The instance is gone from this host: what was made for it alone may go. `Ok` where nothing is left of it.
    async fn unplug(
        &self,
        host: &str,
        tenant: &TenantName,
        cloud: &CloudName,
        instance: InstanceId,
    ) -> Result<(), CableError>;
}

/// What an instance needs of its network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CableRequest {
    /// On which host: the address of its libvirt, as it was set.
    pub host: String,
    /// Whose it is.
    pub tenant: TenantName,
    /// In which cloud, hence in which site.
    pub cloud: CloudName,
    /// Which instance.
    pub instance: InstanceId,
    /// Its address.
    pub address: Ipv4Addr,
    /// The length of its subnet's prefix, in bits.
    pub prefix: u8,
    /// Its router.
    pub gateway: Ipv4Addr,
    /// Its address on the wire.
    pub mac: [u8; 6],
}

/// An instance could not be plugged in or out.
#[derive(Debug, Clone, thiserror::Error)]
#[error("the network of instance {instance} could not be {operation}: {detail}")]
pub struct CableError {
    /// Whose network.
    pub instance: InstanceId,
    /// `plugged` or `unplugged`.
    pub operation: &'static str,
    /// What was said, and where it helps, what a person can do.
    pub detail: String,
}
