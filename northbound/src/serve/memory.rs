//! Where the service remembers, and what follows from it: alone, it looks after every tenant; where others share the store, after
//! those that it owns.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use controller::id::TenantName;
use controller::ports::{StoreError, StoreErrorKind};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::ServeError;
use super::tenants::Tenants;
use crate::config::Config;
use crate::store::{EtcdSettings, SqliteStore, StateDir, StoreSettings};
use crate::wire::{Memory, Wakes};

/// What is ordered comes in heaps; this long is waited for the rest of one.
const HEAP: Duration = Duration::from_millis(50);

/// Opens the store that the operator has chosen.
pub(super) fn open(config: &Config, state: StateDir) -> Result<Memory, ServeError> {
    match &config.store {
        StoreSettings::Sqlite => Ok(SqliteStore::open(state)?.into()),
        StoreSettings::Etcd(settings) => shared(config, settings, state),
    }
}

fn shared(
    _config: &Config,
    settings: &EtcdSettings,
    _state: StateDir,
) -> Result<Memory, ServeError> {
    Err(ServeError::Store(StoreError {
        kind: StoreErrorKind::Failed,
        operation: "share its memory",
        detail: format!("nothing follows cluster {} yet", settings.cluster),
    }))
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
