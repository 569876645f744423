//! What a tenant's network should be, and what it was seen to be. Two types, since a wish is not a sight.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};

use crate::id::{CloudName, InstanceId, TenantName};
use crate::spec::{HealthCheck, Listener, Split, Subnet};

/// A tenant's network as it should be, whole: whatever is not in it should not exist.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetworkPlan {
    /// Whose.
    pub tenant: TenantName,
    /// Where clients connect to.
    pub public_ip: Ipv4Addr,
    /// False while the tenant is being removed: new connections are refused, those that exist go on.
    pub is_open: bool,
    /// The public ports. Every one leads to every backend.
    pub listen: Vec<Listener>,
    /// How new connections are shared out among the sites.
    pub split: Split,
    /// The tenant's subnets, the same in every site.
    pub subnets: Vec<Subnet>,
    /// The clouds in which the tenant has a site, in order of name.
    pub sites: Vec<CloudName>,
    /// Every instance that has an address, in order of address.
    pub endpoints: Vec<Endpoint>,
    /// How the endpoints are asked whether they are well.
    pub health: HealthCheck,
}

/// An instance, as the network sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Endpoint {
    /// Who it is.
    pub instance: InstanceId,
    /// In which site.
    pub cloud: CloudName,
    /// Its address.
    pub address: Ipv4Addr,
    /// Its address on the wire.
    pub mac: [u8; 6],
    /// Whether new connections may go to it.
    pub is_backend: bool,
    /// Whether it is asked how it is.
    pub is_probed: bool,
}

/// A tenant's network as it was seen.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetworkSeen {
    /// What carries the traffic between transit and sites: `vxlan` or `gre`; empty before the network exists.
    pub tunnel: String,
    /// What is known of each endpoint.
    pub endpoints: BTreeMap<InstanceId, EndpointSeen>,
}

/// What is known of one endpoint.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndpointSeen {
    /// How it answers.
    pub health: Health,
    /// Whether the kernel's rules, read back, send new connections to it.
    pub is_routed: bool,
    /// How many flows of its service the kernel tracks now; `None` where the count could not be had.
    pub flows: Option<u32>,
}

/// How an endpoint answers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Health {
    /// Not asked, or not often enough yet.
    #[default]
    Unknown,
    /// It answers.
    Healthy,
    /// It has failed to answer so many times in a row as the tenant allows.
    Unhealthy,
}
