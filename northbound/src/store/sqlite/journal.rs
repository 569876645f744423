//! The journal: numbered without a gap per tenant, only ever appended to, and dropped from its old end.

use controller::id::TenantName;
use controller::journal::{Entry, Event};
use controller::ports::StoreError;
use controller::series;
use controller::spec::TenantSpec;
use controller::time::Now;
use jiff::{SignedDuration, Timestamp};
use rusqlite::{Connection, OptionalExtension, Result, Row, Transaction, params};

use super::SqliteStore;
use super::convert::{count, from_json, moment, nanoseconds, signed, to_json};

/// So many entries are read at a time: a few megabytes at most.
pub const JOURNAL_PAGE: usize = 1_000;
/// What a tick is given of the past at most: a day of ticks every second.
const HISTORY_LIMIT: usize = 100_000;
/// So many entries are dropped in one transaction, so that a tick does not wait for long.
const PRUNE_BATCH: i64 = 5_000;

/// A piece of a journal, oldest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Page {
    /// The entries, at most [`JOURNAL_PAGE`].
    pub entries: Vec<Entry>,
    /// Whether there are more after the last of these.
    pub has_more: bool,
}

/// Appends, and returns the entries with their numbers.
pub(super) fn append(
    tx: &Transaction<'_>,
    tenant: &TenantName,
    now: Now,
    events: Vec<Event>,
) -> Result<Vec<Entry>> {
    if events.is_empty() {
        return Ok(Vec::new());
    }
    let mut seq = {
        let mut statement = tx.prepare_cached(
            "UPDATE counter SET seq = seq + ?2, steady = max(steady, ?3) WHERE tenant = ?1
             RETURNING seq - ?2",
        )?;
        statement.query_row(
            params![
                tenant.as_str(),
                signed(events.len() as u64)?,
                nanoseconds(now.steady)
            ],
            |row| count(row, 0),
        )?
    };
    let mut insert = tx.prepare_cached(
        "INSERT INTO journal (tenant, seq, wall, steady, kind, event) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?;
    let mut entries = Vec::with_capacity(events.len());
    for event in events {
        seq += 1;
        insert.execute(params![
            tenant.as_str(),
            signed(seq)?,
            nanoseconds(now.wall),
            nanoseconds(now.steady),
            kind(&event),
            to_json(&event)?,
        ])?;
        entries.push(Entry {
            seq,
            at: now.wall,
            steady: now.steady,
            event,
        });
    }
    Ok(entries)
}

/// The word in the column; the same as in the event's JSON.
pub(in crate::store) fn kind(event: &Event) -> &'static str {
    match event {
        Event::Decided(_) => "decided",
        Event::Moved(_) => "moved",
        Event::Refused { .. } => "refused",
        Event::Measured { .. } => "measured",
        Event::Load(_) => "load",
        Event::Ordered { .. } => "ordered",
        Event::Alarm { .. } => "alarm",
    }
}

/// An event that this version cannot read stays in its place, as an alarm: the numbers have no gap, and the tenant is looked
/// after all the same.
fn entry(row: &Row<'_>) -> Result<Entry> {
    let event = from_json(row, 3).unwrap_or_else(|error| Event::Alarm {
        what: format!("what happened here cannot be read by this version of asaas: {error}"),
    });
    Ok(Entry {
        seq: count(row, 0)?,
        at: moment(row, 1)?,
        steady: moment(row, 2)?,
        event,
    })
}

/// The loads that were written down within [`series::KEPT`] of the last of them, and what came within `history` of the last
/// entry; oldest first. The steady clock never goes back, so the first entry that is older ends the look.
pub(super) fn recent(
    connection: &Connection,
    tenant: &TenantName,
    history: SignedDuration,
) -> Result<Vec<Entry>> {
    let mut statement = connection.prepare_cached(
        "SELECT seq, wall, steady, event FROM journal WHERE tenant = ?1 ORDER BY seq DESC",
    )?;
    let mut rows = statement.query([tenant.as_str()])?;
    let mut entries: Vec<Entry> = Vec::new();
    while let Some(row) = rows.next()? {
        let next = entry(row)?;
        let last = entries
            .first()
            .map_or(next.steady, |entry: &Entry| entry.steady);
        if last.duration_since(next.steady) > history || entries.len() == HISTORY_LIMIT {
            break;
        }
        entries.push(next);
    }
    entries.reverse();
    let first = entries.first().map_or(0, |entry| entry.seq);
    let mut all = loads_before(connection, tenant, first)?;
    all.append(&mut entries);
    Ok(all)
}

/// The loads that were written down before entry `seq`, as far back as forecasts look, oldest first.
pub(super) fn loads_before(
    connection: &Connection,
    tenant: &TenantName,
    seq: u64,
) -> Result<Vec<Entry>> {
    let mut statement = connection.prepare_cached(
        "SELECT seq, wall, steady, event FROM journal
         WHERE tenant = ?1 AND kind = 'load' AND seq < ?2 ORDER BY seq DESC",
    )?;
    let mut rows = statement.query(params![tenant.as_str(), signed(seq)?])?;
    let mut entries: Vec<Entry> = Vec::new();
    while let Some(row) = rows.next()? {
        let next = entry(row)?;
        let last = entries.first().map_or(next.at, |entry| entry.at);
        if last.duration_since(next.at) > series::KEPT || entries.len() == HISTORY_LIMIT {
            break;
        }
        entries.push(next);
    }
    entries.reverse();
    Ok(entries)
}

/// The latest moment of any tenant's steady clock; the oldest of all where nothing was recorded yet.
pub(super) fn last_steady(connection: &Connection) -> Result<Timestamp> {
    let last: Option<i64> =
        connection.query_row("SELECT max(steady) FROM counter", [], |row| row.get(0))?;
    Ok(last
        .and_then(|nanoseconds| Timestamp::from_nanosecond(nanoseconds.into()).ok())
        .unwrap_or(Timestamp::MIN))
}

impl SqliteStore {
    /// The entries after number `after`, at most a page of them.
    pub async fn journal_after(
        &self,
        tenant: &TenantName,
        after: u64,
    ) -> std::result::Result<Page, StoreError> {
        let tenant = tenant.clone();
        self.read("read the journal", move |connection| {
            let mut statement = connection.prepare_cached(
                "SELECT seq, wall, steady, event FROM journal
                 WHERE tenant = ?1 AND seq > ?2 ORDER BY seq LIMIT ?3",
            )?;
            let limit = signed(JOURNAL_PAGE as u64 + 1)?;
            let mut entries = statement
                .query_map(params![tenant.as_str(), signed(after)?, limit], entry)?
                .collect::<Result<Vec<_>>>()?;
            let has_more = entries.len() > JOURNAL_PAGE;
            entries.truncate(JOURNAL_PAGE);
            Ok(Page { entries, has_more })
        })
        .await
    }

    /// The last decision at or before `at`, with everything from the decision before it (excluded) to the one after it
    /// (excluded): what led to it, and what came of it. Empty where nothing was decided by then.
    pub async fn journal_around(
        &self,
        tenant: &TenantName,
        at: Timestamp,
    ) -> std::result::Result<Page, StoreError> {
        let tenant = tenant.clone();
        self.read("read the journal", move |connection| {
            let decided: Option<i64> = connection
                .query_row(
                    "SELECT seq FROM journal WHERE tenant = ?1 AND kind = 'decided' AND wall <= ?2
                     ORDER BY wall DESC, seq DESC LIMIT 1",
                    params![tenant.as_str(), nanoseconds(at)],
                    |row| row.get(0),
                )
                .optional()?;
            let Some(decided) = decided else {
                return Ok(Page::default());
            };
            let mut statement = connection.prepare_cached(
                "SELECT seq, wall, steady, event FROM journal
                 WHERE tenant = ?1
                   AND seq > coalesce((SELECT max(seq) FROM journal
                       WHERE tenant = ?1 AND kind = 'decided' AND seq < ?2), 0)
                   AND seq < coalesce((SELECT min(seq) FROM journal
                       WHERE tenant = ?1 AND kind = 'decided' AND seq > ?2), ?2 + ?3)
                 ORDER BY seq LIMIT ?3",
            )?;
            let limit = signed(JOURNAL_PAGE as u64)?;
            let entries = statement
                .query_map(params![tenant.as_str(), decided, limit], entry)?
                .collect::<Result<Vec<_>>>()?;
            let has_more = entries.len() == JOURNAL_PAGE;
            Ok(Page { entries, has_more })
        })
        .await
    }

    /// The number of the last entry of every tenant that ever was.
    pub async fn journal_ends(&self) -> std::result::Result<Vec<(TenantName, u64)>, StoreError> {
        self.read("read the journal", |connection| {
            let mut statement =
                connection.prepare_cached("SELECT tenant, seq FROM counter ORDER BY tenant")?;
            statement
                .query_map([], |row| {
                    Ok((super::convert::parsed(row, 0)?, count(row, 1)?))
                })?
                .collect()
        })
        .await
    }

    /// The spec that was in force when entry `seq` was written; `None` where that is forgotten, or cannot be read.
    pub async fn spec_at(
        &self,
        tenant: &TenantName,
        seq: u64,
    ) -> std::result::Result<Option<TenantSpec>, StoreError> {
        let tenant = tenant.clone();
        self.read("read a spec", move |connection| {
            connection
                .prepare_cached(
                    "SELECT spec FROM spec WHERE tenant = ?1 AND seq <= ?2
                     ORDER BY generation DESC LIMIT 1",
                )?
                .query_row(params![tenant.as_str(), signed(seq)?], |row| {
                    Ok(from_json(row, 0).ok())
                })
                .optional()
                .map(Option::flatten)
        })
        .await
    }

    /// Drops the tenant's entries of before `before`, but none after number `written_up_to`, and the specs that no entry needs
    /// any more. Returns how many entries went.
    pub async fn prune(
        &self,
        tenant: &TenantName,
        before: Timestamp,
        written_up_to: u64,
    ) -> std::result::Result<u64, StoreError> {
        let mut dropped = 0;
        loop {
            let tenant = tenant.clone();
            let count = self
                .write("drop old entries", move |tx| {
                    prune_batch(tx, &tenant, before, written_up_to)
                })
                .await?;
            dropped += count as u64;
            if (count as u64) < PRUNE_BATCH.unsigned_abs() {
                return Ok(dropped);
            }
        }
    }
}

fn prune_batch(
    tx: &Transaction<'_>,
    tenant: &TenantName,
    before: Timestamp,
    written_up_to: u64,
) -> Result<usize> {
    // The oldest entries only, and up to the first that is young enough: the journal stays without a gap.
    let dropped = tx
        .prepare_cached(
            "DELETE FROM journal WHERE tenant = ?1 AND seq <= min(?3, (
                 SELECT coalesce(min(seq) FILTER (WHERE wall >= ?2) - 1, max(seq)) FROM (
                     SELECT seq, wall FROM journal WHERE tenant = ?1 ORDER BY seq LIMIT ?4)))",
        )?
        .execute(params![
            tenant.as_str(),
            nanoseconds(before),
            signed(written_up_to)?,
            PRUNE_BATCH
        ])?;
    tx.prepare_cached(
        "DELETE FROM spec WHERE tenant = ?1 AND applied < ?2 AND generation < (
             SELECT max(generation) FROM spec AS newer WHERE newer.tenant = ?1 AND newer.applied < ?2)
         AND generation NOT IN (SELECT generation FROM tenant WHERE name = ?1)",
    )?
    .execute(params![tenant.as_str(), nanoseconds(before)])?;
    Ok(dropped)
}
