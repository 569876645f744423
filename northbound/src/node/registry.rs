//! What a node needs of the store that all nodes share. Everything that it writes there is under one lease.
//!
//! ```text
//! node/<name>       a node that lives: its card               under its lease
//! owner/<tenant>    who looks after the tenant: its name      under its lease; the key's create revision is the epoch
//! ```

use std::collections::BTreeMap;
use std::path::PathBuf;

use async_trait::async_trait;
use controller::id::{Epoch, TenantName};
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use super::NodeName;

/// A lease, by the store's number for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Lease(pub i64);

/// What a node tells the others of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Card {
    /// What it is called.
    pub name: NodeName,
    /// The machine that it runs on.
    pub host: String,
    /// Where its service listens, on that machine.
    pub socket: PathBuf,
    /// Where it remembers, on that machine: only one at a time works there.
    pub state: PathBuf,
    /// Its process, on that machine.
    pub process: u32,
}

/// Who owns a tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    /// Its name.
    pub node: NodeName,
    /// Since when: the store's count of changes.
    pub epoch: Epoch,
    /// Until when.
    pub lease: Lease,
}

/// The keys of nodes and owners, as they were last seen.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seen {
    /// The nodes that live, with the leases that say so.
    pub nodes: BTreeMap<NodeName, (Card, Lease)>,
    /// Who owns which tenant.
    pub owners: BTreeMap<TenantName, Owner>,
    /// Up to which of the store's changes.
    pub revision: u64,
}

/// The store did not do as asked, or did not say.
#[derive(Debug, Clone, thiserror::Error)]
#[error("the store could not {operation}: {detail}")]
pub struct RegistryError {
    /// What was tried.
    pub operation: &'static str,
    /// What was said.
    pub detail: String,
}

/// The part of the store that nodes share. Every call has a limit in time; one that failed may have been done all the same.
#[async_trait]
pub trait Registry: Send + Sync {
    /// A new lease.
    async fn lease(&self) -> Result<Lease, RegistryError>;

    /// Keeps a lease for its whole length from now on; false where it is over.
    async fn renew(&self, lease: Lease) -> Result<bool, RegistryError>;

    /// Ends a lease, and with it every key under it, at once. `Ok` where it is over.
    async fn revoke(&self, lease: Lease) -> Result<(), RegistryError>;

    /// Writes the node's card under the lease; where there is one of that name already, it is left and returned.
    async fn join(&self, lease: Lease, card: &Card)
    -> Result<Option<(Card, Lease)>, RegistryError>;

    /// Takes the node's card away, so that nobody waits for it.
    async fn part(&self, name: &NodeName) -> Result<(), RegistryError>;

    /// Makes the tenant this node's, unless it is anybody's: the epoch, or `None`.
    async fn claim(
        &self,
        lease: Lease,
        tenant: &TenantName,
        name: &NodeName,
    ) -> Result<Option<Epoch>, RegistryError>;

    /// Makes the tenant nobody's, where it is owned since this very epoch.
    async fn release(&self, tenant: &TenantName, epoch: Epoch) -> Result<(), RegistryError>;

    /// What is seen of all keys, as it changes; the default until it was seen first.
    fn seen(&self) -> watch::Receiver<Seen>;
}
