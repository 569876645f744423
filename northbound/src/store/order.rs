//! What a person may ask of the store, what comes of it, and why it may be refused.

use std::net::Ipv4Addr;

use controller::id::{Generation, InstanceId, TenantName};
use ipnet::Ipv4Net;

/// What an apply did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Applied {
    /// The generation that is in force now.
    pub generation: Generation,
    /// What is different.
    pub change: Change,
}

/// What an apply changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// The tenant is new.
    Created,
    /// It has another spec than before.
    Updated,
    /// It had this very spec already; nothing was written.
    Same,
}

/// What a person orders beside the spec.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// No action until resumed.
    Pause,
    /// Act again.
    Resume,
    /// Exactly so many; `None` for what the policy says.
    Scale(Option<u32>),
    /// Remove the tenant.
    Destroy,
}

/// Why an apply or an order was refused. Nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// There is no such tenant.
    #[error("there is no tenant `{tenant}`")]
    Unknown {
        /// Who was named.
        tenant: TenantName,
    },
    /// Somebody was faster.
    #[error("tenant `{tenant}` is at generation {actual}, not at {expected}")]
    Generation {
        /// Whose.
        tenant: TenantName,
        /// What the caller had seen; 0 for a tenant that is not there.
        expected: Generation,
        /// What is in force; 0 for a tenant that is not there.
        actual: Generation,
    },
    /// The public address is taken.
    #[error("the public address {public_ip} belongs to tenant `{owner}`")]
    AddressOwned {
        /// Which address.
        public_ip: Ipv4Addr,
        /// Whose it is.
        owner: TenantName,
    },
    /// Instances live in a subnet that would be another, or gone: they would be cut off.
    #[error(
        "the subnet {cidr} with gateway {gateway} of tenant `{tenant}` cannot change or go: {instances} {} in it",
        if *instances == 1 { "instance lives" } else { "instances live" }
    )]
    SubnetInUse {
        /// Whose.
        tenant: TenantName,
        /// The subnet as it is in force.
        cidr: Ipv4Net,
        /// Its gateway.
        gateway: Ipv4Addr,
        /// How many live.
        instances: usize,
    },
    /// An instance lives at an address that would no longer be for instances.
    #[error(
        "no `dhcp` range would hold {address}, where instance {instance} of tenant `{tenant}` lives"
    )]
    RangeInUse {
        /// Whose.
        tenant: TenantName,
        /// Which instance.
        instance: InstanceId,
        /// Its address.
        address: Ipv4Addr,
    },
    /// The tenant is on its way out.
    #[error("tenant `{tenant}` is being removed")]
    Destroyed {
        /// Who.
        tenant: TenantName,
    },
    /// A number outside the spec's bounds.
    #[error("{wanted} instances are outside the bounds of tenant `{tenant}`: {min} to {max}")]
    OutOfBounds {
        /// Whose.
        tenant: TenantName,
        /// What was asked for.
        wanted: u32,
        /// The least.
        min: u32,
        /// The most.
        max: u32,
    },
}

impl Refusal {
    /// What a person can do.
    pub fn hint(&self) -> String {
        match self {
            Self::Unknown { .. } => "`asaas tenants` lists those that there are".to_owned(),
            Self::Generation { tenant, .. } => format!(
                "somebody has changed it since you looked: see `asaas status {tenant}`, then ask again"
            ),
            Self::AddressOwned { .. } => {
                "give this tenant another `public_ip`, or remove the tenant that has it".to_owned()
            }
            Self::SubnetInUse { tenant, cidr, gateway, .. } => format!(
                "go back to `cidr: {cidr}` with `gateway: {gateway}`, or remove the tenant \
                 (`asaas destroy {tenant} --wait`) and apply this anew"
            ),
            Self::RangeInUse { tenant, address, .. } => format!(
                "let the range hold {address}, or remove the tenant (`asaas destroy {tenant} --wait`) and apply this anew"
            ),
            Self::Destroyed { tenant } => format!(
                "wait until it is gone (`asaas destroy {tenant} --wait`), then apply it anew"
            ),
            Self::OutOfBounds { .. } => {
                "ask for a number within them, or change `instances` in the tenant file and apply it".to_owned()
            }
        }
    }
}
