//! The store that several services share: an etcd, of which each service keeps a copy in a file of its own.
//!
//! ```text
//!              compare and write                       watch
//! EtcdStore ───────────────────────► etcd ───────────────────────► follow ─► SqliteStore (the copy)
//!   `commit`, upon what was seen      keys    from the revision      facts      ▲ every look: status, log files, explain …
//!        ▲                                    that the copy has                 │
//!        └──────────────────────────────────────────────────────────────────────┘
//! ```
//!
//! - etcd holds what must be shared and fenced, and the journal's tail: as much as whoever takes a tenant up has to know. The
//!   copy holds that, and all of the journal since this node is there.
//! - Every write compares the revision of the tenant's counter, which every write changes; and a tick's the create revision of
//!   the owner's key, too, which is the epoch. So what is decided upon an old look, or by one who was deposed, is not written
//!   (I9, I13), and there is one order of all that was ever written of a tenant.
//! - An answer comes when this node's copy has what was written, so that whoever reads here afterwards sees it. Others see it
//!   a little later.
//! - Without a majority of etcd's members every write fails and nothing is done; traffic flows on, and it works again by
//!   itself.
//! - A node that was away for less than etcd's compaction leaves out hears all that it has missed. Away for longer it reads
//!   what there is: if the tail begins after the end of its own journal, the hole is marked by an entry that says so. Nothing is
//!   decided from what is before it, since the tail alone is as long as decisions look back.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use controller::id::TenantName;
use controller::ports::{StoreError, StoreErrorKind};
use etcd_client::{Compare, CompareOp, GetOptions, SortOrder, SortTarget, Txn, TxnOp};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::lock::StateDir;
use super::settings::EtcdSettings;
use super::sqlite::{SqliteStore, set_back};
use crate::clock::SystemClock;
use crate::node::Tenure;

mod commit;
pub mod connection;
mod draft;
mod follow;
pub mod keys;
mod ports;
mod registrar;
mod tail;
pub(super) mod values;

use connection::Connection;
use keys::Key;

/// A copy that has not come so far after this long is behind.
const SEEN_LIMIT: Duration = Duration::from_secs(5);
/// The first time, it may have to be read whole.
const FIRST_LIMIT: Duration = Duration::from_mins(2);
/// An etcd that does not answer is waited for so long at the start: it may be starting too.
const START_LIMIT: Duration = Duration::from_mins(1);

/// The store in an etcd. Clones share it.
#[derive(Clone)]
pub struct EtcdStore {
    inner: Arc<Inner>,
}

struct Inner {
    connection: Connection,
    copy: SqliteStore,
    reached: watch::Receiver<u64>,
    tenure: Tenure,
    clock: SystemClock,
    /// Tenants of which something was sent that may come to be late; see [`commit`].
    unsettled: Mutex<BTreeSet<TenantName>>,
    /// When each tenant's tail was last cut.
    trimmed: Mutex<BTreeMap<TenantName, Instant>>,
    follower: JoinHandle<()>,
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.follower.abort();
    }
}

impl fmt::Debug for EtcdStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EtcdStore")
            .field("connection", &self.inner.connection)
            .finish_non_exhaustive()
    }
}

impl EtcdStore {
    /// Opens this node's copy in the state directory, and returns once it has all that is in etcd. `tenure` knows what this
    /// node owns; `clock` is set forward where another node's has come further.
    pub async fn open(
        settings: &EtcdSettings,
        state: StateDir,
        tenure: Tenure,
        clock: SystemClock,
    ) -> Result<Self, StoreError> {
        let connection = Connection::open(settings).await?;
        let (deployment, revision) = deployment(&connection).await?;
        let copy = SqliteStore::open_mirror(state, &deployment)?;
        let known = copy.followed().await?;
        if known > revision {
            return Err(set_back(&copy, known, revision));
        }
        let reached = Arc::new(watch::Sender::new(known));
        let follower = follow::follow(connection.clone(), copy.clone(), Arc::clone(&reached));
        let store = Self {
            inner: Arc::new(Inner {
                reached: reached.subscribe(),
                follower: tokio::spawn(follower),
                connection,
                copy,
                tenure,
                clock,
                unsettled: Mutex::default(),
                trimmed: Mutex::default(),
            }),
        };
        let last = store.last_revision().await?;
        store
            .reached_within("open its copy", last, FIRST_LIMIT)
            .await?;
        let latest = store.inner.copy.latest().await?;
        store.inner.clock.catch_up(latest);
        Ok(store)
    }

    /// This node's copy: for whatever is only read.
    pub fn mirror(&self) -> &SqliteStore {
        &self.inner.copy
    }

    /// How etcd is reached, and its keys.
    pub fn connection(&self) -> &Connection {
        &self.inner.connection
    }

    fn unsettled(&self) -> MutexGuard<'_, BTreeSet<TenantName>> {
        // A panic elsewhere leaves the set whole.
        let unsettled = self.inner.unsettled.lock();
        unsettled.unwrap_or_else(PoisonError::into_inner)
    }

    fn trimmed(&self) -> MutexGuard<'_, BTreeMap<TenantName, Instant>> {
        let trimmed = self.inner.trimmed.lock();
        trimmed.unwrap_or_else(PoisonError::into_inner)
    }

    /// Something was sent for this tenant that may come to be late.
    fn unsettle(&self, tenant: &TenantName) {
        self.unsettled().insert(tenant.clone());
    }

    fn has_reached(&self, revision: u64) -> bool {
        *self.inner.reached.borrow() >= revision
    }

    /// Returns once the copy has what is in etcd as of this revision.
    async fn reached(&self, operation: &'static str, revision: u64) -> Result<(), StoreError> {
        self.reached_within(operation, revision, SEEN_LIMIT).await
    }

    async fn reached_within(
        &self,
        operation: &'static str,
        revision: u64,
        limit: Duration,
    ) -> Result<(), StoreError> {
        let mut reached = self.inner.reached.clone();
        let arrived = reached.wait_for(|at| *at >= revision);
        match tokio::time::timeout(limit, arrived).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(follow::behind(operation)),
        }
    }

    /// When anything of ours was last written, of what is still there.
    async fn last_revision(&self) -> Result<u64, StoreError> {
        let connection = self.connection();
        let options = GetOptions::new()
            .with_prefix()
            .with_keys_only()
            .with_limit(1)
            .with_sort(SortTarget::Mod, SortOrder::Descend);
        let found = connection
            .ask_around(|client| {
                let (prefix, options) = (connection.keys().prefix(), options.clone());
                async move { client.kv_client().get(prefix, Some(options)).await }
            })
            .await
            .map_err(|error| connection.explained("open its copy", &error))?;
        Ok(found
            .kvs()
            .first()
            .map_or(0, |last| commit::unsigned(last.mod_revision())))
    }
}

/// Which deployment the cluster is, made by whoever comes first; and etcd's revision.
async fn deployment(connection: &Connection) -> Result<(String, u64), StoreError> {
    let operation = "reach etcd";
    let key = connection.keys().write(&Key::Deployment);
    let made = format!("{:012x}", fastrand::u64(..1 << 48));
    let transaction = Txn::new()
        .when([Compare::version(key.clone(), CompareOp::Equal, 0)])
        .and_then([TxnOp::put(key.clone(), made, None)]);
    let asked = connection
        .ask_patiently(START_LIMIT, |client| {
            let (key, transaction) = (key.clone(), transaction.clone());
            async move {
                let mut client = client.kv_client();
                client.txn(transaction).await?;
                client.get(key, None).await
            }
        })
        .await
        .map_err(|error| connection.explained(operation, &error))?;
    let found = asked.kvs().first().and_then(|pair| pair.value_str().ok());
    let deployment = found.map(str::to_owned).ok_or_else(|| StoreError {
        kind: StoreErrorKind::Failed,
        operation,
        detail: format!("the key {key} holds no text; see who else writes below it"),
    })?;
    let header = asked.header();
    let revision = header.map_or(0, |header| commit::unsigned(header.revision()));
    Ok((deployment, revision))
}
