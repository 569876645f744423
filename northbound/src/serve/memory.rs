//! Where the service remembers, and what follows from it: alone, it looks after every tenant; where others share the store, after
//! those that it owns.

use std::collections::BTreeMap;
#[cfg(feature = "etcd")]
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use controller::id::TenantName;
use controller::ports::StoreError;
#[cfg(not(feature = "etcd"))]
use controller::ports::StoreErrorKind;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::ServeError;
use super::tenants::Tenants;
use crate::config::Config;
#[cfg(feature = "etcd")]
use crate::node::{Card, NodeNameError};
use crate::store::{EtcdSettings, SqliteStore, StateDir, StoreSettings};
use crate::wire::{Memory, Wakes};

/// What is ordered comes in heaps; this long is waited for the rest of one.
const HEAP: Duration = Duration::from_millis(50);

/// Opens the store that the operator has chosen.
pub(super) async fn open(config: &Config, state: StateDir) -> Result<Memory, ServeError> {
    match &config.store {
        StoreSettings::Sqlite => Ok(SqliteStore::open(state)?.into()),
        StoreSettings::Etcd(settings) => shared(config, settings, state).await,
    }
}

#[cfg(feature = "etcd")]
async fn shared(
    config: &Config,
    settings: &EtcdSettings,
    state: StateDir,
) -> Result<Memory, ServeError> {
    use jiff::Timestamp;

    use crate::clock::SystemClock;
    use crate::node::{EtcdRegistry, Place, Tenure};
    use crate::store::EtcdStore;

    let ttl = settings.ttl.unsigned_abs();
    let tenure = Tenure::new(ttl);
    let clock = SystemClock::starting_after(Timestamp::MIN);
    let store = EtcdStore::open(settings, state, tenure.clone(), clock.clone()).await?;
    let registry = EtcdRegistry::new(store.connection().clone(), ttl);
    let card = card(config, settings)?;
    Ok(Memory {
        store: store.mirror().clone(),
        registrar: Arc::new(store),
        place: Some(Place::new(card, tenure, Arc::new(registry))),
        clock,
    })
}

/// The checks before have told what is missing.
#[cfg(not(feature = "etcd"))]
async fn shared(
    _config: &Config,
    settings: &EtcdSettings,
    _state: StateDir,
) -> Result<Memory, ServeError> {
    let detail = format!(
        "cluster {}: this asaas was built without etcd",
        settings.cluster
    );
    std::future::ready(Err(ServeError::Store(StoreError {
        kind: StoreErrorKind::Failed,
        operation: "reach etcd",
        detail,
    })))
    .await
}

/// What this service tells the other nodes of itself.
#[cfg(feature = "etcd")]
fn card(config: &Config, settings: &EtcdSettings) -> Result<Card, ServeError> {
    let system = |operation| move |cause| ServeError::System { operation, cause };
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname");
    let host = host.map_err(system("read the name of this host"))?;
    let host = host.trim().to_owned();
    let name = settings.node.clone().map_or_else(|| host.parse(), Ok);
    let name = name.map_err(|error: NodeNameError| ServeError::System {
        operation: "name this node after its host; set `store.etcd.node` in asaas.yml",
        cause: std::io::Error::other(error),
    })?;
    let whole = |path: &Path| std::path::absolute(path).map_err(system("find its own directory"));
    Ok(Card {
        name,
        host,
        socket: whole(&config.socket)?,
        state: whole(&config.state)?,
        process: std::process::id(),
    })
}

/// Wakes the tenants of which something was ordered, through whichever node.
async fn ring(store: SqliteStore, wakes: Wakes) {
    let mut news = store.appended();
    let mut known = BTreeMap::new();
    loop {
        let rows = store.tenants().await.unwrap_or_default();
        let orders = rows
            .into_iter()
            .map(|row| (row.tenant, (row.generation, row.orders)));
        let orders: BTreeMap<_, _> = orders.collect();
        let is_new = |tenant: &&TenantName| known.get(*tenant) != orders.get(*tenant);
        orders
            .keys()
            .filter(is_new)
            .for_each(|tenant| wakes.ring(tenant));
        known = orders;
        if news.changed().await.is_err() {
            return;
        }
        tokio::time::sleep(HEAP).await;
    }
}

/// How a service comes by its tenants.
pub(super) enum Membership {
    /// All of them are its own.
    Alone,
    /// It is one of several nodes.
    Among {
        stop: watch::Sender<bool>,
        life: JoinHandle<()>,
    },
}

impl Membership {
    /// Starts the loops of the tenants that are this service's, now or when they are.
    pub(super) async fn begin(tenants: &Arc<Tenants>) -> Result<Self, StoreError> {
        let wired = tenants.wired();
        let Some(place) = &wired.place else {
            tenants.start_all().await?;
            return Ok(Self::Alone);
        };
        tokio::spawn(ring(wired.store.clone(), wired.wakes.clone()));
        let stop = watch::Sender::new(false);
        let member = place.member(Arc::new(Arc::clone(tenants)));
        let life = tokio::spawn(member.run(wired.store.appended(), stop.subscribe()));
        Ok(Self::Among { stop, life })
    }

    /// Leaves every tenant to the others, within this long.
    pub(super) async fn end(self, limit: Duration) {
        if let Self::Among { stop, life } = self {
            stop.send_replace(true);
            if tokio::time::timeout(limit, life).await.is_err() {
                tracing::warn!(
                    "some ticks did not end in time; others take over when the lease ends"
                );
            }
        }
    }
}
