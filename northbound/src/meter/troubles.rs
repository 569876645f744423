//! Why readings are missing, tenant by tenant: told once in the service's log, and shown with the tenant's alarms for as
//! long as it lasts.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use controller::id::TenantName;

/// What nobody has said again for so long is of a tenant that is gone: longer than the longest tick.
const KEPT: Duration = Duration::from_hours(1);

/// What keeps meters from reading. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Troubles(Arc<Mutex<BTreeMap<TenantName, BTreeMap<&'static str, Told>>>>);

#[derive(Debug)]
struct Told {
    what: Vec<String>,
    at: Instant,
}

impl Troubles {
    /// From now on this, and nothing else, is wrong with one meter of a tenant's.
    pub(crate) fn set(&self, tenant: &TenantName, meter: &'static str, what: Vec<String>) {
        let now = Instant::now();
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for of_tenant in all.values_mut() {
            of_tenant.retain(|_, told| now.saturating_duration_since(told.at) < KEPT);
        }
        all.retain(|_, of_tenant| !of_tenant.is_empty());
        let before = all.get(tenant).and_then(|of_tenant| of_tenant.get(meter));
        let before = before.map(|told| &*told.what).unwrap_or_default();
        for trouble in what.iter().filter(|trouble| !before.contains(trouble)) {
            tracing::warn!(%tenant, meter, trouble, "readings are missing");
        }
        if what.is_empty() {
            if !before.is_empty() {
                tracing::info!(%tenant, meter, "readings are there again");
            }
            if let Some(of_tenant) = all.get_mut(tenant) {
                of_tenant.remove(meter);
            }
            return;
        }
        let told = Told { what, at: now };
        all.entry(tenant.clone()).or_default().insert(meter, told);
    }

    /// All that is wrong now for a tenant.
    pub fn of(&self, tenant: &TenantName) -> Vec<String> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let of_tenant = all.get(tenant).into_iter().flatten();
        of_tenant.flat_map(|(_, told)| told.what.clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trouble_lasts_until_its_own_meter_says_otherwise() {
        let troubles = Troubles::default();
        let (demo, other) = ("demo".parse().unwrap(), "other".parse().unwrap());

        troubles.set(&demo, "prometheus", vec!["it is away".to_owned()]);
        troubles.set(&demo, "access log", vec!["it is stale".to_owned()]);
        troubles.set(&demo, "access log", Vec::new());

        assert_eq!(troubles.of(&demo), ["it is away"]);
        assert_eq!(troubles.of(&other), Vec::<String>::new());
    }
}
