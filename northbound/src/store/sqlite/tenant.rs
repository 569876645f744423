//! What is wanted of each tenant, and which instances it has. `change` is how a person changes it.

use std::net::Ipv4Addr;

use controller::id::{Epoch, Generation, TenantName};
use controller::instance::Instance;
use controller::ports::{Footing, Orders, StoreError, Wish};
use rusqlite::{
    Connection, OptionalExtension, Result, Row, Transaction, TransactionBehavior, params,
};

use super::SqliteStore;
use super::change;
use super::convert::{count, from_json, parsed, to_json, unreadable};
use crate::store::change::InForce;

/// Where [`in_force`] finds the spec.
const SPEC: usize = 1;

/// One tenant, in a list of all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TenantRow {
    /// Who.
    pub tenant: TenantName,
    /// The version of the spec in force.
    pub generation: Generation,
    /// What people have ordered.
    pub orders: Orders,
}

impl SqliteStore {
    /// Every tenant that is wanted or still being removed, by name.
    pub async fn tenants(&self) -> std::result::Result<Vec<TenantRow>, StoreError> {
        self.read("list the tenants", |connection| {
            let mut statement = connection.prepare_cached(
                "SELECT name, generation, is_paused, desired, is_destroyed FROM tenant ORDER BY name",
            )?;
            statement
                .query_map([], |row| {
                    Ok(TenantRow {
                        tenant: parsed(row, 0)?,
                        generation: Generation(count(row, 1)?),
                        orders: orders(row, 2)?,
                    })
                })?
                .collect()
        })
        .await
    }

    /// The tenant's instances that are not over, with the number of the journal's last entry at that moment.
    pub async fn instances_at_end(
        &self,
        tenant: &TenantName,
    ) -> std::result::Result<(Vec<Instance>, u64), StoreError> {
        let tenant = tenant.clone();
        self.read("list the instances", move |connection| {
            let end = connection
                .prepare_cached("SELECT seq FROM counter WHERE tenant = ?1")?
                .query_row([tenant.as_str()], |row| count(row, 0))
                .optional()?;
            Ok((instances(connection, &tenant)?, end.unwrap_or(0)))
        })
        .await
    }

    /// Who owns a public address.
    pub async fn owner_of(
        &self,
        public_ip: Ipv4Addr,
    ) -> std::result::Result<Option<TenantName>, StoreError> {
        self.read("look up an address", move |connection| {
            change::owner_of(connection, public_ip)
        })
        .await
    }

    /// Whether there is, or ever was, a tenant of this name.
    pub async fn has_known(&self, tenant: &TenantName) -> std::result::Result<bool, StoreError> {
        let tenant = tenant.clone();
        self.read("look up a tenant", move |connection| {
            connection
                .prepare_cached("SELECT 1 FROM counter WHERE tenant = ?1")?
                .exists([tenant.as_str()])
        })
        .await
    }

    /// The text that the spec in force was read from.
    pub async fn spec_text(
        &self,
        tenant: &TenantName,
    ) -> std::result::Result<Option<String>, StoreError> {
        let tenant = tenant.clone();
        self.read("read a spec", move |connection| {
            connection
                .query_row(
                    "SELECT spec.text FROM tenant JOIN spec
                     ON spec.tenant = tenant.name AND spec.generation = tenant.generation
                     WHERE tenant.name = ?1",
                    [tenant.as_str()],
                    |row| row.get(0),
                )
                .optional()
        })
        .await
    }
}

/// Which deployment this is: made once, with the file, where none is given for a file that is new.
pub(super) fn deployment(connection: &mut Connection, given: Option<&str>) -> Result<String> {
    let tx = connection.transaction_with_behavior(TransactionBehavior::Deferred)?;
    let known: Option<String> = tx
        .query_row(
            "SELECT value FROM meta WHERE key = 'deployment'",
            [],
            |row| row.get(0),
        )
        .optional()?;
    if let Some(known) = known {
        return Ok(known);
    }
    let made: String = tx.query_row(
        "INSERT INTO meta (key, value) VALUES ('deployment', coalesce(?1, lower(hex(randomblob(6))))) RETURNING value",
        [given],
        |row| row.get(0),
    )?;
    tx.commit()?;
    Ok(made)
}

/// One more than when the file was last opened.
pub(super) fn next_epoch(connection: &mut Connection) -> Result<Epoch> {
    connection.query_row(
        "INSERT INTO meta (key, value) VALUES ('epoch', '1')
         ON CONFLICT (key) DO UPDATE SET value = CAST(value AS INTEGER) + 1
         RETURNING CAST(value AS INTEGER)",
        [],
        |row| count(row, 0).map(Epoch),
    )
}

/// Whether what was thought about is what counts now.
pub(super) fn is_in_force(
    tx: &Transaction<'_>,
    tenant: &TenantName,
    footing: Footing,
) -> Result<bool> {
    let in_force = tx
        .prepare_cached(
            "SELECT is_paused, desired, is_destroyed, generation FROM tenant WHERE name = ?1",
        )?
        .query_row([tenant.as_str()], |row| {
            Ok((Generation(count(row, 3)?), orders(row, 0)?))
        })
        .optional()?;
    Ok(in_force.is_some_and(|(generation, orders)| footing.is_upon(generation, orders)))
}

/// Reads three columns from `first` on.
fn orders(row: &Row<'_>, first: usize) -> Result<Orders> {
    Ok(Orders {
        is_paused: row.get(first)?,
        desired: row.get(first + 1)?,
        is_destroyed: row.get(first + 2)?,
    })
}

/// What is in force of a tenant; `None` for one that is not wanted.
pub(super) fn in_force(connection: &Connection, tenant: &TenantName) -> Result<Option<InForce>> {
    connection
        .prepare_cached(
            "SELECT tenant.generation, spec.spec, is_paused, desired, is_destroyed
             FROM tenant JOIN spec ON spec.tenant = tenant.name AND spec.generation = tenant.generation
             WHERE tenant.name = ?1",
        )?
        .query_row([tenant.as_str()], |row| {
            Ok(InForce {
                generation: Generation(count(row, 0)?),
                spec: row.get(SPEC)?,
                orders: orders(row, 2)?,
            })
        })
        .optional()
}

pub(super) fn wish(connection: &Connection, tenant: &TenantName) -> Result<Option<Wish>> {
    let wish = in_force(connection, tenant)?.map(|in_force| in_force.wish());
    wish.transpose().map_err(|error| unreadable(SPEC, error))
}

pub(super) fn instances(connection: &Connection, tenant: &TenantName) -> Result<Vec<Instance>> {
    connection
        .prepare_cached("SELECT record FROM instance WHERE tenant = ?1 ORDER BY id")?
        .query_map([tenant.as_str()], |row| from_json(row, 0))?
        .collect()
}

/// Writes each record whole; one that is over is dropped, the journal keeps its story.
pub(super) fn put_instances(
    tx: &Transaction<'_>,
    tenant: &TenantName,
    instances: &[Instance],
) -> Result<()> {
    let mut put = tx.prepare_cached(
        "INSERT INTO instance (tenant, id, record) VALUES (?1, ?2, ?3)
         ON CONFLICT (tenant, id) DO UPDATE SET record = excluded.record",
    )?;
    let mut remove = tx.prepare_cached("DELETE FROM instance WHERE tenant = ?1 AND id = ?2")?;
    for instance in instances {
        let id = instance.id.to_string();
        if instance.phase.is_over() {
            remove.execute(params![tenant.as_str(), id])?;
        } else {
            put.execute(params![tenant.as_str(), id, to_json(instance)?])?;
        }
    }
    Ok(())
}
