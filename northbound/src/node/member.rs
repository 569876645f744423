//! The life of a node among others: it keeps one lease, shows itself under it, and takes and leaves tenants under it.
//!
//! ```text
//!            ┌──────────────────────────────────────────────────────────────┐
//!            ▼                                                              │
//!   join: a lease, a card ──► look after tenants, renewing at TTL/3 ──► the lease is over: everything is given up
//!                                   │
//!                                   └──► told to stop: no card; each tenant once its tick has ended; no lease
//! ```
//!
//! While the store cannot be reached nothing is taken or left; [`Tenure`] alone says whether a node may still act.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use controller::id::TenantName;
use controller::ports::StoreError;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::registry::{Card, Lease, Registry, RegistryError};
use super::{Roster, Tenure, Uptime};

mod rounds;

use rounds::Done;

/// A store that did not do as asked is asked again after this long.
const AGAIN: Duration = Duration::from_millis(250);
/// Whether a name that another node has is free by now is asked again after this long.
const TAKEN_AGAIN: Duration = Duration::from_secs(5);
/// Changes of the keys come in heaps; this long is waited for the rest of one.
const HEAP: Duration = Duration::from_millis(10);

/// What a node looks after tenants with: the service's loops.
#[async_trait]
pub trait Duty: Send + Sync {
    /// Every tenant that there is, as this node knows it.
    async fn tenants(&self) -> Result<BTreeSet<TenantName>, StoreError>;

    /// The tenant is looked after from now on; nothing new where it is already.
    async fn begin(&self, tenant: &TenantName);

    /// The tick that goes on is the tenant's last here; returns once it has ended.
    async fn end(&self, tenant: &TenantName);
}

/// One node.
pub struct Member {
    registry: Arc<dyn Registry>,
    duty: Arc<dyn Duty>,
    card: Card,
    tenure: Tenure,
    roster: Roster,
    /// Tenants that are being taken or left.
    busy: BTreeSet<TenantName>,
    at_work: JoinSet<Done>,
    /// Since when the key of a tenant that is ours is missed.
    missed: BTreeMap<TenantName, Uptime>,
    /// Since when our own card is missed.
    card_missed: Option<Uptime>,
}

/// Why a node looks after its tenants no longer.
enum Over {
    Lost,
    Stopped,
}

impl std::fmt::Debug for Member {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Member")
            .field("card", &self.card)
            .finish_non_exhaustive()
    }
}

impl Member {
    /// One that shows this card.
    pub fn new(
        registry: Arc<dyn Registry>,
        duty: Arc<dyn Duty>,
        card: Card,
        tenure: Tenure,
    ) -> Self {
        Self {
            registry,
            duty,
            card,
            tenure,
            roster: Roster::default(),
            busy: BTreeSet::new(),
            at_work: JoinSet::new(),
            missed: BTreeMap::new(),
            card_missed: None,
        }
    }

    /// Looks after tenants until `stop` says so, and has left all of them then. `news` changes whenever there may be tenants that
    /// were not there before.
    pub async fn run(mut self, mut news: watch::Receiver<u64>, mut stop: watch::Receiver<bool>) {
        loop {
            let Some(lease) = self.join(&mut stop).await else {
                return;
            };
            let over = self.look_after(lease, &mut news, &mut stop).await;
            match over {
                Over::Stopped => {
                    self.leave(lease).await;
                    return;
                }
                Over::Lost => self.give_up().await,
            }
        }
    }

    /// A lease, and the card under it. `None` where it was told to stop meanwhile.
    async fn join(&mut self, stop: &mut watch::Receiver<bool>) -> Option<Lease> {
        loop {
            let tried = tokio::select! {
                _ = stop.wait_for(|is_stopped| *is_stopped) => return None,
                tried = self.try_join() => tried,
            };
            match tried {
                Ok(Some(lease)) => {
                    tracing::info!(node = %self.card.name, "joined the others");
                    return Some(lease);
                }
                Ok(None) => {}
                Err(error) => tracing::warn!(%error, "not among the others yet; tried again"),
            }
            tokio::time::sleep(AGAIN).await;
        }
    }

    async fn try_join(&self) -> Result<Option<Lease>, RegistryError> {
        let asked = Uptime::now();
        let lease = self.registry.lease().await?;
        let there = self.registry.join(lease, &self.card).await?;
        let Some((card, before)) = there.filter(|(_, before)| *before != lease) else {
            self.tenure.renewed(asked);
            return Ok(Some(lease));
        };
        // The lock on the state directory is ours, so whoever had it is dead: its tenants need not wait for its lease to end.
        if (&card.host, &card.state) == (&self.card.host, &self.card.state) {
            self.registry.revoke(before).await?;
            self.registry.revoke(lease).await?;
            return Ok(None);
        }
        tracing::error!(
            node = %card.name, host = card.host, state = %card.state.display(),
            "another node has this name; give one of them another (`store.etcd.node` in asaas.yml)"
        );
        self.registry.revoke(lease).await?;
        tokio::time::sleep(TAKEN_AGAIN).await;
        Ok(None)
    }

    /// Takes and leaves tenants, as nodes come and go, until that is over.
    async fn look_after(
        &mut self,
        lease: Lease,
        news: &mut watch::Receiver<u64>,
        stop: &mut watch::Receiver<bool>,
    ) -> Over {
        let mut seen = self.registry.seen();
        let renewing = renew(Arc::clone(&self.registry), lease, self.tenure.clone());
        let mut renewing = std::pin::pin!(renewing);
        let mut again = Duration::ZERO;
        loop {
            tokio::select! {
                biased;
                () = &mut renewing => return Over::Lost,
                _ = stop.wait_for(|is_stopped| *is_stopped) => return Over::Stopped,
                Some(done) = self.at_work.join_next() => self.note(done),
                Ok(()) = seen.changed() => {}
                Ok(()) = news.changed() => {}
                () = tokio::time::sleep(again) => {}
            }
            tokio::time::sleep(HEAP).await;
            while let Some(done) = self.at_work.try_join_next() {
                self.note(done);
            }
            seen.mark_unchanged();
            news.mark_unchanged();
            again = match self.duty.tenants().await {
                Ok(tenants) => {
                    let keys = seen.borrow().clone();
                    self.round(lease, &keys, &tenants).await
                }
                Err(error) => {
                    tracing::warn!(%error, "who the tenants are is not known; nothing is taken or left");
                    AGAIN
                }
            };
        }
    }

    fn note(&mut self, done: Result<Done, tokio::task::JoinError>) {
        match done {
            Ok(Done::Taken(tenant) | Done::Left(tenant)) => {
                self.busy.remove(&tenant);
            }
            Ok(Done::Shown) => {}
            // Which one it was is not told; the next round finds out.
            Err(_) => self.busy.clear(),
        }
    }

    /// The lease is over: others take what was ours, and no loop of an old epoch goes on beside one of a new one.
    async fn give_up(&mut self) {
        let owned = self.tenure.owned();
        tracing::warn!(node = %self.card.name, tenants = owned.len(), "the lease is over: everything is given up");
        self.tenure.lost();
        self.finish_work().await;
        let ends = owned.keys().map(|tenant| self.duty.end(tenant));
        futures_util::future::join_all(ends).await;
        // A tenant that was being taken meanwhile was ours for a moment, under a lease that is over.
        let late: Vec<TenantName> = self.tenure.owned().into_keys().collect();
        self.tenure.lost();
        futures_util::future::join_all(late.iter().map(|tenant| self.duty.end(tenant))).await;
        self.missed.clear();
        self.card_missed = None;
        self.roster = Roster::default();
    }

    async fn finish_work(&mut self) {
        while self.at_work.join_next().await.is_some() {}
        self.busy.clear();
    }

    /// Leaves every tenant as soon as its tick has ended, and the others know at once whom not to wait for. The lease is kept
    /// until the last is left.
    async fn leave(&mut self, lease: Lease) {
        if let Err(error) = self.registry.part(&self.card.name).await {
            tracing::warn!(%error, "the others are not told that this node goes");
        }
        let renewing = renew(Arc::clone(&self.registry), lease, self.tenure.clone());
        let tenure = self.tenure.clone();
        let leaving = async {
            self.finish_work().await;
            for (tenant, epoch) in tenure.owned() {
                self.at_work.spawn(self.letting_go(tenant, epoch));
            }
            self.finish_work().await;
        };
        tokio::select! {
            () = renewing => {}
            () = leaving => {}
        }
        self.tenure.lost();
        match self.registry.revoke(lease).await {
            Ok(()) => tracing::info!(node = %self.card.name, "left the others"),
            Err(error) => tracing::warn!(%error, "the lease ends by itself"),
        }
    }
}

/// Keeps a lease alive; returns once it is over. Whoever cannot tell goes on asking: that the lease may be over is the tenure's
/// business, which counts from the last time that it surely was not.
async fn renew(registry: Arc<dyn Registry>, lease: Lease, tenure: Tenure) {
    loop {
        let asked = Uptime::now();
        let pause = match registry.renew(lease).await {
            Ok(true) => {
                tenure.renewed(asked);
                tenure.ttl() / 3
            }
            Ok(false) => return,
            Err(error) => {
                tracing::warn!(%error, "the lease was not renewed; tried again");
                AGAIN
            }
        };
        let next = pause.saturating_sub(Uptime::now().since(asked));
        tokio::time::sleep(next.max(AGAIN / 4)).await;
    }
}
