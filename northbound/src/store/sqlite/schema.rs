//! The tables, and how an older file becomes a newer one. Every change is one more step; a step that was released is never
//! edited.

use rusqlite::{Connection, TransactionBehavior};

/// Marks the file as ours: `asaa`.
const APPLICATION_ID: i32 = 0x6173_6161;

/// What leads from version n to n + 1.
const STEPS: [&str; 4] = [V1, V2, V3, V4];

/// One row per tenant in `counter` stays for ever, so that neither a number in the journal nor a generation comes twice, also
/// when a tenant of the same name comes back. `tenant` holds those that are wanted, or are still being removed.
///
/// A public address belongs to one tenant with all its ports: it is an address of that tenant's transit, and there is no
/// second transit to lead another port to. That includes the rule of one owner for (address, protocol, port).
const V1: &str = "
CREATE TABLE meta (
    key TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT;

CREATE TABLE counter (
    tenant TEXT PRIMARY KEY,
    seq INTEGER NOT NULL,
    generation INTEGER NOT NULL,
    steady INTEGER NOT NULL
) STRICT;

CREATE TABLE spec (
    tenant TEXT NOT NULL REFERENCES counter (tenant),
    generation INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    applied INTEGER NOT NULL,
    spec TEXT NOT NULL,
    text TEXT NOT NULL,
    PRIMARY KEY (tenant, generation)
) STRICT;

CREATE TABLE tenant (
    name TEXT PRIMARY KEY REFERENCES counter (tenant),
    generation INTEGER NOT NULL,
    is_paused INTEGER NOT NULL,
    desired INTEGER,
    is_destroyed INTEGER NOT NULL,
    FOREIGN KEY (name, generation) REFERENCES spec (tenant, generation)
) STRICT;

CREATE TABLE address (
    public_ip TEXT PRIMARY KEY,
    tenant TEXT NOT NULL REFERENCES tenant (name) ON DELETE CASCADE
) STRICT;
CREATE INDEX address_of ON address (tenant);

CREATE TABLE instance (
    tenant TEXT NOT NULL REFERENCES tenant (name),
    id TEXT NOT NULL,
    record TEXT NOT NULL,
    PRIMARY KEY (tenant, id)
) STRICT;

CREATE TABLE journal (
    tenant TEXT NOT NULL REFERENCES counter (tenant),
    seq INTEGER NOT NULL,
    wall INTEGER NOT NULL,
    steady INTEGER NOT NULL,
    kind TEXT NOT NULL,
    event TEXT NOT NULL,
    PRIMARY KEY (tenant, seq)
) STRICT;
CREATE INDEX journal_decided ON journal (tenant, wall) WHERE kind = 'decided';
";

/// Four weeks of loads are found without reading four weeks of everything.
const V2: &str = "
CREATE INDEX journal_load ON journal (tenant, seq) WHERE kind = 'load';
";

const V3: &str = "
CREATE INDEX journal_first ON journal (tenant, seq) WHERE kind = 'decided'
    AND CASE WHEN json_valid(event) THEN json_extract(event, '$.is_first') END;
";

/// When etcd last said something of a tenant, where the file is a copy of what is there.
const V4: &str = "
CREATE TABLE mirror (
    tenant TEXT PRIMARY KEY REFERENCES counter (tenant),
    revision INTEGER NOT NULL
) STRICT;
";

/// Why a file is not used as it is.
#[derive(Debug, thiserror::Error)]
pub(super) enum SchemaError {
    /// Not a file of ours.
    #[error("it belongs to another program")]
    Foreign,
    /// Written by a later version.
    #[error("it was written by a newer asaas (schema {found}, this one knows {known})")]
    Newer {
        /// Its version.
        found: usize,
        /// Ours.
        known: usize,
    },
    /// Its pages contradict each other.
    #[error("it is damaged: {0}")]
    Damaged(String),
    /// It could not be read or written.
    #[error(transparent)]
    Sql(#[from] rusqlite::Error),
}

/// Checks that the file is whole and ours, and brings it to the current version. A file that fails is left as it is.
pub(super) fn prepare(connection: &mut Connection) -> Result<(), SchemaError> {
    let application: i32 =
        connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let found: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let found = usize::try_from(found).map_err(|_| SchemaError::Foreign)?;
    let tables: i64 =
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    let is_new = tables == 0 && found == 0;
    if !is_new && application != APPLICATION_ID {
        return Err(SchemaError::Foreign);
    }
    if found > STEPS.len() {
        return Err(SchemaError::Newer {
            found,
            known: STEPS.len(),
        });
    }
    check(connection)?;
    if found == STEPS.len() {
        return Ok(());
    }
    let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    for step in &STEPS[found..] {
        tx.execute_batch(step)?;
    }
    tx.pragma_update(None, "application_id", APPLICATION_ID)?;
    tx.pragma_update(
        None,
        "user_version",
        i64::try_from(STEPS.len()).unwrap_or(i64::MAX),
    )?;
    tx.commit()?;
    Ok(())
}

/// Reads every table but the journal, which may be gigabytes and would keep the service from its tenants for minutes: damage
/// there is found where it is read, and stops the one tenant whose it is.
fn check(connection: &Connection) -> Result<(), SchemaError> {
    let mut tables = connection
        .prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name <> 'journal'")?;
    let names = tables.query_map([], |row| row.get::<_, String>(0))?;
    for name in names {
        let mut health = String::new();
        connection.pragma(None, "quick_check", name?, |row| {
            health = row.get(0)?;
            Ok(())
        })?;
        if health != "ok" {
            return Err(SchemaError::Damaged(health));
        }
    }
    Ok(())
}
