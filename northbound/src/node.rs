//! One of several `asaas serve` that share a store: which tenants it looks after, and for how long it may.
//!
//! ```text
//! registry   the keys of nodes and owners, as a port
//! member     a node's life: joins, renews its lease, takes tenants and leaves them
//! assign     who looks after whom: a pure function of what is seen
//! tenure     what a node knows of its right to act, without asking anybody
//! uptime     the clock that all of it goes by
//! ```

use std::fmt;
use std::sync::Arc;

use controller::id::TenantName;
use tokio::sync::watch;

mod assign;
#[cfg(feature = "etcd")]
mod etcd;
mod member;
mod name;
mod registry;
mod tenure;
mod uptime;

pub use assign::{Moves, Roster, STEADY};
#[cfg(feature = "etcd")]
pub use etcd::EtcdRegistry;
pub use member::{Duty, Member};
pub use name::{NodeName, NodeNameError};
pub use registry::{Card, Lease, Owner, Registry, RegistryError, Seen};
pub use tenure::Tenure;
pub use uptime::Uptime;

/// A service's place among the others.
#[derive(Clone)]
pub struct Place {
    /// What it tells the others of itself.
    pub card: Card,
    /// What it may act for.
    pub tenure: Tenure,
    /// What is seen of all of them.
    pub seen: watch::Receiver<Seen>,
    registry: Arc<dyn Registry>,
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Place")
            .field("card", &self.card)
            .finish_non_exhaustive()
    }
}

impl Place {
    /// The place of whoever shows this card in this registry.
    pub fn new(card: Card, tenure: Tenure, registry: Arc<dyn Registry>) -> Self {
        Self {
            seen: registry.seen(),
            card,
            tenure,
            registry,
        }
    }

    /// Who takes it.
    pub fn member(&self, duty: Arc<dyn Duty>) -> Member {
        Member::new(
            Arc::clone(&self.registry),
            duty,
            self.card.clone(),
            self.tenure.clone(),
        )
    }

    /// Whether this node looks after the tenant.
    pub fn is_ours(&self, tenant: &TenantName) -> bool {
        self.tenure.epoch(tenant).is_some()
    }

    /// Who looks after the tenant, where that is another node; it may have died since.
    pub fn elsewhere(&self, tenant: &TenantName) -> Option<Card> {
        if self.is_ours(tenant) {
            return None;
        }
        let seen = self.seen.borrow();
        let owner = seen.owners.get(tenant)?;
        let (card, _) = seen.nodes.get(&owner.node)?;
        (card.name != self.card.name).then(|| card.clone())
    }
}
