//! What a node knows of its right to act, without asking anybody. Not for how it comes by that right.
//!
//! A node keeps one lease in the store alive, and owns tenants under it. Once the lease has run out, others take them up; so a
//! node that could not renew it stops acting while there is still time: at two thirds of it, counted from when it *asked* for
//! the last renewal that was granted, by a clock that nobody sets and that goes on while the machine sleeps.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use controller::id::{Epoch, TenantName};

use super::Uptime;

/// The tenants that a node owns, and until when it may act for them. Clones share it.
#[derive(Debug, Clone)]
pub struct Tenure {
    state: Arc<Mutex<State>>,
    ttl: Duration,
}

#[derive(Debug)]
struct State {
    acts_until: Option<Uptime>,
    owned: BTreeMap<TenantName, Epoch>,
}

impl Tenure {
    /// One who owns nothing, under leases that the store ends after `ttl`.
    pub fn new(ttl: Duration) -> Self {
        let state = State {
            acts_until: None,
            owned: BTreeMap::new(),
        };
        Self {
            state: Arc::new(Mutex::new(state)),
            ttl,
        }
    }

    /// How long the leases are.
    pub fn ttl(&self) -> Duration {
        self.ttl
    }

    /// A panic elsewhere leaves the state whole: every change is one assignment.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The store has renewed the lease, asked for at `asked`.
    pub fn renewed(&self, asked: Uptime) {
        self.state().acts_until = Some(asked + self.ttl * 2 / 3);
    }

    /// The lease is gone, and with it every tenant.
    pub fn lost(&self) {
        let mut state = self.state();
        state.acts_until = None;
        state.owned.clear();
    }

    /// The tenant is this node's.
    pub fn own(&self, tenant: TenantName, epoch: Epoch) {
        self.state().owned.insert(tenant, epoch);
    }

    /// The tenant is this node's no more.
    pub fn disown(&self, tenant: &TenantName) {
        self.state().owned.remove(tenant);
    }

    /// The tenants that are this node's, and since when.
    pub fn owned(&self) -> BTreeMap<TenantName, Epoch> {
        self.state().owned.clone()
    }

    /// Under which epoch this node owns the tenant; `None` where it does not.
    pub fn epoch(&self, tenant: &TenantName) -> Option<Epoch> {
        self.state().owned.get(tenant).copied()
    }

    /// Whether this node may act for the tenant at `now` under this epoch.
    pub fn holds(&self, tenant: &TenantName, epoch: Epoch, now: Uptime) -> bool {
        let state = self.state();
        state.acts_until.is_some_and(|until| now < until) && state.owned.get(tenant) == Some(&epoch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TTL: Duration = Duration::from_secs(6);

    fn owner(asked: Uptime) -> (Tenure, TenantName) {
        let (tenure, demo) = (Tenure::new(TTL), "demo".parse().unwrap());
        tenure.renewed(asked);
        tenure.own("demo".parse().unwrap(), Epoch(7));
        (tenure, demo)
    }

    // I9
    #[test]
    fn a_node_stops_acting_at_two_thirds_of_its_lease() {
        let asked = Uptime::now();
        let (tenure, demo) = owner(asked);
        let after = |seconds| asked + Duration::from_millis(seconds);

        assert!(tenure.holds(&demo, Epoch(7), after(3_999)));
        assert!(!tenure.holds(&demo, Epoch(7), after(4_000)));
        tenure.renewed(after(3_000));
        assert!(tenure.holds(&demo, Epoch(7), after(6_999)));
    }

    // I9
    #[test]
    fn nobody_acts_for_a_tenant_of_another_epoch_or_after_the_lease_was_lost() {
        let now = Uptime::now();
        let (tenure, demo) = owner(now);

        assert!(!tenure.holds(&demo, Epoch(6), now));
        assert!(tenure.holds(&demo, Epoch(7), now));
        tenure.lost();
        assert!(!tenure.holds(&demo, Epoch(7), now));
        tenure.renewed(now);
        assert_eq!(tenure.epoch(&demo), None);
    }
}
