//! A cloud on this machine: an instance is an OCI container in a network namespace that the [`Cable`] gives, on a
//! copy-on-write root that is gone when the instance is gone, with a directory that all instances of its tenant share.
//!
//! ```text
//!  launch      claim a place ─► mount the root ─► plug the cable ─► run     (any step that fails takes back all before it)
//!  list        the directories that exist, and for each: is anyone in its control group? What was never finished goes.
//!  terminate   end ─► forget the container ─► its control group ─► its root ─► its cable ─► its directory, which becomes its tombstone
//! ```
//!
//! A suspended instance stands still in memory: its control group is frozen, by the runtime.
//!
//! Nothing is kept in memory that matters: what exists is what lies in the state directory, so that a service that was
//! killed, at whichever step, finds everything again. Instances are no children of the service, share no terminal, pipe or
//! process group with it, and are in no control group of it: they outlive it.
//!
//! This module is not for networks: it neither makes nor knows one.

mod api;
mod bundle;
mod cable;
mod cgroup;
mod convert;
mod error;
mod exec;
mod image;
mod making;
mod meter;
mod overlay;
mod place;
mod settings;
mod stray;
mod tombstone;
mod turn;

use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use controller::id::{ProviderId, TenantName};
use controller::ports::{Checkup, CloudError, InstanceSeen, Launch, Southbound};

pub use cable::{Cable, CableError, CableRequest};
pub use meter::LocalMeter;
pub use settings::{LocalSettings, SettingsError, Template};

use error::Trouble;
use place::Place;

/// A local cloud. Its instances outlive it, and any later one with the same settings finds them again.
///
/// Several services of a machine may have it at once, with the same settings: see `turn`. Its calls have to be made within a
/// tokio runtime.
#[derive(Debug)]
pub struct LocalCloud {
    place: Arc<Place>,
}

impl LocalCloud {
    /// A cloud as it is set. Makes its directories, and clears away what removals that were cut short have left.
    pub fn new(settings: LocalSettings, cable: Arc<dyn Cable>) -> Result<Self, SettingsError> {
        settings.check()?;
        let place = Arc::new(Place::new(settings, cable)?);
        Ok(Self { place })
    }

    /// The end of what an instance has written to its standard output and error, `limit` bytes at most: why it did not get
    /// healthy. Empty where it has written nothing, is gone, or is not this tenant's.
    pub fn log_tail(&self, tenant: &TenantName, id: &ProviderId, limit: usize) -> String {
        self.place.log_tail(tenant, id, limit)
    }

    /// The directory that the instances of this tenant share, in all local clouds of the deployment; there or not.
    pub fn shared(&self, tenant: &TenantName) -> PathBuf {
        self.place.shared(tenant)
    }

    /// Removes the directory that the instances of this tenant share, with everything in it: for a tenant that is gone for
    /// good. `Rejected` while it has instances here. `Ok` where there is none.
    pub async fn remove_shared(&self, tenant: &TenantName) -> Result<(), CloudError> {
        let removed = self.place.remove_shared(tenant).await;
        removed.map_err(|trouble| self.error(trouble, "remove the shared directory".to_owned()))
    }

    fn error(&self, trouble: Trouble, operation: String) -> CloudError {
        trouble.at(self.place.cloud(), operation)
    }
}

/// Runs an effect to its end even if the caller goes away in the middle of it.
async fn whole<T: Send + 'static>(
    effect: impl Future<Output = Result<T, Trouble>> + Send + 'static,
) -> Result<T, Trouble> {
    tokio::spawn(effect)
        .await
        .unwrap_or_else(|cause| Err(Trouble::cut_short(&cause)))
}

#[async_trait]
impl Southbound for LocalCloud {
    async fn list(&self, tenant: &TenantName) -> Result<Vec<InstanceSeen>, CloudError> {
        let (place, tenant) = (Arc::clone(&self.place), tenant.clone());
        let listed = whole(async move {
            making::take_back_half_made(&place, &tenant).await?;
            place.list(&tenant).await
        })
        .await;
        listed.map_err(|trouble| self.error(trouble, "list instances".to_owned()))
    }

    async fn launch(&self, launch: &Launch) -> Result<InstanceSeen, CloudError> {
        let (place, launch) = (Arc::clone(&self.place), launch.clone());
        let operation = format!("launch {}", launch.instance.id);
        let launched = whole(async move { making::launch(&place, &launch).await }).await;
        launched.map_err(|trouble| self.error(trouble, operation))
    }

    async fn terminate(&self, tenant: &TenantName, id: &ProviderId) -> Result<(), CloudError> {
        let (place, tenant, name) = (Arc::clone(&self.place), tenant.clone(), id.clone());
        let ended = whole(async move { making::terminate(&place, &tenant, &name.0).await }).await;
        ended.map_err(|trouble| self.error(trouble, format!("terminate {id}")))
    }

    async fn suspend(&self, tenant: &TenantName, id: &ProviderId) -> Result<(), CloudError> {
        let (place, tenant, name) = (Arc::clone(&self.place), tenant.clone(), id.clone());
        let done = whole(async move { making::suspend(&place, &tenant, &name.0).await }).await;
        done.map_err(|trouble| self.error(trouble, format!("suspend {id}")))
    }

    async fn resume(&self, tenant: &TenantName, id: &ProviderId) -> Result<(), CloudError> {
        let (place, tenant, name) = (Arc::clone(&self.place), tenant.clone(), id.clone());
        let done = whole(async move { making::resume(&place, &tenant, &name.0).await }).await;
        done.map_err(|trouble| self.error(trouble, format!("resume {id}")))
    }

    async fn checkup(&self) -> Checkup {
        self.place.checkup()
    }
}
