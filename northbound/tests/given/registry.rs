//! The keys that nodes share, in memory, with leases that end by themselves; and ways between a node and them that can be cut.

#![allow(dead_code, reason = "not every test needs all of it")]

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use controller::id::{Epoch, TenantName};
use northbound::node::{Card, Lease, NodeName, Owner, Registry, RegistryError, Seen};
use tokio::sync::watch;

/// What all nodes share.
#[derive(Clone)]
pub(crate) struct Shelf {
    ttl: Duration,
    state: Arc<Mutex<State>>,
    seen: watch::Sender<Seen>,
}

#[derive(Default)]
struct State {
    leases: BTreeMap<Lease, Instant>,
    seen: Seen,
}

impl Shelf {
    pub(crate) fn new(ttl: Duration) -> Self {
        let shelf = Self {
            ttl,
            state: Arc::default(),
            seen: watch::Sender::default(),
        };
        let expiring = shelf.clone();
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(Duration::from_millis(5)).await;
                expiring.change(|_, _| ());
            }
        });
        shelf
    }

    /// A way to it that can be cut.
    pub(crate) fn way(&self) -> Way {
        Way {
            shelf: self.clone(),
            is_cut: Arc::default(),
        }
    }

    pub(crate) fn seen(&self) -> Seen {
        self.state.lock().unwrap().seen.clone()
    }

    fn change<T>(&self, change: impl FnOnce(&mut State, Instant) -> T) -> T {
        let mut state = self.state.lock().unwrap();
        let (now, before) = (Instant::now(), state.seen.clone());
        state.leases.retain(|_, until| *until > now);
        let State { leases, seen } = &mut *state;
        seen.nodes
            .retain(|_, (_, lease)| leases.contains_key(lease));
        seen.owners
            .retain(|_, owner| leases.contains_key(&owner.lease));
        let answer = change(&mut state, now);
        let State { leases, seen } = &mut *state;
        seen.nodes
            .retain(|_, (_, lease)| leases.contains_key(lease));
        seen.owners
            .retain(|_, owner| leases.contains_key(&owner.lease));
        if *seen != before {
            seen.revision += 1;
            self.seen.send_replace(seen.clone());
        }
        answer
    }
}

/// One node's way to what all share.
#[derive(Clone)]
pub(crate) struct Way {
    shelf: Shelf,
    is_cut: Arc<AtomicBool>,
}

impl Way {
    pub(crate) fn cut(&self, is_cut: bool) {
        self.is_cut.store(is_cut, Ordering::Release);
    }

    /// A call over this way; a node that is cut off hears nothing, and nothing is heard of it.
    async fn call<T>(
        &self,
        change: impl FnOnce(&mut State, Instant) -> T,
    ) -> Result<T, RegistryError> {
        tokio::task::yield_now().await;
        if self.is_cut.load(Ordering::Acquire) {
            tokio::time::sleep(Duration::from_millis(20)).await;
            return Err(RegistryError {
                operation: "hear",
                detail: "the way is cut".to_owned(),
            });
        }
        Ok(self.shelf.change(change))
    }
}

#[async_trait]
impl Registry for Way {
    async fn lease(&self) -> Result<Lease, RegistryError> {
        let ttl = self.shelf.ttl;
        self.call(|state, now| {
            let lease = Lease(i64::from(fastrand::i32(..)));
            state.leases.insert(lease, now + ttl);
            lease
        })
        .await
    }

    async fn renew(&self, lease: Lease) -> Result<bool, RegistryError> {
        let ttl = self.shelf.ttl;
        self.call(|state, now| {
            let until = state.leases.get_mut(&lease);
            until.map(|until| *until = now + ttl).is_some()
        })
        .await
    }

    async fn revoke(&self, lease: Lease) -> Result<(), RegistryError> {
        self.call(|state, _| state.leases.retain(|one, _| *one != lease))
            .await
    }

    async fn join(
        &self,
        lease: Lease,
        card: &Card,
    ) -> Result<Option<(Card, Lease)>, RegistryError> {
        self.call(|state, _| {
            let there = state.seen.nodes.get(&card.name).cloned();
            if there.is_none() {
                let own = (card.clone(), lease);
                state.seen.nodes.insert(card.name.clone(), own);
            }
            there
        })
        .await
    }

    async fn part(&self, name: &NodeName) -> Result<(), RegistryError> {
        self.call(|state, _| drop(state.seen.nodes.remove(name)))
            .await
    }

    async fn claim(
        &self,
        lease: Lease,
        tenant: &TenantName,
        name: &NodeName,
    ) -> Result<Option<Epoch>, RegistryError> {
        self.call(|state, _| {
            if let Some(owner) = state.seen.owners.get(tenant) {
                return (owner.lease == lease).then_some(owner.epoch);
            }
            if !state.leases.contains_key(&lease) {
                return None;
            }
            state.seen.revision += 1;
            let owner = Owner {
                node: name.clone(),
                epoch: Epoch(state.seen.revision),
                lease,
            };
            state.seen.owners.insert(tenant.clone(), owner);
            Some(Epoch(state.seen.revision))
        })
        .await
    }

    async fn release(&self, tenant: &TenantName, epoch: Epoch) -> Result<(), RegistryError> {
        self.call(|state, _| {
            let is_it = state
                .seen
                .owners
                .get(tenant)
                .is_some_and(|owner| owner.epoch == epoch);
            if is_it {
                state.seen.owners.remove(tenant);
            }
        })
        .await
    }

    fn seen(&self) -> watch::Receiver<Seen> {
        self.shelf.seen.subscribe()
    }
}
