//! What is to be written of one tenant, upon what this node has seen of it. Either all of it comes to be, or nothing.

use std::net::Ipv4Addr;

use controller::id::{Epoch, TenantName};
use controller::journal::{Entry, Event};
use controller::time::Now;
use etcd_client::{Compare, CompareOp, DeleteOptions, GetOptions, Txn, TxnOp};
use serde::Serialize;

use super::keys::{Key, Keys};
use super::values::{Batch, Counter, Line};
use crate::store::sqlite::{Seen, nanoseconds};

/// Nothing yet.
#[derive(Debug)]
pub(super) struct Draft {
    tenant: TenantName,
    /// Of the counter, which every change of the tenant writes: so that nothing of what was seen is other by now.
    revision: u64,
    epoch: Option<Epoch>,
    address: Option<(Ipv4Addr, Option<TenantName>)>,
    pub(super) counter: Counter,
    /// Whose write it is; see [`Batch`].
    by: u64,
    /// Where its entries are, if it has any.
    journal: Option<Key>,
    puts: Vec<(Key, Vec<u8>)>,
    deletes: Vec<Key>,
    cuts: Vec<(Key, Key)>,
    is_touched: bool,
}

impl Draft {
    pub(super) fn upon(seen: &Seen, tenant: &TenantName, epoch: Option<Epoch>) -> Self {
        Self {
            tenant: tenant.clone(),
            revision: seen.revision,
            epoch,
            address: None,
            counter: seen.counter,
            by: fastrand::u64(..),
            journal: None,
            puts: Vec::new(),
            deletes: Vec::new(),
            cuts: Vec::new(),
            is_touched: false,
        }
    }

    /// It counts only as long as the address is this tenant's, or nobody's.
    pub(super) fn counts_on(&mut self, address: Ipv4Addr, owner: Option<&TenantName>) {
        self.address = Some((address, owner.cloned()));
    }

    pub(super) fn put(&mut self, key: Key, value: &impl Serialize) -> serde_json::Result<()> {
        self.puts.push((key, serde_json::to_vec(value)?));
        Ok(())
    }

    /// Writes the counter anew even where nothing else is written: nothing that was sent before can come to be after it.
    pub(super) fn touch(&mut self) {
        self.is_touched = true;
    }

    pub(super) fn delete(&mut self, key: Key) {
        self.deletes.push(key);
    }

    /// All keys from the first of these on, up to the second.
    pub(super) fn cut(&mut self, from: Key, to: Key) {
        self.cuts.push((from, to));
    }

    /// Gives the events their numbers, and keeps the loads among them for longer.
    pub(super) fn append(&mut self, now: Now, events: &[Event]) -> serde_json::Result<Vec<Entry>> {
        self.counter.steady = self.counter.steady.max(nanoseconds(now.steady));
        let first = self.counter.seq + 1;
        let entries: Vec<Entry> = events
            .iter()
            .zip(first..)
            .map(|(event, seq)| Entry {
                seq,
                at: now.wall,
                steady: now.steady,
                event: event.clone(),
            })
            .collect();
        let Some(last) = entries.last() else {
            return Ok(entries);
        };
        self.counter.seq = last.seq;
        let mut batch = Batch {
            by: self.by,
            entries: entries.iter().map(Line::of).collect::<Result<_, _>>()?,
        };
        let key = Key::Journal(self.tenant.clone(), first);
        self.journal = Some(key.clone());
        self.put(key, &batch)?;
        batch.entries.retain(|line| line.kind == "load");
        if !batch.entries.is_empty() {
            self.put(Key::Load(self.tenant.clone(), first), &batch)?;
        }
        Ok(entries)
    }

    /// Whether it writes nothing, and only asks whether what was seen still counts.
    pub(super) fn is_empty(&self) -> bool {
        let is_idle = self.puts.is_empty() && self.deletes.is_empty() && self.cuts.is_empty();
        is_idle && !self.is_touched
    }

    /// Whether this value, found where its entries would be, is of this very write.
    pub(super) fn is_mine(&self, value: &[u8]) -> bool {
        serde_json::from_slice::<Batch>(value).is_ok_and(|batch| batch.by == self.by)
    }

    /// Where its entries are, if it has any.
    pub(super) fn journal(&self) -> Option<&Key> {
        self.journal.as_ref()
    }

    pub(super) fn counter_key(&self) -> Key {
        Key::Counter(self.tenant.clone())
    }

    pub(super) fn owner_key(&self) -> Key {
        Key::Owner(self.tenant.clone())
    }

    /// The revision of the counter that it was drafted upon.
    pub(super) fn revision(&self) -> u64 {
        self.revision
    }

    /// Under which epoch it is to be written.
    pub(super) fn epoch(&self) -> Option<Epoch> {
        self.epoch
    }

    /// As etcd takes it. Where it does not count any more, it tells what is there instead, in the order counter, owner,
    /// entries, address.
    pub(super) fn transaction(&self, keys: &Keys) -> serde_json::Result<Txn> {
        let text = |key: &Key| keys.write(key);
        let signed = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        let mut compares = vec![Compare::mod_revision(
            text(&self.counter_key()),
            CompareOp::Equal,
            signed(self.revision),
        )];
        if let Some(epoch) = self.epoch {
            let owner = text(&self.owner_key());
            compares.push(Compare::create_revision(
                owner,
                CompareOp::Equal,
                signed(epoch.0),
            ));
        }
        if let Some((address, owner)) = &self.address {
            let key = text(&Key::Address(*address));
            compares.push(match owner {
                None => Compare::version(key, CompareOp::Equal, 0),
                Some(owner) => Compare::value(key, CompareOp::Equal, serde_json::to_vec(owner)?),
            });
        }
        let look = |key: &Key| TxnOp::get(text(key), None);
        let mut instead = vec![look(&self.counter_key()), look(&self.owner_key())];
        instead.extend(self.journal.as_ref().map(look));
        instead.extend(
            self.address
                .as_ref()
                .map(|(address, _)| look(&Key::Address(*address))),
        );
        Ok(Txn::new()
            .when(compares)
            .and_then(self.operations(keys)?)
            .or_else(instead))
    }

    fn operations(&self, keys: &Keys) -> serde_json::Result<Vec<TxnOp>> {
        let counter = keys.write(&self.counter_key());
        if self.is_empty() {
            // A transaction without any look is answered from what one member happens to know; this one is not.
            let no_value = GetOptions::new().with_keys_only();
            return Ok(vec![TxnOp::get(counter, Some(no_value))]);
        }
        let mut operations = vec![TxnOp::put(
            counter,
            serde_json::to_vec(&self.counter)?,
            None,
        )];
        for (key, value) in &self.puts {
            operations.push(TxnOp::put(keys.write(key), value.clone(), None));
        }
        for key in &self.deletes {
            operations.push(TxnOp::delete(keys.write(key), None));
        }
        for (from, to) in &self.cuts {
            let range = DeleteOptions::new().with_range(keys.write(to));
            operations.push(TxnOp::delete(keys.write(from), Some(range)));
        }
        Ok(operations)
    }
}
