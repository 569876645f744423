//! What is wanted of each tenant, and which instances it has.

use std::net::Ipv4Addr;

use controller::id::{Generation, TenantName};
use controller::instance::Instance;
use controller::ports::{Orders, StoreError, Wish};
use controller::spec::TenantSpec;
use controller::time::Now;
use rusqlite::{Connection, OptionalExtension, Result, Transaction, TransactionBehavior, params};

use super::SqliteStore;
use super::convert::{count, from_json, nanoseconds, parsed, signed, to_json};
use super::journal;
use super::order::{Applied, Change, Order, Refusal};

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
    /// Puts this spec in force, as one transaction: compare with `expected` (where given; 0 means that the tenant must not be
    /// there), own the public address, write the spec and the journal (I13, I27). The same spec again is no new generation.
    ///
    /// The outer error is the store's, the inner one a refusal.
    pub async fn apply(
        &self,
        spec: &TenantSpec,
        text: &str,
        expected: Option<Generation>,
        now: Now,
        who: &str,
    ) -> std::result::Result<std::result::Result<Applied, Refusal>, StoreError> {
        let (spec, text, who) = (spec.clone(), text.to_owned(), who.to_owned());
        let applied = self
            .write("apply a spec", move |tx| {
                put_spec(tx, &spec, &text, expected, now, &who)
            })
            .await?;
        self.has_grown();
        Ok(applied)
    }

    /// Writes down what a person orders. An order that holds already changes nothing, and is no refusal.
    pub async fn order(
        &self,
        tenant: &TenantName,
        order: Order,
        expected: Option<Generation>,
        now: Now,
        who: &str,
    ) -> std::result::Result<std::result::Result<Generation, Refusal>, StoreError> {
        let (tenant, who) = (tenant.clone(), who.to_owned());
        let ordered = self
            .write("write an order", move |tx| {
                put_order(tx, &tenant, order, expected, now, &who)
            })
            .await?;
        self.has_grown();
        Ok(ordered)
    }

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
                        orders: Orders {
                            is_paused: row.get(2)?,
                            desired: row.get(3)?,
                            is_destroyed: row.get(4)?,
                        },
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

/// Which deployment this is: made once, with the file.
pub(super) fn deployment(connection: &mut Connection) -> Result<String> {
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
        "INSERT INTO meta (key, value) VALUES ('deployment', lower(hex(randomblob(6)))) RETURNING value",
        [],
        |row| row.get(0),
    )?;
    tx.commit()?;
    Ok(made)
}

pub(super) fn wish(connection: &Connection, tenant: &TenantName) -> Result<Option<Wish>> {
    connection
        .prepare_cached(
            "SELECT spec.spec, tenant.generation, is_paused, desired, is_destroyed
             FROM tenant JOIN spec ON spec.tenant = tenant.name AND spec.generation = tenant.generation
             WHERE tenant.name = ?1",
        )?
        .query_row([tenant.as_str()], |row| {
            Ok(Wish {
                spec: from_json(row, 0)?,
                generation: Generation(count(row, 1)?),
                orders: Orders {
                    is_paused: row.get(2)?,
                    desired: row.get(3)?,
                    is_destroyed: row.get(4)?,
                },
            })
        })
        .optional()
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

fn put_spec(
    tx: &Transaction<'_>,
    spec: &TenantSpec,
    text: &str,
    expected: Option<Generation>,
    now: Now,
    who: &str,
) -> Result<std::result::Result<Applied, Refusal>> {
    let tenant = &spec.tenant;
    let before = wish(tx, tenant)?;
    if let Some(before) = &before {
        if before.orders.is_destroyed {
            return Ok(Err(Refusal::Destroyed {
                tenant: tenant.clone(),
            }));
        }
        if before.spec == *spec {
            return Ok(Ok(Applied {
                generation: before.generation,
                change: Change::Same,
            }));
        }
    }
    let actual = before
        .as_ref()
        .map_or(Generation(0), |before| before.generation);
    if let Some(expected) = expected
        && expected != actual
    {
        return Ok(Err(Refusal::Generation {
            tenant: tenant.clone(),
            expected,
            actual,
        }));
    }
    let public_ip = spec.network.public_ip;
    if let Some(owner) = owner_of(tx, public_ip)?
        && owner != *tenant
    {
        return Ok(Err(Refusal::AddressOwned { public_ip, owner }));
    }

    let generation = next_generation(tx, tenant)?;
    let detail = format!(
        "by {who}: {} to {} instances",
        spec.instances.min, spec.instances.max
    );
    let entries = journal::append(
        tx,
        tenant,
        now,
        vec![journal::ordered("apply", generation, detail)],
    )?;
    tx.prepare_cached(
        "INSERT INTO spec (tenant, generation, seq, applied, spec, text) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?
    .execute(params![
        tenant.as_str(),
        signed(generation.0)?,
        signed(entries.first().map_or(0, |entry| entry.seq))?,
        nanoseconds(now.wall),
        to_json(spec)?,
        text
    ])?;
    tx.prepare_cached(
        "INSERT INTO tenant (name, generation, is_paused, desired, is_destroyed) VALUES (?1, ?2, 0, NULL, 0)
         ON CONFLICT (name) DO UPDATE SET generation = excluded.generation",
    )?
    .execute(params![tenant.as_str(), signed(generation.0)?])?;
    tx.prepare_cached("DELETE FROM address WHERE tenant = ?1")?
        .execute([tenant.as_str()])?;
    tx.prepare_cached("INSERT INTO address (public_ip, tenant) VALUES (?1, ?2)")?
        .execute(params![public_ip.to_string(), tenant.as_str()])?;
    Ok(Ok(Applied {
        generation,
        change: if before.is_none() {
            Change::Created
        } else {
            Change::Updated
        },
    }))
}

fn owner_of(tx: &Transaction<'_>, public_ip: Ipv4Addr) -> Result<Option<TenantName>> {
    tx.prepare_cached("SELECT tenant FROM address WHERE public_ip = ?1")?
        .query_row([public_ip.to_string()], |row| parsed(row, 0))
        .optional()
}

/// Counts on over the lives of a name, so that an old generation never means a new tenant.
fn next_generation(tx: &Transaction<'_>, tenant: &TenantName) -> Result<Generation> {
    tx.prepare_cached(
        "INSERT INTO counter (tenant, seq, generation, steady) VALUES (?1, 0, 1, 0)
         ON CONFLICT (tenant) DO UPDATE SET generation = generation + 1
         RETURNING generation",
    )?
    .query_row([tenant.as_str()], |row| Ok(Generation(count(row, 0)?)))
}

fn put_order(
    tx: &Transaction<'_>,
    tenant: &TenantName,
    order: Order,
    expected: Option<Generation>,
    now: Now,
    who: &str,
) -> Result<std::result::Result<Generation, Refusal>> {
    let Some(wish) = wish(tx, tenant)? else {
        return Ok(Err(Refusal::Unknown {
            tenant: tenant.clone(),
        }));
    };
    let actual = wish.generation;
    if let Some(expected) = expected
        && expected != actual
    {
        return Ok(Err(Refusal::Generation {
            tenant: tenant.clone(),
            expected,
            actual,
        }));
    }
    if wish.orders.is_destroyed && order != Order::Destroy {
        return Ok(Err(Refusal::Destroyed {
            tenant: tenant.clone(),
        }));
    }
    let (word, detail, orders) = match order {
        Order::Pause => (
            "pause",
            format!("by {who}"),
            Orders {
                is_paused: true,
                ..wish.orders.clone()
            },
        ),
        Order::Resume => (
            "resume",
            format!("by {who}"),
            Orders {
                is_paused: false,
                ..wish.orders.clone()
            },
        ),
        Order::Destroy => (
            "destroy",
            format!("by {who}"),
            Orders {
                is_destroyed: true,
                ..wish.orders.clone()
            },
        ),
        Order::Scale(desired) => {
            let (min, max) = (wish.spec.instances.min, wish.spec.instances.max);
            if let Some(wanted) = desired
                && !(min..=max).contains(&wanted)
            {
                return Ok(Err(Refusal::OutOfBounds {
                    tenant: tenant.clone(),
                    wanted,
                    min,
                    max,
                }));
            }
            let number = desired.map_or_else(
                || "what the policy says".to_owned(),
                |number| number.to_string(),
            );
            (
                "scale",
                format!("by {who}: to {number}"),
                Orders {
                    desired,
                    ..wish.orders.clone()
                },
            )
        }
    };
    if orders == wish.orders {
        return Ok(Ok(actual));
    }
    let Orders {
        is_paused,
        desired,
        is_destroyed,
    } = orders;
    tx.prepare_cached(
        "UPDATE tenant SET is_paused = ?2, desired = ?3, is_destroyed = ?4 WHERE name = ?1",
    )?
    .execute(params![tenant.as_str(), is_paused, desired, is_destroyed])?;
    journal::append(
        tx,
        tenant,
        now,
        vec![journal::ordered(word, actual, detail)],
    )?;
    Ok(Ok(actual))
}

/// Forgets what was wanted. Refuses, as a broken foreign key, while an instance is still known.
pub(super) fn close(tx: &Transaction<'_>, tenant: &TenantName, now: Now) -> Result<()> {
    let Some(wish) = wish(tx, tenant)? else {
        return Ok(());
    };
    tx.prepare_cached("DELETE FROM tenant WHERE name = ?1")?
        .execute([tenant.as_str()])?;
    let detail = "nothing of the tenant is left".to_owned();
    journal::append(
        tx,
        tenant,
        now,
        vec![journal::ordered("destroyed", wish.generation, detail)],
    )?;
    Ok(())
}
