//! One change of an instance at a time, within this process.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard};

/// Whose turn it is, by the instance's name. Holds no more names than there are changes going on, and as many again.
#[derive(Debug, Default)]
pub(crate) struct Turns(Mutex<BTreeMap<String, Arc<AsyncMutex<()>>>>);

/// As long as this is held, nobody else of this process changes the instance.
pub(crate) type Turn = OwnedMutexGuard<()>;

impl Turns {
    /// Waits for one's turn.
    pub(crate) async fn take(&self, name: &str) -> Turn {
        self.of(name).lock_owned().await
    }

    /// Takes the turn where nobody has it.
    pub(crate) fn try_take(&self, name: &str) -> Option<Turn> {
        self.of(name).try_lock_owned().ok()
    }

    fn of(&self, name: &str) -> Arc<AsyncMutex<()>> {
        let mut turns = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        turns.retain(|_, turn| Arc::strong_count(turn) > 1);
        Arc::clone(turns.entry(name.to_owned()).or_default())
    }
}
