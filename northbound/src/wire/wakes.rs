//! Who to wake when something has happened.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use controller::drive::Wake;
use controller::id::TenantName;

/// The bell of every tenant's loop. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Wakes {
    bells: Arc<RwLock<BTreeMap<TenantName, Arc<Wake>>>>,
}

impl Wakes {
    /// This bell is the tenant's from now on.
    pub fn hang(&self, tenant: &TenantName, bell: Arc<Wake>) {
        let mut bells = self.bells.write().unwrap_or_else(PoisonError::into_inner);
        bells.insert(tenant.clone(), bell);
    }

    /// The tenant has no bell any more.
    pub fn take_down(&self, tenant: &TenantName) {
        let mut bells = self.bells.write().unwrap_or_else(PoisonError::into_inner);
        bells.remove(tenant);
    }

    /// The tenant's next tick is now. Nothing where nobody listens.
    pub fn ring(&self, tenant: &TenantName) {
        let bells = self.bells.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(bell) = bells.get(tenant) {
            bell.wake();
        }
    }

    /// Every tenant's next tick is now.
    pub fn ring_all(&self) {
        let bells = self.bells.read().unwrap_or_else(PoisonError::into_inner);
        for bell in bells.values() {
            bell.wake();
        }
    }

    /// The tenant's loop ends after its tick.
    pub fn stop(&self, tenant: &TenantName) {
        let bells = self.bells.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(bell) = bells.get(tenant) {
            bell.stop();
        }
    }

    /// Every loop ends after its tick.
    pub fn stop_all(&self) {
        let bells = self.bells.read().unwrap_or_else(PoisonError::into_inner);
        for bell in bells.values() {
            bell.stop();
        }
    }
}
