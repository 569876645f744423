//! Writes the log files behind the ticks: wakes when the journal has grown, goes on where the files end.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use controller::crashpoint;
use controller::id::TenantName;
use controller::journal::{Entry, Event};
use controller::ports::Clock;
use controller::spec::TenantSpec;
use controller::time::later;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::watch;

use super::append::Appender;
use super::row::{InService, rows};
use super::{Kind, Row, files, write_row};
use crate::store::{Registrar, SqliteStore};

/// Rows that come within this long are written together.
const GATHER: Duration = Duration::from_millis(200);
/// Without news the age of the files is looked at this often.
const IDLE: Duration = Duration::from_mins(1);
/// Files that cannot be written are tried again after this long.
const RETRY: Duration = Duration::from_secs(5);
/// Old rows and old files are dropped this often.
const SWEEP: SignedDuration = SignedDuration::from_hours(1);
/// The journal is kept at least this long, whatever is kept of the files: the controller learns from it.
const JOURNAL_KEEP_LEAST: SignedDuration = SignedDuration::from_hours(48);

/// Where the files are, and for how long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogSettings {
    /// The directory that holds one directory per tenant.
    pub root: PathBuf,
    /// Files and journal entries that are older are dropped.
    pub keep: SignedDuration,
}

/// Writes every tenant's files.
pub struct Follower {
    store: SqliteStore,
    registrar: Arc<dyn Registrar>,
    clock: Arc<dyn Clock>,
    settings: LogSettings,
    views: BTreeMap<TenantName, View>,
    failing: watch::Sender<BTreeMap<TenantName, String>>,
    swept: Option<Timestamp>,
    progress: watch::Sender<u64>,
}

impl std::fmt::Debug for Follower {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Follower")
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

/// How far one tenant's files have come.
struct View {
    appenders: [Appender; 3],
    in_service: InService,
    seen: u64,
}

impl Follower {
    /// A follower of this journal that has not looked yet; what hinders it is told to the registrar.
    pub fn new(
        store: SqliteStore,
        registrar: Arc<dyn Registrar>,
        clock: Arc<dyn Clock>,
        settings: LogSettings,
    ) -> Self {
        Self {
            store,
            registrar,
            clock,
            settings,
            views: BTreeMap::new(),
            failing: watch::Sender::new(BTreeMap::new()),
            swept: None,
            progress: watch::Sender::new(0),
        }
    }

    /// Up to which state of [`SqliteStore::appended`] the files have followed.
    pub fn progress(&self) -> watch::Receiver<u64> {
        self.progress.subscribe()
    }

    /// Whose files cannot be written now, and why.
    pub fn failing(&self) -> watch::Receiver<BTreeMap<TenantName, String>> {
        self.failing.subscribe()
    }

    /// Follows the journal until the future is dropped. A row that was begun is finished or mended at the next start.
    pub async fn run(mut self) {
        let mut appended = self.store.appended();
        loop {
            let grown = *appended.borrow_and_update();
            let is_well = self.catch_up().await;
            if is_well {
                self.progress.send_replace(grown);
            }
            self.sweep().await;
            if is_well {
                // The sender lives in the store that we hold, so that this only ends when there is news.
                let _ = tokio::time::timeout(IDLE, appended.changed()).await;
                tokio::time::sleep(GATHER).await;
            } else {
                tokio::time::sleep(RETRY).await;
            }
        }
    }

    /// Writes all that is not written yet, of all tenants. False where some of it could not be written.
    pub async fn catch_up(&mut self) -> bool {
        let ends = match self.store.journal_ends().await {
            Ok(ends) => ends,
            Err(error) => {
                tracing::warn!(%error, "the log files are behind");
                return false;
            }
        };
        let mut is_well = true;
        for (tenant, end) in ends {
            if self.views.get(&tenant).is_some_and(|view| view.seen >= end) {
                continue;
            }
            match self.write(&tenant, end).await {
                Ok(()) => {
                    let failing = |failing: &mut BTreeMap<_, _>| failing.remove(&tenant).is_some();
                    if self.failing.send_if_modified(failing) {
                        tracing::info!(%tenant, "the log files are written again");
                    }
                }
                Err(detail) => {
                    is_well = false;
                    // The files say how far they are: open them anew.
                    self.views.remove(&tenant);
                    self.complain(&tenant, detail).await;
                }
            }
        }
        is_well
    }

    async fn write(&mut self, tenant: &TenantName, end: u64) -> Result<(), String> {
        let mut view = match self.views.remove(tenant) {
            Some(view) => view,
            None => self.open(tenant).await?,
        };
        let horizon = self.horizon(self.settings.keep);
        while view.seen < end {
            let page = self
                .store
                .journal_after(tenant, view.seen)
                .await
                .map_err(|error| error.to_string())?;
            if page.entries.is_empty() {
                view.seen = end;
                break;
            }
            let specs = self.specs(tenant, &page.entries).await?;
            let owner = tenant.clone();
            view = tokio::task::spawn_blocking(move || {
                view.append(&owner, &specs, &page.entries, horizon)
                    .map(|()| view)
            })
            .await
            .map_err(|stopped| stopped.to_string())?
            .map_err(|error| {
                format!(
                    "{error}: see that there is room in {} and that it can be written",
                    self.settings.root.display()
                )
            })?;
        }
        self.views.insert(tenant.clone(), view);
        Ok(())
    }

    /// Opens the files where they end, and finds out who was in service there.
    async fn open(&self, tenant: &TenantName) -> Result<View, String> {
        let store = |error: controller::ports::StoreError| error.to_string();
        let first = self.store.journal_after(tenant, 0).await.map_err(store)?;
        // Nothing at all in the journal: whatever the files hold, they hold more.
        let oldest = first.entries.first().map_or(u64::MAX, |entry| entry.seq);
        let (root, owner) = (self.settings.root.clone(), tenant.clone());
        let appenders = tokio::task::spawn_blocking(move || {
            let open = |kind| Appender::open(&root, &owner, kind, oldest);
            Ok([
                open(Kind::Actions)?,
                open(Kind::Metrics)?,
                open(Kind::Decisions)?,
            ])
        })
        .await
        .map_err(|stopped| stopped.to_string())?
        .map_err(|error: std::io::Error| error.to_string())?;
        let written = appenders.iter().map(Appender::last).min().unwrap_or(0);
        let seen = match first.entries.first() {
            Some(oldest) => written.max(oldest.seq - 1),
            None => written,
        };
        let in_service = self.in_service_at(tenant, seen).await.map_err(store)?;
        Ok(View {
            appenders,
            in_service,
            seen,
        })
    }

    async fn in_service_at(
        &self,
        tenant: &TenantName,
        seen: u64,
    ) -> Result<InService, controller::ports::StoreError> {
        let (instances, known) = self.store.instances_at_end(tenant).await?;
        let mut since = Vec::new();
        let mut after = seen;
        loop {
            let page = self.store.journal_after(tenant, after).await?;
            let Some(last) = page.entries.last() else {
                break;
            };
            after = last.seq;
            let moves = page
                .entries
                .into_iter()
                .filter(|entry| entry.seq <= known && matches!(entry.event, Event::Moved(_)));
            since.extend(moves);
            if !page.has_more {
                break;
            }
        }
        Ok(InService::before(&instances, &since))
    }

    /// The spec that was in force at the first of these entries, and each that came later among them.
    async fn specs(&self, tenant: &TenantName, entries: &[Entry]) -> Result<Specs, String> {
        let mut specs = Specs::new();
        let orders = entries
            .iter()
            .filter(|entry| matches!(entry.event, Event::Ordered { .. }));
        for entry in entries.iter().take(1).chain(orders) {
            let spec = self
                .store
                .spec_at(tenant, entry.seq)
                .await
                .map_err(|error| error.to_string())?;
            specs.insert(entry.seq, spec);
        }
        Ok(specs)
    }

    /// Tells of it once, and again only when it says something else.
    async fn complain(&self, tenant: &TenantName, detail: String) {
        let what = format!("the log files are behind, nothing is lost: {detail}");
        let news = |failing: &mut BTreeMap<_, _>| {
            failing.insert(tenant.clone(), what.clone()).as_ref() != Some(&what)
        };
        if !self.failing.send_if_modified(news) {
            return;
        }
        tracing::warn!(%tenant, %detail, "the log files are behind");
        let now = self.clock.now();
        if let Err(error) = self.registrar.alarm(tenant, now, &what).await {
            tracing::warn!(%tenant, %error, "an alarm could not be written down");
        }
    }

    fn horizon(&self, keep: SignedDuration) -> Timestamp {
        later(self.clock.now().wall, -keep)
    }

    /// Drops files and entries that are too old.
    async fn sweep(&mut self) {
        let now = self.clock.now();
        if self.swept.is_some_and(|swept| now.since(swept) < SWEEP) {
            return;
        }
        self.swept = Some(now.steady);
        let horizon = self.horizon(self.settings.keep);
        let journal_horizon = self.horizon(self.settings.keep.max(JOURNAL_KEEP_LEAST));
        for (tenant, view) in &self.views {
            let dropped = drop_files(&self.settings.root, tenant, horizon);
            if let Err(error) = dropped {
                tracing::warn!(%tenant, %error, "old log files could not be dropped");
            }
            if let Err(error) = self.store.prune(tenant, journal_horizon, view.seen).await {
                tracing::warn!(%tenant, %error, "old entries could not be dropped");
            }
        }
    }
}

/// From which entry on which spec was in force.
type Specs = BTreeMap<u64, Option<TenantSpec>>;

impl View {
    fn append(
        &mut self,
        tenant: &TenantName,
        specs: &Specs,
        entries: &[Entry],
        horizon: Timestamp,
    ) -> std::io::Result<()> {
        let mut pending: [Option<(Date, Vec<u8>, u64)>; 3] = [None, None, None];
        for entry in entries {
            let spec = specs
                .range(..=entry.seq)
                .next_back()
                .and_then(|(_, spec)| spec.as_ref());
            let rows = rows(tenant, spec, &mut self.in_service, entry);
            self.seen = entry.seq;
            if entry.at < horizon {
                continue;
            }
            let date = TimeZone::UTC.to_datetime(entry.at).date();
            let [actions, metrics, decisions] = &mut self.appenders;
            let [a, m, d] = &mut pending;
            gather(actions, a, date, &rows.actions)?;
            gather(metrics, m, date, &rows.metrics)?;
            gather(decisions, d, date, &rows.decisions)?;
        }
        for (appender, pending) in self.appenders.iter_mut().zip(&mut pending) {
            crashpoint!("logs.unflushed", pending.is_some());
            flush(appender, pending)?;
        }
        Ok(())
    }
}

/// Adds rows to what is to be appended; what belongs to another day is appended first.
fn gather<R: Row>(
    appender: &mut Appender,
    pending: &mut Option<(Date, Vec<u8>, u64)>,
    date: Date,
    rows: &[R],
) -> std::io::Result<()> {
    let Some(seq) = rows.first().map(Row::seq) else {
        return Ok(());
    };
    if seq <= appender.last() {
        return Ok(());
    }
    if pending.as_ref().is_some_and(|(day, ..)| *day != date) {
        flush(appender, pending)?;
    }
    let (_, lines, last) = pending.get_or_insert((date, Vec::new(), seq));
    for row in rows {
        write_row(lines, row)?;
    }
    *last = seq;
    Ok(())
}

fn flush(
    appender: &mut Appender,
    pending: &mut Option<(Date, Vec<u8>, u64)>,
) -> std::io::Result<()> {
    match pending.take() {
        Some((date, lines, seq)) => appender.append(date, &lines, seq),
        None => Ok(()),
    }
}

fn drop_files(root: &Path, tenant: &TenantName, horizon: Timestamp) -> std::io::Result<()> {
    let oldest = TimeZone::UTC.to_datetime(horizon).date();
    for kind in Kind::ALL {
        for (date, path) in files(root, tenant, kind)? {
            if date < oldest {
                std::fs::remove_file(path)?;
            }
        }
    }
    Ok(())
}
