//! What the local cloud needs of the network, and no more: a network namespace to put an instance in.

use std::net::Ipv4Addr;
use std::path::PathBuf;

use async_trait::async_trait;
use controller::id::{CloudName, InstanceId, TenantName};

/// Plugs instances into the network. The local cloud knows no data plane; whoever wires it gives it this.
#[async_trait]
pub trait Cable: Send + Sync {
    /// Makes a network namespace exist for this instance, with its address, its route and its loopback up, and returns the
    /// path of it (below `/run/netns`, say). Idempotent: where it exists already, its path is returned.
    async fn plug(&self, request: &CableRequest) -> Result<PathBuf, CableError>;

    /// Makes the instance's namespace exist no more. `Ok` where it is gone already. No process is left in it when this is
    /// called, but for one that cannot be killed.
    async fn unplug(
        &self,
        tenant: &TenantName,
        cloud: &CloudName,
        instance: InstanceId,
    ) -> Result<(), CableError>;
}

/// What an instance needs of its network namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CableRequest {
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
