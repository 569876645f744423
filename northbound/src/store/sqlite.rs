//! The store in one `SQLite` file, which is one service's alone.
//!
//! ```text
//! state_dir/lock        one service at a time (`lock`)
//! state_dir/asaas.db    the tables (`schema`), in WAL mode, flushed to the disk at every commit
//!      writer ── ticks, apply, orders        one thread; all who wait share a transaction (`writer`)
//!      taker  ── tenants that are taken up   a connection of its own; wishes are kept at hand (`wishes`)
//!      reader ── log files, status, explain  another one, so that a long look never holds up a tick
//! ```

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use controller::id::{Epoch, TenantName};
use controller::instance::Instance;
use controller::journal::{Entry, Event};
use controller::ports::{Footing, Store, StoreError, StoreErrorKind, TenantState, Wish};
use controller::time::Now;
use jiff::{SignedDuration, Timestamp};
use rusqlite::{Connection, OpenFlags, Transaction};
use tokio::sync::{Mutex, watch};

mod change;
mod convert;
mod failure;
mod journal;
#[cfg(feature = "etcd")]
mod mirror;
mod past;
mod schema;
mod tenant;
mod wishes;
mod writer;

pub use journal::{JOURNAL_PAGE, Page};
pub use past::{Past, SpecInForce, Start, Unread};
pub use tenant::TenantRow;
#[cfg(feature = "etcd")]
pub(super) use {
    convert::nanoseconds,
    failure::{outdated, set_back},
    journal::kind as event_kind,
    mirror::{Needed, Seen},
};

use super::lock::StateDir;

use failure::explained;
#[cfg(not(feature = "etcd"))]
use failure::outdated;
use wishes::Wishes;
use writer::{Failure, Writer};

/// How long we wait for a lock that another program holds on the file, such as a person's `sqlite3`.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// Every statement that we have, so that none is compiled twice.
const CACHED_STATEMENTS: usize = 64;

/// The store in a file. Clones share it.
#[derive(Clone)]
pub struct SqliteStore {
    inner: Arc<Inner>,
}

struct Inner {
    writer: Writer,
    taker: Arc<Mutex<Connection>>,
    reader: Arc<Mutex<Connection>>,
    wishes: Arc<Wishes>,
    file: PathBuf,
    deployment: String,
    epoch: Epoch,
    steady: Timestamp,
    appended: watch::Sender<u64>,
    state: StateDir,
}

impl fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteStore")
            .field("file", &self.inner.file)
            .finish_non_exhaustive()
    }
}

impl SqliteStore {
    /// Opens the store in this directory, or makes it. A file that is damaged, foreign or newer is left alone and refused:
    /// acting on half of what is known would be worse than not acting (I15).
    pub fn open(state: StateDir) -> Result<Self, StoreError> {
        Self::open_as(state, None)
    }

    /// The same; a file that is new belongs to `deployment`, and is a copy of what is kept elsewhere, where one is given.
    fn open_as(state: StateDir, deployment: Option<&str>) -> Result<Self, StoreError> {
        let file = state.path().join("asaas.db");
        let operation = "open its file";
        let explain = |error: &rusqlite::Error| explained(operation, &file, error);
        let access = if deployment.is_some() {
            Access::Copy
        } else {
            Access::Truth
        };
        let mut writer = connect(&file, access).map_err(|error| explain(&error))?;
        schema::prepare(&mut writer).map_err(|error| match error {
            schema::SchemaError::Sql(error) => explain(&error),
            other => StoreError {
                kind: StoreErrorKind::Failed,
                operation,
                detail: format!(
                    "{}: {other}. Nothing is touched and traffic flows on; put a good copy of the file there, \
                     or set another `state` in asaas.yml",
                    file.display()
                ),
            },
        })?;
        let deployment =
            tenant::deployment(&mut writer, deployment).map_err(|error| explain(&error))?;
        let epoch = tenant::next_epoch(&mut writer).map_err(|error| explain(&error))?;
        let steady = journal::last_steady(&writer).map_err(|error| explain(&error))?;
        let look = || connect(&file, Access::Look).map_err(|error| explain(&error));
        let (taker, reader) = (look()?, look()?);
        let wishes = Arc::new(Wishes::default());
        let appended = watch::Sender::new(0);
        let writer = Writer::start(writer, Arc::clone(&wishes), appended.clone());
        let writer = writer.map_err(|error| StoreError {
            kind: StoreErrorKind::Failed,
            operation,
            detail: format!("no thread could be started: {error}"),
        })?;
        Ok(Self {
            inner: Arc::new(Inner {
                writer,
                taker: Arc::new(Mutex::new(taker)),
                reader: Arc::new(Mutex::new(reader)),
                wishes,
                file,
                deployment,
                epoch,
                steady,
                appended,
                state,
            }),
        })
    }

    /// A short random text, made when the file was; salts the names of everything that this service makes in the kernel.
    pub fn deployment(&self) -> &str {
        &self.inner.deployment
    }

    /// What the steady clock had come to when the file was last written, as it was opened.
    pub fn last_steady(&self) -> Timestamp {
        self.inner.steady
    }

    /// The directory that is ours while this store is open.
    pub fn state(&self) -> &StateDir {
        &self.inner.state
    }

    /// Changes whenever the journal may have grown.
    pub fn appended(&self) -> watch::Receiver<u64> {
        self.inner.appended.subscribe()
    }

    /// All of `work`, or nothing, and on the disk.
    async fn write<T: Send + 'static>(
        &self,
        operation: &'static str,
        work: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let written = self.inner.writer.write(None, work).await;
        written.map_err(|failure| self.failed(operation, &failure))
    }

    /// As [`Self::write`], for whatever may change a tenant's wish.
    async fn write_wish<T: Send + 'static>(
        &self,
        operation: &'static str,
        tenant: &TenantName,
        work: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let written = self.inner.writer.write(Some(tenant.clone()), work).await;
        written.map_err(|failure| self.failed(operation, &failure))
    }

    fn failed(&self, operation: &'static str, failure: &Failure) -> StoreError {
        match failure {
            Failure::Sql(error) => explained(operation, &self.inner.file, error),
            Failure::Stopped => StoreError {
                kind: StoreErrorKind::Failed,
                operation,
                detail: "what was to be written was given up in the middle and undone; this is a fault of asaas, and its \
                         log says more"
                    .to_owned(),
            },
        }
    }

    /// One consistent look for whoever takes up a tenant. It sees all that was answered before.
    async fn look<T: Send + 'static>(
        &self,
        operation: &'static str,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.see(&self.inner.taker, operation, work).await
    }

    /// One consistent look, beside the ticks.
    async fn read<T: Send + 'static>(
        &self,
        operation: &'static str,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.see(&self.inner.reader, operation, work).await
    }

    /// A look through one of the connections for that, as a transaction: what is seen belongs together.
    async fn see<T: Send + 'static>(
        &self,
        connection: &Arc<Mutex<Connection>>,
        operation: &'static str,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let mut connection = Arc::clone(connection).lock_owned().await;
        let look = move || work(&*connection.transaction()?);
        match tokio::task::spawn_blocking(look).await {
            Ok(Ok(result)) => Ok(result),
            Ok(Err(error)) => Err(explained(operation, &self.inner.file, &error)),
            Err(stopped) => Err(StoreError {
                kind: StoreErrorKind::Failed,
                operation,
                detail: stopped.to_string(),
            }),
        }
    }

    /// Refuses whoever took the tenant up from another store, or before this file was opened.
    fn check_epoch(&self, tenant: &TenantName, footing: Footing) -> Result<(), StoreError> {
        if footing.epoch == self.inner.epoch {
            return Ok(());
        }
        Err(StoreError {
            kind: StoreErrorKind::Deposed,
            operation: "write the record",
            detail: format!(
                "tenant {tenant} was taken up under epoch {}, and this is {}",
                footing.epoch, self.inner.epoch
            ),
        })
    }

    /// Counts how often this file was opened: whoever works with it looks after its tenants.
    pub fn epoch(&self) -> Epoch {
        self.inner.epoch
    }
}

/// What a connection to the file is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Access {
    /// Nothing is written.
    Look,
    /// What is written is nowhere else: flushed at every commit.
    Truth,
    /// What is written can be had again: flushed now and then, whole up to some commit.
    Copy,
}

fn connect(file: &Path, access: Access) -> rusqlite::Result<Connection> {
    let flags = match access {
        Access::Look => OpenFlags::SQLITE_OPEN_READ_ONLY,
        Access::Truth | Access::Copy => {
            OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE
        }
    };
    let connection = Connection::open_with_flags(file, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.set_prepared_statement_cache_capacity(CACHED_STATEMENTS);
    if access != Access::Look {
        let flush = if access == Access::Truth {
            "full"
        } else {
            "normal"
        };
        connection.pragma_update(None, "journal_mode", "wal")?;
        connection.pragma_update(None, "synchronous", flush)?;
        connection.pragma_update(None, "foreign_keys", true)?;
    }
    Ok(connection)
}

#[async_trait]
impl Store for SqliteStore {
    async fn load(
        &self,
        tenant: &TenantName,
        history: SignedDuration,
    ) -> Result<Option<TenantState>, StoreError> {
        let began = self.inner.wishes.began();
        let (owner, epoch) = (tenant.clone(), self.inner.epoch);
        let state = self
            .look("load a tenant", move |connection| {
                let Some(wish) = tenant::wish(connection, &owner)? else {
                    return Ok(None);
                };
                Ok(Some(TenantState {
                    epoch,
                    wish,
                    instances: tenant::instances(connection, &owner)?,
                    journal: journal::recent(connection, &owner, history)?,
                }))
            })
            .await?;
        if let Some(state) = &state {
            self.inner.wishes.keep(tenant, &state.wish, began);
        }
        Ok(state)
    }

    async fn wish(&self, tenant: &TenantName) -> Result<Option<Wish>, StoreError> {
        let began = match self.inner.wishes.get(tenant) {
            Ok(wish) => return Ok(Some(wish)),
            Err(began) => began,
        };
        let owner = tenant.clone();
        let wish = self
            .look("read a wish", move |connection| {
                tenant::wish(connection, &owner)
            })
            .await?;
        if let Some(wish) = &wish {
            self.inner.wishes.keep(tenant, wish, began);
        }
        Ok(wish)
    }

    /// The file is this process's alone, and nobody else's tenants are in it.
    fn holds(&self, _tenant: &TenantName, epoch: Epoch) -> bool {
        epoch == self.inner.epoch
    }

    async fn record(
        &self,
        tenant: &TenantName,
        footing: Footing,
        now: Now,
        instances: &[Instance],
        events: &[Event],
    ) -> Result<Vec<Entry>, StoreError> {
        if instances.is_empty() && events.is_empty() {
            return Ok(Vec::new());
        }
        let (owner, instances, events) = (tenant.clone(), instances.to_vec(), events.to_vec());
        self.check_epoch(tenant, footing)?;
        let entries = self
            .write("write the record", move |tx| {
                if !tenant::is_in_force(tx, &owner, footing)? {
                    return Ok(None);
                }
                tenant::put_instances(tx, &owner, &instances)?;
                journal::append(tx, &owner, now, events).map(Some)
            })
            .await?;
        entries.ok_or_else(|| outdated(tenant, footing))
    }

    async fn close(
        &self,
        tenant: &TenantName,
        footing: Footing,
        now: Now,
    ) -> Result<(), StoreError> {
        let owner = tenant.clone();
        self.check_epoch(tenant, footing)?;
        let is_closed = self
            .write_wish("close a tenant", tenant, move |tx| {
                if !tenant::is_in_force(tx, &owner, footing)? {
                    return Ok(false);
                }
                change::close(tx, &owner, now).map(|()| true)
            })
            .await?;
        is_closed
            .then_some(())
            .ok_or_else(|| outdated(tenant, footing))
    }
}
