//! Which bug is on in this thread, and what some bugs have to remember that the code without them does not.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use super::Bug;
use crate::id::{Epoch, TenantName};
use crate::network::NetworkPlan;

#[derive(Debug, Default)]
struct Memory {
    on: Option<Bug>,
    highest: BTreeMap<TenantName, Epoch>,
    /// Of each controller: a tenant is taken up under a new epoch each time.
    applied: BTreeMap<(TenantName, Epoch), NetworkPlan>,
    failed: BTreeSet<(TenantName, Epoch)>,
}

thread_local! {
    static MEMORY: RefCell<Memory> = RefCell::default();
}

/// A bug is on for as long as this lives; what was remembered before is there again afterwards.
#[derive(Debug)]
pub(super) struct Switch(Memory);

impl Switch {
    pub(super) fn turn(bug: Option<Bug>) -> Self {
        let fresh = Memory {
            on: bug,
            ..Memory::default()
        };
        Self(MEMORY.replace(fresh))
    }
}

impl Drop for Switch {
    fn drop(&mut self) {
        MEMORY.set(std::mem::take(&mut self.0));
    }
}

pub(super) fn on() -> Option<Bug> {
    MEMORY.with_borrow(|memory| memory.on)
}

/// The highest epoch that anybody here has had for a tenant: nobody refuses it.
pub(crate) fn highest(tenant: &TenantName, epoch: Epoch) -> Epoch {
    MEMORY.with_borrow_mut(|memory| {
        let highest = memory.highest.entry(tenant.clone()).or_default();
        *highest = epoch.max(*highest);
        *highest
    })
}

/// The controller of this epoch has applied this plan.
pub(crate) fn remember_applied(epoch: Epoch, plan: &NetworkPlan) {
    let key = (plan.tenant.clone(), epoch);
    MEMORY.with_borrow_mut(|memory| memory.applied.insert(key, plan.clone()));
}

/// Whether this is the plan that the controller of this epoch has applied last.
pub(crate) fn was_applied(epoch: Epoch, plan: &NetworkPlan) -> bool {
    let key = (plan.tenant.clone(), epoch);
    MEMORY.with_borrow(|memory| memory.applied.get(&key) == Some(plan))
}

/// An apply of the controller of this epoch has failed.
pub(crate) fn remember_failed(epoch: Epoch, plan: &NetworkPlan) {
    let key = (plan.tenant.clone(), epoch);
    MEMORY.with_borrow_mut(|memory| memory.failed.insert(key));
}

/// Whether one has failed before.
pub(crate) fn has_failed(epoch: Epoch, plan: &NetworkPlan) -> bool {
    let key = (plan.tenant.clone(), epoch);
    MEMORY.with_borrow(|memory| memory.failed.contains(&key))
}
