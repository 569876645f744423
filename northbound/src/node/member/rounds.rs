//! One look over the keys: which tenants a node takes, which it leaves, and whether what it does is what the keys say.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use controller::id::{Epoch, TenantName};

use super::{AGAIN, Member};
use crate::node::registry::{Lease, Seen};
use crate::node::{STEADY, Uptime};

/// So many tenants are taken at the same time, and so many left.
const TAKEN_AT_ONCE: usize = 64;
const LEFT_AT_ONCE: usize = 8;
/// All is looked over this often even if nothing seems to have changed.
const ROUND: Duration = Duration::from_secs(5);
/// A key that should be there and is not was lost if it does not come within this.
const LOST: Duration = Duration::from_secs(5);

/// What has come of taking or leaving a tenant.
pub(super) enum Done {
    Taken(TenantName),
    Left(TenantName),
    /// Of showing the card again.
    Shown,
}

impl Member {
    /// Does what is to be done by these keys; how long until there may be more.
    pub(super) async fn round(
        &mut self,
        lease: Lease,
        seen: &Seen,
        tenants: &BTreeSet<TenantName>,
    ) -> Duration {
        let now = Uptime::now();
        self.see(seen, tenants, now);
        self.mend(lease, seen, tenants, now).await;
        self.show(lease, seen, now);
        let moves = self.roster.moves(&self.card.name, now);
        let mut wait = moves.again.unwrap_or(ROUND).min(ROUND);
        for tenant in moves.take {
            if self.tenure.epoch(&tenant).is_some() || self.busy.contains(&tenant) {
                continue;
            }
            if self.at_work.len() >= TAKEN_AT_ONCE {
                wait = wait.min(AGAIN);
                break;
            }
            self.take(lease, tenant);
        }
        for tenant in moves.leave {
            let Some(epoch) = self.tenure.epoch(&tenant) else {
                continue;
            };
            if self.at_work.len() >= LEFT_AT_ONCE {
                break;
            }
            if self.busy.insert(tenant.clone()) {
                self.at_work.spawn(self.letting_go(tenant, epoch));
            }
        }
        wait
    }

    /// Brings what is known of the others up to these keys.
    fn see(&mut self, seen: &Seen, tenants: &BTreeSet<TenantName>, now: Uptime) {
        let gone: Vec<_> = self
            .roster
            .live()
            .filter(|node| !seen.nodes.contains_key(*node))
            .cloned()
            .collect();
        for node in gone {
            tracing::info!(%node, "a node is gone");
            self.roster.went(&node, now);
        }
        // Those that were there before us have been there for long enough; and so has whoever is alone.
        let is_first = self.roster.live().next().is_none();
        for node in seen.nodes.keys() {
            let is_older = is_first && (*node != self.card.name || seen.nodes.len() == 1);
            let since = if is_older { now - STEADY } else { now };
            self.roster.came(node.clone(), since);
        }
        let freed: Vec<_> = self
            .roster
            .owners()
            .map(|(tenant, _)| tenant)
            .filter(|tenant| !seen.owners.contains_key(*tenant))
            .cloned()
            .collect();
        for tenant in freed {
            self.roster.freed(&tenant, now);
        }
        for (tenant, owner) in &seen.owners {
            self.roster.owned(tenant.clone(), owner.node.clone(), now);
        }
        self.roster.tenants(tenants, now);
    }

    /// Sees that what we look after and what the keys say is the same: an answer may have been lost, or a key removed by hand.
    async fn mend(
        &mut self,
        lease: Lease,
        seen: &Seen,
        tenants: &BTreeSet<TenantName>,
        now: Uptime,
    ) {
        for (tenant, owner) in seen.owners.iter().filter(|(_, owner)| owner.lease == lease) {
            if self.tenure.epoch(tenant).is_none() && !self.busy.contains(tenant) {
                self.tenure.own(tenant.clone(), owner.epoch);
            }
        }
        let owned = self.tenure.owned();
        self.missed.retain(|tenant, _| owned.contains_key(tenant));
        for (tenant, epoch) in owned {
            if self.busy.contains(&tenant) {
                continue;
            }
            let is_there = seen
                .owners
                .get(&tenant)
                .is_some_and(|owner| owner.epoch == epoch);
            let is_late = !is_there && {
                let since = *self.missed.entry(tenant.clone()).or_insert(now);
                now.since(since) >= LOST
            };
            if is_there {
                self.missed.remove(&tenant);
            }
            if is_late {
                tracing::warn!(%tenant, "its key is gone from the store; it is given up");
            }
            if is_late || !tenants.contains(&tenant) {
                self.busy.insert(tenant.clone());
                self.at_work.spawn(self.letting_go(tenant, epoch));
            } else {
                self.duty.begin(&tenant).await;
            }
        }
    }

    /// Sees that our card is there, so that the others know of us: somebody may have removed it by hand.
    fn show(&mut self, lease: Lease, seen: &Seen, now: Uptime) {
        if seen.nodes.contains_key(&self.card.name) {
            self.card_missed = None;
            return;
        }
        let since = *self.card_missed.get_or_insert(now);
        if now.since(since) < LOST {
            return;
        }
        tracing::warn!(node = %self.card.name, "its card is gone from the store; it is put there again");
        self.card_missed = None;
        let (registry, card) = (Arc::clone(&self.registry), self.card.clone());
        self.at_work.spawn(async move {
            if let Err(error) = registry.join(lease, &card).await {
                tracing::warn!(%error, "the card is not there yet; tried again");
            }
            Done::Shown
        });
    }

    fn take(&mut self, lease: Lease, tenant: TenantName) {
        self.busy.insert(tenant.clone());
        let (registry, duty) = (Arc::clone(&self.registry), Arc::clone(&self.duty));
        let (tenure, name) = (self.tenure.clone(), self.card.name.clone());
        self.at_work.spawn(async move {
            match registry.claim(lease, &tenant, &name).await {
                Ok(Some(epoch)) => {
                    tracing::info!(%tenant, %epoch, "taken");
                    tenure.own(tenant.clone(), epoch);
                    duty.begin(&tenant).await;
                }
                Ok(None) => {}
                Err(error) => {
                    tracing::warn!(%tenant, %error, "not taken yet");
                    tokio::time::sleep(AGAIN).await;
                }
            }
            Done::Taken(tenant)
        });
    }

    /// Leaves a tenant to somebody else, once its tick has ended.
    pub(super) fn letting_go(
        &self,
        tenant: TenantName,
        epoch: Epoch,
    ) -> impl Future<Output = Done> + Send + use<> {
        let (registry, duty) = (Arc::clone(&self.registry), Arc::clone(&self.duty));
        let tenure = self.tenure.clone();
        async move {
            duty.end(&tenant).await;
            tenure.disown(&tenant);
            match registry.release(&tenant, epoch).await {
                Ok(()) => tracing::info!(%tenant, %epoch, "left to another node"),
                // Nobody acts for it until our lease ends, or the next round takes it up again.
                Err(error) => {
                    tracing::warn!(%tenant, %error, "left, and its key could not be removed");
                    tokio::time::sleep(AGAIN).await;
                }
            }
            Done::Left(tenant)
        }
    }
}
