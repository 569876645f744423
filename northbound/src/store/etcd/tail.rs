//! Keeps the journal's tail in etcd short: as long as a tenant's next owner needs, and a little longer for nodes that were away.

use std::time::{Duration, Instant};

use controller::id::TenantName;
use controller::ports::StoreError;
use controller::time::Now;
use jiff::SignedDuration;

use super::EtcdStore;
use super::draft::Draft;
use super::keys::Key;
use crate::store::sqlite::Needed;

/// Beyond what a decision looks back: a node that was away for less finds what it has missed.
const MARGIN: SignedDuration = SignedDuration::from_mins(30);
/// Each tenant's tail is cut this often.
const EVERY: Duration = Duration::from_mins(5);

impl EtcdStore {
    /// From which entries on the tail is still needed; `None` where it was cut a moment ago.
    pub(super) async fn trim(
        &self,
        tenant: &TenantName,
        now: Now,
    ) -> Result<Option<Needed>, StoreError> {
        let is_due = {
            let mut trimmed = self.trimmed();
            let is_due = trimmed.get(tenant).is_none_or(|at| at.elapsed() >= EVERY);
            if is_due {
                trimmed.insert(tenant.clone(), Instant::now());
            }
            is_due
        };
        if !is_due {
            return Ok(None);
        }
        let needed = self.mirror().needed(tenant, now.steady, MARGIN).await?;
        Ok((needed.journal > 0 || needed.loads > 0).then_some(needed))
    }
}

/// What is older than what is needed goes. All entries of one record are of the same moment, so none of them is cut in two.
pub(super) fn cut(draft: &mut Draft, tenant: &TenantName, needed: Needed) {
    if needed.journal > 0 {
        let of = |seq| Key::Journal(tenant.clone(), seq);
        draft.cut(of(0), of(needed.journal));
    }
    if needed.loads > 0 {
        let of = |seq| Key::Load(tenant.clone(), seq);
        draft.cut(of(0), of(needed.loads));
    }
}
