//! One of the services that share an etcd: its directory, its store, and how it comes to own tenants.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use controller::id::{Epoch, TenantName};
use etcd_client::{Compare, CompareOp, Txn, TxnOp};
use jiff::Timestamp;
use northbound::clock::SystemClock;
use northbound::node::{Tenure, Uptime};
use northbound::store::etcd::connection::Connection;
use northbound::store::etcd::keys::Key;
use northbound::store::{EtcdSettings, EtcdStore, StateDir};

use crate::bed::{Opened, Ownership};

/// Nobody loses a tenant here because a machine is slow.
const TTL: Duration = Duration::from_hours(1);

pub(crate) struct Node {
    pub(crate) store: EtcdStore,
    pub(crate) owner: Arc<Owner>,
}

impl Node {
    pub(crate) async fn open(settings: &EtcdSettings, directory: &Path) -> Self {
        let tenure = Tenure::new(TTL);
        tenure.renewed(Uptime::now());
        let state = StateDir::take(directory).unwrap();
        let clock = SystemClock::starting_after(Timestamp::MIN);
        let store = EtcdStore::open(settings, state, tenure.clone(), clock);
        let store = store.await.unwrap();
        let connection = store.connection().clone();
        Self {
            owner: Arc::new(Owner { connection, tenure }),
            store,
        }
    }

    /// As the suite takes it.
    pub(crate) async fn opened(self) -> Opened {
        Opened {
            read: self.store.mirror().clone(),
            steady: self.store.last_steady().await.unwrap(),
            ownership: self.owner,
            store: Arc::new(self.store),
        }
    }
}

/// Takes tenants, without a lease: what ends with one is tried where leases are.
pub(crate) struct Owner {
    connection: Connection,
    tenure: Tenure,
}

impl Owner {
    /// Takes the tenant from whoever has it.
    pub(crate) async fn seize(&self, tenant: &TenantName) -> Epoch {
        let key = self.connection.keys().write(&Key::Owner(tenant.clone()));
        let (mut client, _) = self.connection.member();
        client.delete(key, None).await.unwrap();
        self.own(tenant).await
    }
}

#[async_trait]
impl Ownership for Owner {
    async fn own(&self, tenant: &TenantName) -> Epoch {
        if let Some(epoch) = self.tenure.epoch(tenant) {
            return epoch;
        }
        let key = self.connection.keys().write(&Key::Owner(tenant.clone()));
        let (mut client, _) = self.connection.member();
        let is_free = Compare::version(key.clone(), CompareOp::Equal, 0);
        let take = Txn::new()
            .when([is_free])
            .and_then([TxnOp::put(key.clone(), "a test", None)]);
        client.txn(take).await.unwrap();
        let found = client.get(key, None).await.unwrap();
        let created = found.kvs()[0].create_revision();
        let epoch = Epoch(u64::try_from(created).unwrap());
        self.tenure.own(tenant.clone(), epoch);
        epoch
    }
}
