//! What a tick asks of the store.

use std::collections::BTreeMap;

use async_trait::async_trait;
use controller::id::{Epoch, TenantName};
use controller::instance::Instance;
use controller::journal::{Entry, Event};
use controller::ports::{Footing, Store, StoreError, StoreErrorKind, TenantState, Wish};
use controller::time::Now;
use etcd_client::GetOptions;
use jiff::{SignedDuration, Timestamp};

use super::EtcdStore;
use super::commit::{unsigned, unwritable};
use super::draft::Draft;
use super::keys::{Key, part_of};
use super::tail;
use super::values::{Records, merged};
use crate::node::Uptime;
use crate::store::change;
use crate::store::sqlite::{Seen, outdated};

#[async_trait]
impl Store for EtcdStore {
    /// Sees all that was ever answered, by whichever node, and shuts out what was sent under this epoch and not answered.
    async fn load(
        &self,
        tenant: &TenantName,
        history: SignedDuration,
    ) -> Result<Option<TenantState>, StoreError> {
        let operation = "load a tenant";
        let Some(epoch) = self.inner.tenure.epoch(tenant) else {
            return Err(StoreError {
                kind: StoreErrorKind::Deposed,
                operation,
                detail: format!("tenant {tenant} is not this node's"),
            });
        };
        self.catch_up(operation, tenant).await?;
        if self.unsettled().contains(tenant) {
            let shut = |_: &Seen, draft: &mut Draft| {
                draft.touch();
                Ok(())
            };
            self.settle(operation, tenant, None, Some(epoch), shut)
                .await?;
            self.unsettled().remove(tenant);
        }
        let state = self.mirror().load(tenant, history).await?;
        let Some(state) = state else { return Ok(None) };
        if let Some(last) = state.journal.last() {
            self.inner.clock.catch_up(last.steady);
        }
        Ok(Some(TenantState { epoch, ..state }))
    }

    /// As this node has heard. Whoever decides upon an older one finds that its record is not taken.
    async fn wish(&self, tenant: &TenantName) -> Result<Option<Wish>, StoreError> {
        self.mirror().wish(tenant).await
    }

    fn holds(&self, tenant: &TenantName, epoch: Epoch) -> bool {
        self.inner.tenure.holds(tenant, epoch, Uptime::now())
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
        let operation = "write the record";
        let needed = self.trim(tenant, now).await?;
        let write = |seen: &Seen, draft: &mut Draft| {
            check(seen, tenant, footing)?;
            put_instances(seen, draft, tenant, instances)
                .map_err(|error| unwritable(operation, &error))?;
            if let Some(needed) = needed {
                tail::cut(draft, tenant, needed);
            }
            let entries = draft.append(now, events);
            entries.map_err(|error| unwritable(operation, &error))
        };
        self.settle(operation, tenant, None, Some(footing.epoch), write)
            .await
    }

    async fn close(
        &self,
        tenant: &TenantName,
        footing: Footing,
        now: Now,
    ) -> Result<(), StoreError> {
        let operation = "close a tenant";
        let write = |seen: &Seen, draft: &mut Draft| {
            check(seen, tenant, footing)?;
            if !seen.records.is_empty() {
                return Err(StoreError {
                    kind: StoreErrorKind::Failed,
                    operation,
                    detail: format!("{} instances are still known", seen.records.len()),
                });
            }
            draft.delete(Key::Spec(tenant.clone()));
            draft.delete(Key::Orders(tenant.clone()));
            for address in seen.addresses.iter().filter_map(|text| text.parse().ok()) {
                draft.delete(Key::Address(address));
            }
            let written = draft.append(now, &[change::closed(footing.generation)]);
            written
                .map(|_| ())
                .map_err(|error| unwritable(operation, &error))
        };
        self.settle(operation, tenant, None, Some(footing.epoch), write)
            .await
    }
}

impl EtcdStore {
    /// What is wanted of a tenant, and nothing older: sees all that was ever answered, by whichever node.
    pub async fn current_wish(&self, tenant: &TenantName) -> Result<Option<Wish>, StoreError> {
        self.catch_up("read a wish", tenant).await?;
        self.mirror().wish(tenant).await
    }

    /// The latest moment of any tenant's steady clock.
    pub async fn last_steady(&self) -> Result<Timestamp, StoreError> {
        self.mirror().latest().await
    }

    /// Returns once the copy has all that was answered of a tenant before this was called: every change writes its counter.
    async fn catch_up(
        &self,
        operation: &'static str,
        tenant: &TenantName,
    ) -> Result<(), StoreError> {
        let connection = self.connection();
        let key = connection.keys().write(&Key::Counter(tenant.clone()));
        let found = connection
            .ask_around(|client| {
                let key = key.clone();
                let no_value = GetOptions::new().with_keys_only();
                async move { client.kv_client().get(key, Some(no_value)).await }
            })
            .await
            .map_err(|error| connection.explained(operation, &error))?;
        let changed = found.kvs().first();
        let revision = changed.map_or(0, |counter| unsigned(counter.mod_revision()));
        self.reached(operation, revision).await
    }
}

/// What was thought about is in force.
fn check(seen: &Seen, tenant: &TenantName, footing: Footing) -> Result<(), StoreError> {
    match &seen.in_force {
        Some(in_force) if footing.is_upon(in_force.generation, in_force.orders) => Ok(()),
        _ => Err(outdated(tenant, footing)),
    }
}

/// Writes each part anew that one of these is in.
fn put_instances(
    seen: &Seen,
    draft: &mut Draft,
    tenant: &TenantName,
    instances: &[Instance],
) -> serde_json::Result<()> {
    let mut parts: BTreeMap<char, Vec<&Instance>> = BTreeMap::new();
    for instance in instances {
        parts
            .entry(part_of(instance.id))
            .or_default()
            .push(instance);
    }
    for (part, changed) in parts {
        let of_part = seen.records.iter().filter(|(id, _)| id.ends_with(part));
        let mut records: Records = of_part
            .map(|(id, record)| (id.clone(), record.clone()))
            .collect();
        merged(&mut records, &changed)?;
        let key = Key::Instances(tenant.clone(), part);
        if records.is_empty() {
            draft.delete(key);
        } else {
            draft.put(key, &records)?;
        }
    }
    Ok(())
}
