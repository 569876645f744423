//! What was launched a moment ago. EC2 may not show it yet; to anybody who asks for it by name it looks like one that never was.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use controller::id::ProviderId;

/// Longer than any lag that EC2 has been seen with. A service that is restarted within it forgets; what it then takes for gone
/// turns up in a listing and is removed as a stray.
const LAG: Duration = Duration::from_mins(5);

/// The instances that were launched within the lag.
#[derive(Debug, Default)]
pub(crate) struct Fresh(Mutex<BTreeMap<ProviderId, Instant>>);

impl Fresh {
    /// It was launched now; what was long ago is forgotten.
    pub(crate) fn note(&self, id: ProviderId, now: Instant) {
        let mut launched = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        launched.retain(|_, since| now.saturating_duration_since(*since) < LAG);
        launched.insert(id, now);
    }

    /// Whether it may exist without being shown.
    pub(crate) fn is_fresh(&self, id: &ProviderId, now: Instant) -> bool {
        let launched = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let since = launched.get(id);
        since.is_some_and(|since| now.saturating_duration_since(*since) < LAG)
    }
}
