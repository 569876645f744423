//! The journal with all that is needed to decide it again: the specs that were in force, and the loads of the weeks before.

use std::collections::BTreeSet;

use controller::history::SPAN;
use controller::id::{Generation, TenantName};
use controller::journal::{Entry, Event};
use controller::ports::StoreError;
use controller::spec::TenantSpec;
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Params, Result, Row, params};

use super::SqliteStore;
use super::convert::{count, from_json, moment, nanoseconds, signed};
use super::journal::{JOURNAL_PAGE, loads_before};

/// Where to begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// With the first decision at or after this time, by the wall clock.
    At(Timestamp),
    /// After the entry of this number.
    After(u64),
}

/// A piece of a journal, oldest first, without single samples.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Past {
    /// Where it begins at a time: the loads of the weeks before.
    pub before: Vec<Entry>,
    /// The entries.
    pub entries: Vec<Entry>,
    /// Those that this version cannot read.
    pub unread: Vec<Unread>,
    /// The specs that may have been in force at one of them, oldest first.
    pub specs: Vec<SpecInForce>,
    /// After which number to go on; `None` at the end.
    pub next: Option<u64>,
}

/// An entry that this version cannot read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Unread {
    /// Its number.
    pub seq: u64,
    /// When, by the wall clock.
    pub at: Timestamp,
    /// When, by the steady clock.
    pub steady: Timestamp,
}

/// A spec, and since when it is in force.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct SpecInForce {
    /// Which.
    pub generation: Generation,
    /// The number of the entry that put it in force.
    pub seq: u64,
    /// What it asks for; `None` where this version cannot read it.
    pub spec: Option<TenantSpec>,
}

impl SqliteStore {
    /// A piece of the tenant's journal; empty where nothing was decided from there on. One that begins at a time begins so far
    /// before it that what was remembered at that time can be heard.
    pub async fn past(
        &self,
        tenant: &TenantName,
        start: Start,
    ) -> std::result::Result<Past, StoreError> {
        let tenant = tenant.clone();
        self.read("read the journal", move |connection| {
            let mut past = Past::default();
            let after = match start {
                Start::After(seq) => seq,
                Start::At(at) => {
                    let Some(first) = beginning(connection, &tenant, at)? else {
                        return Ok(past);
                    };
                    past.before = loads_before(connection, &tenant, first)?;
                    first - 1
                }
            };
            read_page(connection, &tenant, after, &mut past)?;
            past.specs = specs(connection, &tenant, &past)?;
            Ok(past)
        })
        .await
    }
}

/// The entry from which on everything has to be heard that was remembered at a time: [`SPAN`] before it, or where something is
/// forecast, [`SPAN`] before the tenant was last taken up.
fn beginning(connection: &Connection, tenant: &TenantName, at: Timestamp) -> Result<Option<u64>> {
    let decided = one(
        connection,
        "SELECT seq FROM journal WHERE tenant = ?1 AND kind = 'decided' AND wall >= ?2 ORDER BY wall, seq LIMIT 1",
        params![tenant.as_str(), nanoseconds(at)],
    )?;
    let Some(decided) = decided else {
        return Ok(None);
    };
    let taken_up = if forecasts(connection, tenant, decided)? {
        one(
            connection,
            "SELECT max(seq) FROM journal WHERE tenant = ?1 AND seq <= ?2 AND kind = 'decided'
                 AND CASE WHEN json_valid(event) THEN json_extract(event, '$.is_first') END",
            params![tenant.as_str(), decided],
        )?
    } else {
        None
    };
    let anchor = taken_up.unwrap_or(decided);
    let before = connection
        .prepare_cached(
            "SELECT steady FROM journal WHERE tenant = ?1 AND seq < ?2 ORDER BY seq DESC LIMIT 1",
        )?
        .query_row(params![tenant.as_str(), anchor], |row| moment(row, 0))
        .optional()?;
    let Some(before) = before else {
        return Ok(u64::try_from(anchor).ok());
    };
    // The steady clock never goes back, so this looks no further back than it has to.
    let too_old = one(
        connection,
        "SELECT seq FROM journal WHERE tenant = ?1 AND seq < ?2 AND steady < ?3 ORDER BY seq DESC LIMIT 1",
        params![
            tenant.as_str(),
            anchor,
            nanoseconds(controller::time::later(before, -SPAN))
        ],
    )?;
    let first = one(
        connection,
        "SELECT min(seq) FROM journal WHERE tenant = ?1 AND seq > ?2",
        params![tenant.as_str(), too_old.unwrap_or(0)],
    )?;
    Ok(first.and_then(|first| u64::try_from(first).ok()))
}

/// A number, where there is one.
fn one(connection: &Connection, query: &str, params: impl Params) -> Result<Option<i64>> {
    connection
        .prepare_cached(query)?
        .query_row(params, |row| row.get(0))
        .optional()
        .map(Option::flatten)
}

/// Whether a spec that was in force from an entry on forecasts.
fn forecasts(connection: &Connection, tenant: &TenantName, seq: i64) -> Result<bool> {
    let mut statement = connection.prepare_cached(
        "SELECT spec FROM spec WHERE tenant = ?1 AND generation >= coalesce(
             (SELECT max(generation) FROM spec WHERE tenant = ?1 AND seq <= ?2), 0)",
    )?;
    let mut rows = statement.query(params![tenant.as_str(), seq])?;
    while let Some(row) = rows.next()? {
        if from_json::<TenantSpec>(row, 0).is_ok_and(|spec| !spec.policy.forecast().is_empty()) {
            return Ok(true);
        }
    }
    Ok(false)
}

fn read_page(
    connection: &Connection,
    tenant: &TenantName,
    after: u64,
    past: &mut Past,
) -> Result<()> {
    let mut statement = connection.prepare_cached(
        "SELECT seq, wall, steady, event FROM journal
         WHERE tenant = ?1 AND seq > ?2 AND kind <> 'measured' ORDER BY seq LIMIT ?3",
    )?;
    let limit = signed(JOURNAL_PAGE as u64)?;
    let rows = statement.query_map(params![tenant.as_str(), signed(after)?, limit], read_row)?;
    let (mut last, mut number) = (after, 0);
    for row in rows {
        number += 1;
        match row? {
            Ok(entry) => {
                last = entry.seq;
                past.entries.push(entry);
            }
            Err(unread) => {
                last = unread.seq;
                past.unread.push(unread);
            }
        }
    }
    past.next = (number == JOURNAL_PAGE).then_some(last);
    Ok(())
}

fn read_row(row: &Row<'_>) -> Result<std::result::Result<Entry, Unread>> {
    let unread = Unread {
        seq: count(row, 0)?,
        at: moment(row, 1)?,
        steady: moment(row, 2)?,
    };
    Ok(match from_json::<Event>(row, 3) {
        Ok(event) => Ok(Entry {
            seq: unread.seq,
            at: unread.at,
            steady: unread.steady,
            event,
        }),
        Err(_) => Err(unread),
    })
}

/// The specs that the entries were made under: by the generations that decisions name, or by the numbers of the entries.
fn specs(connection: &Connection, tenant: &TenantName, past: &Past) -> Result<Vec<SpecInForce>> {
    let (Some(first), Some(last)) = (past.entries.first(), past.entries.last()) else {
        return Ok(Vec::new());
    };
    let named: BTreeSet<u64> = past
        .entries
        .iter()
        .filter_map(|entry| match &entry.event {
            Event::Decided(decision) => Some(decision.generation.0),
            _ => None,
        })
        .collect();
    let mut statement = connection.prepare_cached(
        "SELECT generation, seq, spec FROM spec WHERE tenant = ?1 AND seq <= ?3 AND generation >= min(?4,
             coalesce((SELECT max(generation) FROM spec WHERE tenant = ?1 AND seq <= ?2), 0))
         ORDER BY generation",
    )?;
    // A decision may name the generation before the one that an apply has put in force while it was made.
    let oldest = named
        .iter()
        .copied()
        .find(|generation| *generation > 0)
        .unwrap_or(u64::MAX >> 1);
    statement
        .query_map(
            params![
                tenant.as_str(),
                signed(first.seq)?,
                signed(last.seq)?,
                signed(oldest)?
            ],
            |row| {
                Ok(SpecInForce {
                    generation: Generation(count(row, 0)?),
                    seq: count(row, 1)?,
                    spec: from_json(row, 2).ok(),
                })
            },
        )?
        .collect()
}
