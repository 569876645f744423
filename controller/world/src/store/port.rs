//! The store as a node reaches it. What was not committed when a node dies is lost; what was committed may never be told.

use async_trait::async_trait;
use controller::id::{Epoch, TenantName};
use controller::instance::Instance;
use controller::journal::{Entry, Event};
use controller::ports::{Footing, Store, StoreError, StoreErrorKind, TenantState, Wish};
use controller::time::Now;
use jiff::SignedDuration;

use super::lease;
use crate::chaos::brink;
use crate::fault::Fault;
use crate::moment::{MILLI, SECOND, Span};
use crate::seat::Seat;

/// A store that cannot be reached says so after this long.
const PATIENCE: Span = 2 * SECOND;

fn error(kind: StoreErrorKind, operation: &'static str, detail: &str) -> StoreError {
    StoreError {
        kind,
        operation,
        detail: detail.to_owned(),
    }
}

fn refused(operation: &'static str) -> impl Fn(StoreErrorKind) -> StoreError {
    move |kind| error(kind, operation, "it is another's")
}

/// What becomes of a commit.
struct Fate {
    takes: Span,
    fails: bool,
    is_lost: bool,
}

impl Seat {
    async fn reach(&self, operation: &'static str) -> Result<(), StoreError> {
        if let Err(kind) = lease::reaches(self) {
            self.sleep(PATIENCE).await;
            return Err(error(kind, operation, "it cannot be reached"));
        }
        Ok(())
    }

    fn fate(&self, tenant: usize) -> Fate {
        let truth = &mut *self.truth();
        let is_full = truth.store.moods.is_on(Fault::DiskFull, truth.now);
        let is_shared = truth.is_shared();
        let chance = &mut truth.tenants[tenant].chances.store;
        let mut takes = chance.u64(MILLI..if is_shared { 40 * MILLI } else { 8 * MILLI });
        if truth.faults.strikes(Fault::SlowCommit, 0.003, chance) {
            takes += chance.u64(SECOND..6 * SECOND);
        }
        let fails = truth.faults.strikes(Fault::CommitFails, 0.005, chance);
        let is_lost = truth.faults.strikes(Fault::CommitReplyLost, 0.005, chance);
        Fate {
            takes,
            fails: fails || is_full,
            is_lost,
        }
    }

    /// What is wanted, as it was heard last: a store that is shared tells of changes, as long as it is reached.
    fn at_hand(&self, tenant: usize) -> Option<Wish> {
        let truth = &mut *self.truth();
        let is_reached = lease::reaches_now(truth, self.node);
        let now = truth.tenants[tenant].kept.wish.clone();
        let heard = &mut truth.nodes[self.node].wishes;
        if is_reached {
            heard.insert(tenant, now);
        }
        heard.get(&tenant).cloned().flatten()
    }

    fn cannot_be_read(&self) -> bool {
        let truth = &*self.truth();
        truth.store.moods.is_on(Fault::ReadFails, truth.now)
    }
}

#[async_trait]
impl Store for Seat {
    async fn load(
        &self,
        tenant: &TenantName,
        history: SignedDuration,
    ) -> Result<Option<TenantState>, StoreError> {
        let index = self.tenant(tenant);
        self.reach("load").await?;
        self.sleep(20 * MILLI).await;
        if self.cannot_be_read() {
            return Err(error(StoreErrorKind::Failed, "load", "input/output error"));
        }
        let taken = super::take_up(&mut self.truth(), self.node, index, history);
        taken.map_err(refused("load"))
    }

    async fn wish(&self, tenant: &TenantName) -> Result<Option<Wish>, StoreError> {
        let index = self.tenant(tenant);
        if self.truth().is_shared() {
            return Ok(self.at_hand(index));
        }
        if self.cannot_be_read() {
            self.sleep(5 * MILLI).await;
            return Err(error(StoreErrorKind::Failed, "read", "input/output error"));
        }
        Ok(self.truth().tenants[index].kept.wish.clone())
    }

    fn holds(&self, tenant: &TenantName, epoch: Epoch) -> bool {
        let truth = &*self.truth();
        lease::holds(truth, self.node, truth.tenant(tenant), epoch)
    }

    async fn record(
        &self,
        tenant: &TenantName,
        footing: Footing,
        now: Now,
        instances: &[Instance],
        events: &[Event],
    ) -> Result<Vec<Entry>, StoreError> {
        let index = self.tenant(tenant);
        self.reach("write").await?;
        if instances.is_empty() && events.is_empty() {
            let stands = super::commit(&mut self.truth(), index, footing, now, &[], &[]);
            return stands.map_err(refused("write"));
        }
        let fate = self.fate(index);
        brink(self, index).await;
        self.sleep(fate.takes / 2).await;
        if fate.fails {
            return Err(error(
                StoreErrorKind::Failed,
                "write",
                "no space left on device",
            ));
        }
        let written = if self.truth().is_shared() {
            let (instances, events) = (instances.to_vec(), events.to_vec());
            self.deliver(fate.takes / 2, move |truth| {
                super::commit(truth, index, footing, now, &instances, &events)
            })
            .await
        } else {
            super::commit(&mut self.truth(), index, footing, now, instances, events)
        };
        brink(self, index).await;
        self.sleep(fate.takes / 2).await;
        if fate.is_lost && written.is_ok() {
            let what = "the answer was lost; it may be written";
            return Err(error(StoreErrorKind::Failed, "write", what));
        }
        written.map_err(refused("write"))
    }

    async fn close(
        &self,
        tenant: &TenantName,
        footing: Footing,
        _now: Now,
    ) -> Result<(), StoreError> {
        let index = self.tenant(tenant);
        self.reach("close").await?;
        let fate = self.fate(index);
        self.sleep(fate.takes).await;
        if fate.fails {
            return Err(error(
                StoreErrorKind::Failed,
                "close",
                "no space left on device",
            ));
        }
        let closed = super::close(&mut self.truth(), index, footing);
        closed.map_err(refused("close"))
    }
}
