//! Google Compute Engine as a cloud: instances in the zones of one region of one project.
//!
//! ```text
//!   controller ─► Southbound ─► launch, rest, checkup ─► api ─► one request each, no retries
//!                 Site       ─► site                 ─┘   └─► operations, looked at until they end
//!                                convert: pure          error: reason or code ─► what to do next
//! ```
//!
//! What makes a launch happen once (I8):
//!
//! 1. The name is derived from the intent, and unique in its project and zone: two instances at once cannot be.
//! 2. The request id is derived from the intent, and Google answers a repeated one with the operation it made then, for an hour.
//! 3. Operations are kept for two weeks: before an insert it is asked what the tries before have come to. Where one succeeded and
//!    the instance is not there, it was removed, and is not made again. Where all failed, the next try has the next request id,
//!    since the old one would only bring the old failure back.
//!
//! Neither needs the other to be fresh: where the list of operations lags, the request id is the old one, and nothing new is made.
//!
//! A call that is accepted is an operation, which can fail later. Until it has ended, nothing that goes wrong says that nothing was
//! made, so it is told as `Unreachable`, whatever it was.

mod api;
mod catalog;
mod checkup;
mod convert;
mod credentials;
mod error;
mod launch;
mod network_api;
mod rest;
mod settings;
mod site;
mod site_convert;

use std::sync::Arc;

use async_trait::async_trait;
use controller::id::{ProviderId, TenantName};
use controller::ports::{Checkup, CloudError, CloudErrorKind, InstanceSeen, Launch, Southbound};
use tokio::sync::OnceCell;

pub use settings::{Bounds, Credentials, Gateway, Network, Rest, Settings, Source, Template};

use api::Compute;
use error::Trouble;

/// One project and region of Compute Engine.
#[derive(Debug)]
pub struct GcpCloud {
    settings: Arc<Settings>,
    /// Made with the first call that can: a service starts also where credentials are not in order yet.
    compute: OnceCell<Compute>,
}

impl GcpCloud {
    /// Asks nobody. `Rejected` where the settings make no sense, with everything that is wrong with them.
    pub fn open(settings: Settings) -> Result<Self, CloudError> {
        let wrong = settings.check();
        if !wrong.is_empty() {
            let trouble = Trouble::new(CloudErrorKind::Rejected, wrong.join("; "));
            return Err(trouble.at(&settings.cloud, "be opened".to_owned()));
        }
        Ok(Self {
            settings: Arc::new(settings),
            compute: OnceCell::new(),
        })
    }

    async fn compute(&self) -> Result<&Compute, Trouble> {
        self.compute
            .get_or_try_init(|| Compute::open(&self.settings))
            .await
    }

    async fn seen(&self, tenant: &TenantName) -> Result<Vec<InstanceSeen>, Trouble> {
        let filter = convert::tenant_filter(&self.settings, tenant);
        let found = self.compute().await?.instances(&filter).await?;
        let ours = found
            .iter()
            .filter_map(|each| convert::seen(&self.settings, tenant, each));
        let mut seen: Vec<InstanceSeen> = ours.collect();
        seen.sort_by_key(|each| each.id);
        Ok(seen)
    }
}

#[async_trait]
impl Southbound for GcpCloud {
    async fn list(&self, tenant: &TenantName) -> Result<Vec<InstanceSeen>, CloudError> {
        let seen = self.seen(tenant).await;
        seen.map_err(|trouble| trouble.at(&self.settings.cloud, "list instances".to_owned()))
    }

    async fn launch(&self, launch: &Launch) -> Result<InstanceSeen, CloudError> {
        let made = self.make(launch).await;
        made.map_err(|trouble| {
            trouble.at(
                &self.settings.cloud,
                format!("launch {}", launch.instance.id),
            )
        })
    }

    async fn terminate(&self, tenant: &TenantName, id: &ProviderId) -> Result<(), CloudError> {
        let removed = self.unmake(tenant, id).await;
        removed.map_err(|trouble| trouble.at(&self.settings.cloud, format!("terminate {id}")))
    }

    async fn suspend(&self, tenant: &TenantName, id: &ProviderId) -> Result<(), CloudError> {
        let resting = self.lay_down(tenant, id).await;
        resting.map_err(|trouble| trouble.at(&self.settings.cloud, format!("suspend {id}")))
    }

    async fn resume(&self, tenant: &TenantName, id: &ProviderId) -> Result<(), CloudError> {
        let running = self.wake_up(tenant, id).await;
        running.map_err(|trouble| trouble.at(&self.settings.cloud, format!("resume {id}")))
    }

    async fn checkup(&self) -> Checkup {
        checkup::checkup(self).await
    }
}
