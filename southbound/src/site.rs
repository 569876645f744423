//! A tenant's network in a cloud that has networks of its own: made and removed by us, through the cloud's API.
//!
//! ```text
//!   transit ══ tunnel ══► public address of the gateway ─► gateway (router, load balancer) ─► the cloud's subnet ─► instances
//! ```
//!
//! The gateway is one instance with a public address. Its first-boot text, which whoever wires this brings along, turns it into
//! the site's router and load balancer; the cloud knows nothing of tunnels and rules.

use std::net::Ipv4Addr;

use async_trait::async_trait;
use controller::id::TenantName;
use controller::ports::CloudError;
use controller::spec::{Listener, Subnet};

/// Makes and removes tenants' networks in one cloud.
#[async_trait]
pub trait Site: Send + Sync {
    /// Makes the tenant's network exist as it is wished for. Idempotent, by names or tags that go along in the very call that
    /// makes a thing; a crash between any two calls leaves what the next call goes on from. Goes as far as it can without waiting
    /// for what takes the cloud long (a gateway's start), and says what it waits for: it is asked again.
    async fn ensure(&self, wish: &SiteWish) -> Result<SiteSeen, CloudError>;

    /// Removes all of it, in reverse, going on past what is gone already; asked again while [`SiteRemoval::Waits`]. `Rejected` while
    /// instances of the tenant are in it.
    async fn remove(&self, tenant: &TenantName) -> Result<SiteRemoval, CloudError>;
}

/// A tenant's network as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SiteWish {
    /// Whose.
    pub tenant: TenantName,
    /// The tenant's range. Where the cloud's subnets lie in single zones, each zone has its [`slice`](controller::zone::slice).
    pub subnet: Subnet,
    /// The ports that instances listen on, which the gateway has to reach.
    pub listen: Vec<Listener>,
    /// The only address that tunnels may come from.
    pub transit: Ipv4Addr,
    /// What the tunnel travels as.
    pub tunnel: TunnelTransport,
    /// What the gateway does when it boots first: cloud-init user data.
    pub first_boot: String,
}

/// What a tunnel travels as, for a cloud's packet filter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TunnelTransport {
    /// IP protocol 47.
    Gre,
    /// UDP to this port.
    Udp(u16),
}

/// A tenant's network as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SiteSeen {
    /// The gateway's public address, where the tunnel ends; once it is known.
    pub public: Option<Ipv4Addr>,
    /// The gateway's address inside; once it is known.
    pub inside: Option<Ipv4Addr>,
    /// What is not ready yet, in words; `None` once everything is.
    pub waits_for: Option<String>,
}

/// How far a removal has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SiteRemoval {
    /// Nothing is left.
    Done,
    /// This is still going, in words.
    Waits(String),
}
