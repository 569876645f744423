//! Instances as virtual machines, over the libvirt API alone: KVM where it works, QEMU's emulation where it does not, on one host or
//! many.
//!
//! ```text
//!  LibvirtCloud ──► fleet, making     what the port promises, over all hosts
//!                       │
//!                     hosts           a call is a thread with a limit; silent hosts are errors
//!                       │
//!       api · pool · probe ──► link   the few calls of libvirt, on one open connection
//!                       │
//!           convert · error · raw     XML, kinds of errors, what the `virt` crate lacks
//! ```
//!
//! An instance is a persistent domain whose UUID and name come from its intent, with a disk that is a copy on write of an image, a seed
//! for cloud-init, or a kernel that is booted directly. What it is lies in libvirt alone: a service that was killed finds it again.
//!
//! This crate is not for networks: a [`Cable`] tells it the bridge that an instance belongs to.

mod api;
mod cable;
mod checkup;
mod convert;
mod error;
mod fleet;
mod hosts;
mod link;
mod making;
mod meter;
mod pool;
mod probe;
mod raw;
mod seed;
mod settings;
mod turn;

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use controller::id::{InstanceId, ProviderId, TenantName};
use controller::ports::{Checkup, CloudError, InstanceSeen, Launch, Southbound};

pub use cable::{Cable, CableError, CableRequest};
pub use meter::LibvirtMeter;
pub use settings::{
    HostSettings, Hypervisor, Image, Kernel, Seed, Settings, SettingsError, SuspendBy, Template,
};

use error::Trouble;
use fleet::Fleet;

/// Called from a thread of libvirt's whenever something starts or stops on a host: look sooner. It must not block.
pub type Wake = Arc<dyn Fn() + Send + Sync>;

/// What the service adds to the seed of an instance beside the template's own user data, as cloud-init's vendor data: the credential
/// of its monitor, say. Empty for nothing. The same for the same launch.
pub type VendorData = Arc<dyn Fn(&Launch) -> String + Send + Sync>;

/// A libvirt cloud. Its instances outlive it, and any later one with the same settings finds them again; several services may have it
/// at once. Its calls have to be made within a tokio runtime.
pub struct LibvirtCloud {
    fleet: Arc<Fleet>,
}

impl LibvirtCloud {
    /// A cloud as it is set. Asks nothing of any host yet.
    pub fn open(
        settings: Settings,
        cable: Arc<dyn Cable>,
        vendor_data: VendorData,
        wake: &Wake,
    ) -> Result<Self, SettingsError> {
        settings.check()?;
        let fleet = Arc::new(Fleet::new(settings, cable, vendor_data, wake));
        Ok(Self { fleet })
    }

    /// Measures this cloud's instances, over the connections that it has.
    pub fn meter(&self) -> LibvirtMeter {
        LibvirtMeter::new(Arc::clone(&self.fleet))
    }

    /// Those of the tenant's instances that are on the host with the fewest: the victims of a scale-in that is to leave hosts empty.
    /// Fails where a host does not answer.
    pub async fn on_emptiest_host(
        &self,
        tenant: &TenantName,
    ) -> Result<Vec<InstanceId>, CloudError> {
        let (fleet, tenant) = (Arc::clone(&self.fleet), tenant.clone());
        let found = whole(async move { fleet.on_emptiest(&tenant).await }).await;
        found.map_err(|trouble| self.error(trouble, "find its emptiest host".to_owned()))
    }

    fn error(&self, trouble: Trouble, operation: String) -> CloudError {
        trouble.at(&self.fleet.settings.cloud, operation)
    }
}

impl fmt::Debug for LibvirtCloud {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LibvirtCloud")
            .field("settings", &self.fleet.settings)
            .finish_non_exhaustive()
    }
}

/// Runs an effect to its end even if the caller goes away in the middle of it.
async fn whole<T: Send + 'static>(
    effect: impl Future<Output = Result<T, Trouble>> + Send + 'static,
) -> Result<T, Trouble> {
    tokio::spawn(effect).await.unwrap_or_else(|cause| {
        let detail = format!("the service is shutting down or has a bug: {cause}");
        Err(Trouble::new(
            controller::ports::CloudErrorKind::Unreachable,
            detail,
        ))
    })
}

#[async_trait]
impl Southbound for LibvirtCloud {
    async fn list(&self, tenant: &TenantName) -> Result<Vec<InstanceSeen>, CloudError> {
        let (fleet, tenant) = (Arc::clone(&self.fleet), tenant.clone());
        let listed = whole(async move { fleet.list(&tenant).await }).await;
        listed.map_err(|trouble| self.error(trouble, "list instances".to_owned()))
    }

    async fn launch(&self, launch: &Launch) -> Result<InstanceSeen, CloudError> {
        let (fleet, launch) = (Arc::clone(&self.fleet), launch.clone());
        let operation = format!("launch {}", launch.instance.id);
        let launched = whole(async move { making::launch(&fleet, &launch).await }).await;
        launched.map_err(|trouble| self.error(trouble, operation))
    }

    async fn terminate(&self, tenant: &TenantName, id: &ProviderId) -> Result<(), CloudError> {
        let (fleet, tenant, name) = (Arc::clone(&self.fleet), tenant.clone(), id.0.clone());
        let ended = whole(async move { fleet.terminate(&tenant, &name).await }).await;
        ended.map_err(|trouble| self.error(trouble, format!("terminate {id}")))
    }

    async fn suspend(&self, tenant: &TenantName, id: &ProviderId) -> Result<(), CloudError> {
        let (fleet, tenant, name) = (Arc::clone(&self.fleet), tenant.clone(), id.0.clone());
        let done = whole(async move { fleet.suspend(&tenant, &name).await }).await;
        done.map_err(|trouble| self.error(trouble, format!("suspend {id}")))
    }

    async fn resume(&self, tenant: &TenantName, id: &ProviderId) -> Result<(), CloudError> {
        let (fleet, tenant, name) = (Arc::clone(&self.fleet), tenant.clone(), id.0.clone());
        let done = whole(async move { fleet.resume(&tenant, &name).await }).await;
        done.map_err(|trouble| self.error(trouble, format!("resume {id}")))
    }

    async fn checkup(&self) -> Checkup {
        checkup::checkup(&self.fleet).await
    }
}
