//! The kernel as a node reaches it: the lock may be held, a command may fail before or after it did its work.

use std::net::Ipv4Addr;

use async_trait::async_trait;
use controller::id::{CloudName, Epoch, TenantName};
use controller::network::{NetworkPlan, NetworkSeen};
use controller::ports::{Dataplane, DataplaneError};

use crate::chaos::brink;
use crate::fault::Fault;
use crate::moment::{MILLI, SECOND, Span};
use crate::rules::acting;
use crate::seat::Seat;

/// `iptables-restore -w` waits for the lock this long.
const LOCK_WAIT: Span = 10 * SECOND;

fn error(
    tenant: &TenantName,
    operation: &'static str,
    detail: impl Into<String>,
) -> DataplaneError {
    DataplaneError {
        tenant: tenant.clone(),
        operation,
        detail: detail.into(),
    }
}

impl Seat {
    /// Waits as long as a command takes; whether it fails, and whether only its answer does.
    async fn command(&self, tenant: usize) -> (Result<(), &'static str>, bool) {
        let (takes, is_locked, fails, is_lost) = {
            let truth = &mut *self.truth();
            let now = truth.now;
            let is_locked = truth.tenants[tenant]
                .network
                .moods
                .is_on(Fault::LockHeld, now);
            let chance = &mut truth.tenants[tenant].chances.kernel;
            let fails = truth.faults.strikes(Fault::ApplyFails, 0.01, chance);
            let is_lost = truth.faults.strikes(Fault::ApplyReplyLost, 0.01, chance);
            (chance.u64(..20 * MILLI), is_locked, fails, is_lost)
        };
        if is_locked {
            self.sleep(LOCK_WAIT).await;
            return (Err("another program holds the lock of the rules"), false);
        }
        brink(self, tenant).await;
        self.sleep(takes).await;
        let outcome = if fails {
            Err("iptables-restore ended with 4")
        } else {
            Ok(())
        };
        (outcome, is_lost)
    }
}

#[async_trait]
impl Dataplane for Seat {
    async fn apply(&self, epoch: Epoch, plan: &NetworkPlan) -> Result<(), DataplaneError> {
        let name = &plan.tenant;
        let tenant = self.tenant(name);
        acting::judge(&mut self.truth(), self.node, tenant);
        let is_there = {
            let truth = &*self.truth();
            let network = &truth.tenants[tenant].network;
            network.flushed.is_none() && network.plan.as_ref() == Some(plan)
        };
        if is_there {
            // Nothing is to be done, so no lock is taken.
            let fenced = super::fence(&mut self.truth(), tenant, epoch);
            return fenced.map_err(|why| error(name, "applied", why));
        }
        let (outcome, is_lost) = self.command(tenant).await;
        outcome.map_err(|why| error(name, "applied", why))?;
        let made = super::apply(&mut self.truth(), self.node, tenant, epoch, plan);
        brink(self, tenant).await;
        self.sleep(5 * MILLI).await;
        made.map_err(|why| error(name, "applied", why))?;
        if is_lost {
            return Err(error(name, "applied", "it could not be read back"));
        }
        Ok(())
    }

    async fn observe(&self, tenant: &TenantName) -> Result<NetworkSeen, DataplaneError> {
        let index = self.tenant(tenant);
        let fails = {
            let truth = &*self.truth();
            let moods = &truth.tenants[index].network.moods;
            moods.is_on(Fault::ObserveFails, truth.now)
        };
        if fails {
            self.sleep(50 * MILLI).await;
            return Err(error(tenant, "observed", "the dump was interrupted"));
        }
        let seen = super::observe(&self.truth(), index);
        // What was seen is a little old when it is told.
        self.sleep(10 * MILLI).await;
        Ok(seen)
    }

    async fn forget(
        &self,
        epoch: Epoch,
        tenant: &TenantName,
        cloud: &CloudName,
        address: Ipv4Addr,
    ) -> Result<(), DataplaneError> {
        let index = self.tenant(tenant);
        acting::judge(&mut self.truth(), self.node, index);
        self.sleep(5 * MILLI).await;
        let truth = &mut *self.truth();
        let chance = &mut truth.tenants[index].chances.kernel;
        if truth.faults.strikes(Fault::ForgetFails, 0.1, chance) {
            return Err(error(tenant, "forgotten", "conntrack ended with 1"));
        }
        super::fence(truth, index, epoch).map_err(|why| error(tenant, "forgotten", why))?;
        truth.tenants[index]
            .network
            .rows
            .remove(&(cloud.clone(), address));
        Ok(())
    }

    async fn destroy(&self, epoch: Epoch, tenant: &TenantName) -> Result<(), DataplaneError> {
        let index = self.tenant(tenant);
        acting::judge(&mut self.truth(), self.node, index);
        let (outcome, _) = self.command(index).await;
        outcome.map_err(|why| error(tenant, "removed", why))?;
        let truth = &mut *self.truth();
        super::fence(truth, index, epoch).map_err(|why| error(tenant, "removed", why))?;
        let network = &mut truth.tenants[index].network;
        network.plan = None;
        network.backends.clear();
        network.flushed = None;
        network.rows.clear();
        Ok(())
    }
}
