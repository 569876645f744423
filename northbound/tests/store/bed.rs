//! What the contract of a store is tried on.
#![allow(dead_code, reason = "not every test needs all of it")]

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use controller::id::{Epoch, Generation, TenantName};
use controller::ports::{Footing, TenantState};
use controller::spec::TenantSpec;
use jiff::{SignedDuration, Timestamp};
use northbound::store::{Applied, Registrar, SqliteStore, StateDir};

use crate::world::now;

/// A place where a store can be opened, and opened again after it was dropped.
#[async_trait]
pub(crate) trait Bed: Sync {
    /// The store, as a service that was just started has it.
    async fn open(&self) -> Opened;
}

/// A store that is open, and how its owner comes by the right to write.
pub(crate) struct Opened {
    pub(crate) store: Arc<dyn Registrar>,
    /// What is read on this machine.
    pub(crate) read: SqliteStore,
    pub(crate) steady: Timestamp,
    pub(crate) ownership: Arc<dyn Ownership>,
}

/// How a service comes to look after a tenant.
#[async_trait]
pub(crate) trait Ownership: Send + Sync {
    /// From now on this service does; under which epoch.
    async fn own(&self, tenant: &TenantName) -> Epoch;
}

impl Opened {
    pub(crate) async fn apply(&self, spec: &TenantSpec) -> Applied {
        let applied = self.store.apply(spec, "text", None, now(), "a test").await;
        applied.unwrap().unwrap()
    }

    /// What a record stands on while this generation is in force, of a tenant that was taken up now.
    pub(crate) async fn footing(&self, tenant: &TenantName, generation: u64) -> Footing {
        let wish = self.store.wish(tenant).await.unwrap();
        Footing {
            epoch: self.ownership.own(tenant).await,
            generation: Generation(generation),
            orders: wish.map(|wish| wish.orders).unwrap_or_default(),
        }
    }

    /// Takes the tenant up.
    pub(crate) async fn load(&self, tenant: &TenantName, history: SignedDuration) -> TenantState {
        self.ownership.own(tenant).await;
        self.store.load(tenant, history).await.unwrap().unwrap()
    }
}

/// A file of the service's own.
pub(crate) struct SqliteBed(tempfile::TempDir);

impl SqliteBed {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }
}

#[async_trait]
impl Bed for SqliteBed {
    async fn open(&self) -> Opened {
        let store = SqliteStore::open(StateDir::take(self.path()).unwrap()).unwrap();
        Opened {
            read: store.clone(),
            steady: store.last_steady(),
            ownership: Arc::new(Sole(store.epoch())),
            store: Arc::new(store),
        }
    }
}

/// Whoever has the file looks after all that are in it.
struct Sole(Epoch);

#[async_trait]
impl Ownership for Sole {
    async fn own(&self, _tenant: &TenantName) -> Epoch {
        self.0
    }
}
