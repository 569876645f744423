//! How people change what is wanted: each apply and each order is one transaction with its line in the journal. What comes of
//! them is decided in `store::change`.

use std::net::Ipv4Addr;

use async_trait::async_trait;
use controller::id::{Generation, TenantName};
use controller::journal::Event;
use controller::ports::{Orders, StoreError};
use controller::spec::TenantSpec;
use controller::time::Now;
use rusqlite::{Connection, OptionalExtension, Result, Transaction, params};

use super::SqliteStore;
use super::convert::{count, nanoseconds, parsed, signed, to_json};
use super::journal;
use super::tenant::{in_force, instances, wish};
use crate::store::change;
use crate::store::order::{Applied, Change, Order, Refusal};
use crate::store::registrar::Registrar;

#[async_trait]
impl Registrar for SqliteStore {
    async fn apply(
        &self,
        spec: &TenantSpec,
        text: &str,
        expected: Option<Generation>,
        now: Now,
        who: &str,
    ) -> std::result::Result<std::result::Result<Applied, Refusal>, StoreError> {
        let tenant = spec.tenant.clone();
        let (spec, text, who) = (spec.clone(), text.to_owned(), who.to_owned());
        self.write_wish("apply a spec", &tenant, move |tx| {
            put_spec(tx, &spec, &text, expected, now, &who)
        })
        .await
    }

    async fn order(
        &self,
        tenant: &TenantName,
        order: Order,
        expected: Option<Generation>,
        now: Now,
        who: &str,
    ) -> std::result::Result<std::result::Result<Generation, Refusal>, StoreError> {
        let (owner, who) = (tenant.clone(), who.to_owned());
        self.write_wish("write an order", tenant, move |tx| {
            put_order(tx, &owner, order, expected, now, &who)
        })
        .await
    }

    async fn release_addresses(
        &self,
        tenant: &TenantName,
        generation: Generation,
    ) -> std::result::Result<(), StoreError> {
        let tenant = tenant.clone();
        self.write("release addresses", move |tx| {
            let Some(wish) = wish(tx, &tenant)?.filter(|wish| wish.generation == generation) else {
                return Ok(());
            };
            let public_ip = wish.spec.network.public_ip.to_string();
            tx.prepare_cached("DELETE FROM address WHERE tenant = ?1 AND public_ip <> ?2")?
                .execute(params![tenant.as_str(), public_ip])?;
            Ok(())
        })
        .await
    }

    async fn alarm(
        &self,
        tenant: &TenantName,
        now: Now,
        what: &str,
    ) -> std::result::Result<(), StoreError> {
        let (tenant, what) = (tenant.clone(), what.to_owned());
        self.write("write an alarm", move |tx| {
            journal::append(tx, &tenant, now, vec![Event::Alarm { what }]).map(|_| ())
        })
        .await
    }
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
    let spec_json = to_json(spec)?;
    let before = in_force(tx, tenant)?;
    let scene = change::Scene {
        before: before.as_ref(),
        owner: owner_of(tx, spec.network.public_ip)?,
        instances: &instances(tx, tenant)?,
    };
    let change = match change::apply(&scene, spec, &spec_json, expected) {
        Ok(change) => change,
        Err(refusal) => return Ok(Err(refusal)),
    };
    if let (Change::Same, Some(before)) = (change, &before) {
        let generation = before.generation;
        return Ok(Ok(Applied { generation, change }));
    }

    let generation = next_generation(tx, tenant)?;
    let event = change::applied(spec, generation, who);
    let entries = journal::append(tx, tenant, now, vec![event])?;
    tx.prepare_cached(
        "INSERT INTO spec (tenant, generation, seq, applied, spec, text) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?
    .execute(params![
        tenant.as_str(),
        signed(generation.0)?,
        signed(entries.first().map_or(0, |entry| entry.seq))?,
        nanoseconds(now.wall),
        spec_json,
        text
    ])?;
    tx.prepare_cached(
        "INSERT INTO tenant (name, generation, is_paused, desired, is_destroyed) VALUES (?1, ?2, 0, NULL, 0)
         ON CONFLICT (name) DO UPDATE SET generation = excluded.generation",
    )?
    .execute(params![tenant.as_str(), signed(generation.0)?])?;
    own(tx, tenant, spec.network.public_ip)?;
    Ok(Ok(Applied { generation, change }))
}

/// The address is the tenant's from now on: the table's key refuses a second owner, whoever asks. An address that it had
/// before stays its own until its network has let go of it; see [`SqliteStore::release_addresses`].
fn own(tx: &Transaction<'_>, tenant: &TenantName, public_ip: Ipv4Addr) -> Result<()> {
    if owner_of(tx, public_ip)?.is_none() {
        tx.prepare_cached("INSERT INTO address (public_ip, tenant) VALUES (?1, ?2)")?
            .execute(params![public_ip.to_string(), tenant.as_str()])?;
    }
    Ok(())
}

pub(super) fn owner_of(connection: &Connection, public_ip: Ipv4Addr) -> Result<Option<TenantName>> {
    connection
        .prepare_cached("SELECT tenant FROM address WHERE public_ip = ?1")?
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
    let wish = wish(tx, tenant)?;
    let ordered = match change::order(tenant, wish.as_ref(), order, expected, who) {
        Ok(ordered) => ordered,
        Err(refusal) => return Ok(Err(refusal)),
    };
    if let Some((orders, event)) = ordered.news {
        let Orders {
            is_paused,
            desired,
            is_destroyed,
        } = orders;
        tx.prepare_cached(
            "UPDATE tenant SET is_paused = ?2, desired = ?3, is_destroyed = ?4 WHERE name = ?1",
        )?
        .execute(params![tenant.as_str(), is_paused, desired, is_destroyed])?;
        journal::append(tx, tenant, now, vec![event])?;
    }
    Ok(Ok(ordered.generation))
}

/// Forgets what was wanted. Refuses, as a broken foreign key, while an instance is still known.
pub(super) fn close(tx: &Transaction<'_>, tenant: &TenantName, now: Now) -> Result<()> {
    let Some(wish) = wish(tx, tenant)? else {
        return Ok(());
    };
    tx.prepare_cached("DELETE FROM tenant WHERE name = ?1")?
        .execute([tenant.as_str()])?;
    journal::append(tx, tenant, now, vec![change::closed(wish.generation)])?;
    Ok(())
}
