//! The file as a copy of what several services share in an etcd: it writes down what etcd says, and from when. What is read
//! from it is true as of that revision; who wants to write compares.
//!
//! The copy is flushed to the disk when `SQLite` sees fit and not at each commit. What a power cut takes from it etcd still has,
//! and the revision that is written beside it says from where on to ask.

use std::collections::BTreeSet;

use controller::id::TenantName;
use controller::ports::{StoreError, StoreErrorKind};
use controller::{history, series};
use jiff::{SignedDuration, Timestamp};
use rusqlite::{Connection, OptionalExtension, Result, Transaction, params};
use serde_json::value::RawValue;

use super::SqliteStore;
use super::change::owner_of;
use super::convert::{count, nanoseconds, parsed, signed};
use super::tenant::in_force;
use crate::store::StateDir;
use crate::store::change::InForce;
use crate::store::etcd::values::{Counter, Fact, Line, Records, Spec};

/// What this node has of a tenant, at one moment.
#[derive(Debug)]
pub(in crate::store) struct Seen {
    /// Of the tenant's counter; 0 for one that never was.
    pub(in crate::store) revision: u64,
    pub(in crate::store) counter: Counter,
    /// `None` for one that is not wanted.
    pub(in crate::store) in_force: Option<InForce>,
    /// Without those that are over, as text, by id.
    pub(in crate::store) records: Records,
    /// The addresses that are its own.
    pub(in crate::store) addresses: Vec<String>,
    /// Whose the address is that was asked about.
    pub(in crate::store) owner: Option<TenantName>,
}

/// From which entries on the tail has to reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::store) struct Needed {
    /// Everything.
    pub(in crate::store) journal: u64,
    /// Loads.
    pub(in crate::store) loads: u64,
}

impl SqliteStore {
    /// Opens the copy in this directory, or makes it. A file of another deployment, or of a service that remembered alone, is
    /// refused and left alone.
    pub(in crate::store) fn open_mirror(
        state: StateDir,
        deployment: &str,
    ) -> std::result::Result<Self, StoreError> {
        let store = Self::open_as(state, Some(deployment))?;
        if store.deployment() == deployment {
            return Ok(store);
        }
        Err(StoreError {
            kind: StoreErrorKind::Failed,
            operation: "open its file",
            detail: format!(
                "{} is of the deployment {}, and the etcd of {deployment}. Nothing is touched; set another `state` in asaas.yml, \
                 or the `cluster` that the file belongs to",
                store.inner.file.display(),
                store.deployment(),
            ),
        })
    }

    /// Up to which revision etcd was followed; 0 where it never was.
    pub(in crate::store) async fn followed(&self) -> std::result::Result<u64, StoreError> {
        self.read("read its revision", |connection| {
            let text: Option<String> = connection
                .query_row("SELECT value FROM meta WHERE key = 'revision'", [], |row| {
                    row.get(0)
                })
                .optional()?;
            Ok(text.and_then(|text| text.parse().ok()).unwrap_or(0))
        })
        .await
    }

    /// Writes down what etcd has said up to this revision, in its order. `is_all` says that there is nothing else in etcd.
    pub(in crate::store) async fn follow(
        &self,
        revision: u64,
        facts: Vec<Fact>,
        is_all: bool,
    ) -> std::result::Result<(), StoreError> {
        let about: BTreeSet<TenantName> = facts.iter().filter_map(Fact::tenant).cloned().collect();
        let forgotten = self
            .write("follow etcd", move |tx| {
                let forgotten = if is_all { forget(tx)? } else { Vec::new() };
                for fact in &facts {
                    put(tx, fact)?;
                }
                tx.prepare_cached(
                    "INSERT INTO meta (key, value) VALUES ('revision', ?1)
                     ON CONFLICT (key) DO UPDATE SET value = excluded.value",
                )?
                .execute([revision.to_string()])?;
                Ok(forgotten)
            })
            .await?;
        for tenant in about.iter().chain(&forgotten) {
            self.inner.wishes.changed(tenant);
        }
        Ok(())
    }

    /// What this node has of a tenant, and who owns an address.
    pub(in crate::store) async fn seen(
        &self,
        tenant: &TenantName,
        address: Option<std::net::Ipv4Addr>,
    ) -> std::result::Result<Seen, StoreError> {
        let tenant = tenant.clone();
        self.look("read a tenant", move |connection| {
            let (counter, revision) = numbers(connection, &tenant)?;
            let addresses = connection
                .prepare_cached("SELECT public_ip FROM address WHERE tenant = ?1")?
                .query_map([tenant.as_str()], |row| row.get(0))?
                .collect::<Result<_>>()?;
            Ok(Seen {
                revision,
                counter,
                in_force: in_force(connection, &tenant)?,
                records: records(connection, &tenant)?,
                addresses,
                owner: address
                    .map(|address| owner_of(connection, address))
                    .transpose()?
                    .flatten(),
            })
        })
        .await
    }

    /// From which entries on somebody who takes the tenant up at `steady` needs them, or needed them `margin` earlier.
    pub(in crate::store) async fn needed(
        &self,
        tenant: &TenantName,
        steady: Timestamp,
        margin: SignedDuration,
    ) -> std::result::Result<Needed, StoreError> {
        let tenant = tenant.clone();
        self.read("read the journal", move |connection| {
            let last_before = |query: &str, span: SignedDuration| -> Result<u64> {
                let moment = controller::time::later(controller::time::later(steady, -span), -margin);
                let seq = connection
                    .prepare_cached(query)?
                    .query_row(params![tenant.as_str(), nanoseconds(moment)], |row| {
                        count(row, 0)
                    })
                    .optional()?;
                Ok(seq.map_or(0, |seq| seq + 1))
            };
            Ok(Needed {
                journal: last_before(
                    "SELECT seq FROM journal WHERE tenant = ?1 AND steady < ?2 ORDER BY seq DESC LIMIT 1",
                    history::SPAN,
                )?,
                loads: last_before(
                    "SELECT seq FROM journal WHERE tenant = ?1 AND kind = 'load' AND steady < ?2 ORDER BY seq DESC LIMIT 1",
                    series::KEPT,
                )?,
            })
        })
        .await
    }

    /// The latest moment of any tenant's steady clock that this node has seen.
    pub(in crate::store) async fn latest(&self) -> std::result::Result<Timestamp, StoreError> {
        self.read("read the clock", super::journal::last_steady)
            .await
    }
}

fn numbers(connection: &Connection, tenant: &TenantName) -> Result<(Counter, u64)> {
    let found = connection
        .prepare_cached(
            "SELECT seq, generation, steady, coalesce(revision, 0)
             FROM counter LEFT JOIN mirror USING (tenant) WHERE tenant = ?1",
        )?
        .query_row([tenant.as_str()], |row| {
            let counter = Counter {
                seq: count(row, 0)?,
                generation: count(row, 1)?,
                steady: row.get(2)?,
            };
            Ok((counter, count(row, 3)?))
        })
        .optional()?;
    Ok(found.unwrap_or_default())
}

fn records(connection: &Connection, tenant: &TenantName) -> Result<Records> {
    connection
        .prepare_cached("SELECT id, record FROM instance WHERE tenant = ?1")?
        .query_map([tenant.as_str()], |row| {
            let (id, record): (String, String) = (row.get(0)?, row.get(1)?);
            let raw = RawValue::from_string(record).map_err(|error| {
                rusqlite::Error::FromSqlConversionFailure(
                    1,
                    rusqlite::types::Type::Text,
                    error.into(),
                )
            })?;
            Ok((id, raw))
        })?
        .collect()
}

/// Everything but what was: the journal, the specs of before, the numbers. Returns whom something was forgotten of.
fn forget(tx: &Transaction<'_>) -> Result<Vec<TenantName>> {
    let tenants = tx
        .prepare_cached("SELECT name FROM tenant")?
        .query_map([], |row| parsed(row, 0))?
        .collect();
    for table in [
        "DELETE FROM address",
        "DELETE FROM instance",
        "DELETE FROM tenant",
    ] {
        tx.execute(table, [])?;
    }
    tenants
}

fn put(tx: &Transaction<'_>, fact: &Fact) -> Result<()> {
    match fact {
        Fact::Counter {
            tenant,
            counter,
            revision,
        } => put_counter(tx, tenant, *counter, *revision),
        Fact::Spec { tenant, spec } => put_spec(tx, tenant, spec),
        Fact::Orders { tenant, orders } => {
            tx.prepare_cached(
                "UPDATE tenant SET is_paused = ?2, desired = ?3, is_destroyed = ?4 WHERE name = ?1",
            )?
            .execute(params![
                tenant.as_str(),
                orders.is_paused,
                orders.desired,
                orders.is_destroyed
            ])?;
            Ok(())
        }
        Fact::Instances {
            tenant,
            part,
            records,
        } => put_part(tx, tenant, *part, records),
        Fact::Freed { address } => {
            tx.prepare_cached("DELETE FROM address WHERE public_ip = ?1")?
                .execute([address])?;
            Ok(())
        }
        Fact::Owned { address, tenant } => {
            tx.prepare_cached(
                "INSERT INTO address (public_ip, tenant) VALUES (?1, ?2)
                 ON CONFLICT (public_ip) DO UPDATE SET tenant = excluded.tenant",
            )?
            .execute(params![address, tenant.as_str()])?;
            Ok(())
        }
        Fact::Journal { tenant, lines } => {
            mark_gap(tx, tenant, lines)?;
            put_lines(tx, tenant, lines)
        }
        Fact::Loads { tenant, lines } => put_lines(tx, tenant, lines),
        Fact::Unwanted { tenant } => {
            for query in [
                "DELETE FROM instance WHERE tenant = ?1",
                "DELETE FROM tenant WHERE name = ?1",
            ] {
                tx.prepare_cached(query)?.execute([tenant.as_str()])?;
            }
            Ok(())
        }
    }
}

fn put_spec(tx: &Transaction<'_>, tenant: &TenantName, spec: &Spec) -> Result<()> {
    tx.prepare_cached(
        "INSERT INTO spec (tenant, generation, seq, applied, spec, text) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
         ON CONFLICT (tenant, generation) DO NOTHING",
    )?
    .execute(params![
        tenant.as_str(),
        signed(spec.generation)?,
        signed(spec.seq)?,
        spec.applied,
        spec.wanted.get(),
        spec.text
    ])?;
    tx.prepare_cached(
        "INSERT INTO tenant (name, generation, is_paused, desired, is_destroyed) VALUES (?1, ?2, 0, NULL, 0)
         ON CONFLICT (name) DO UPDATE SET generation = excluded.generation",
    )?
    .execute(params![tenant.as_str(), signed(spec.generation)?])?;
    Ok(())
}

fn put_counter(
    tx: &Transaction<'_>,
    tenant: &TenantName,
    counter: Counter,
    revision: u64,
) -> Result<()> {
    tx.prepare_cached(
        "INSERT INTO counter (tenant, seq, generation, steady) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (tenant) DO UPDATE SET seq = excluded.seq, generation = excluded.generation, steady = excluded.steady",
    )?
    .execute(params![
        tenant.as_str(),
        signed(counter.seq)?,
        signed(counter.generation)?,
        counter.steady
    ])?;
    tx.prepare_cached(
        "INSERT INTO mirror (tenant, revision) VALUES (?1, ?2)
         ON CONFLICT (tenant) DO UPDATE SET revision = excluded.revision",
    )?
    .execute(params![tenant.as_str(), signed(revision)?])?;
    Ok(())
}

fn put_part(
    tx: &Transaction<'_>,
    tenant: &TenantName,
    part: char,
    records: &Records,
) -> Result<()> {
    tx.prepare_cached("DELETE FROM instance WHERE tenant = ?1 AND substr(id, -1) = ?2")?
        .execute(params![tenant.as_str(), part.to_string()])?;
    let mut insert =
        tx.prepare_cached("INSERT INTO instance (tenant, id, record) VALUES (?1, ?2, ?3)")?;
    for (id, record) in records {
        insert.execute(params![tenant.as_str(), id, record.get()])?;
    }
    Ok(())
}

fn put_lines(tx: &Transaction<'_>, tenant: &TenantName, lines: &[Line]) -> Result<()> {
    let mut insert = tx.prepare_cached(
        "INSERT INTO journal (tenant, seq, wall, steady, kind, event) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
         ON CONFLICT (tenant, seq) DO NOTHING",
    )?;
    for line in lines {
        insert.execute(params![
            tenant.as_str(),
            signed(line.seq)?,
            line.wall,
            line.steady,
            line.kind,
            line.event.get()
        ])?;
    }
    Ok(())
}

/// A node that was away for longer than the tail is long has a hole in its journal. It is said where it is, so that nobody
/// takes what is on its two sides for neighbours. One that is new has no hole: its journal begins later.
fn mark_gap(tx: &Transaction<'_>, tenant: &TenantName, lines: &[Line]) -> Result<()> {
    let Some(first) = lines.first() else {
        return Ok(());
    };
    let last: Option<i64> = tx
        .prepare_cached("SELECT max(seq) FROM journal WHERE tenant = ?1")?
        .query_row([tenant.as_str()], |row| row.get(0))?;
    let Some(last) = last.and_then(|last| u64::try_from(last).ok()) else {
        return Ok(());
    };
    if first.seq <= last + 1 {
        return Ok(());
    }
    let what = format!(
        "entries {} to {} are not in this node's journal: it was away for longer than they are kept for it; the nodes that were \
         there have them",
        last + 1,
        first.seq - 1
    );
    tracing::warn!(%tenant, what);
    let event = serde_json::json!({ "kind": "alarm", "what": what }).to_string();
    tx.prepare_cached(
        "INSERT INTO journal (tenant, seq, wall, steady, kind, event) VALUES (?1, ?2, ?3, ?4, 'alarm', ?5)",
    )?
    .execute(params![
        tenant.as_str(),
        signed(first.seq - 1)?,
        first.wall,
        first.steady,
        event
    ])?;
    Ok(())
}
