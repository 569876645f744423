//! A cloud on this machine: an instance is an OCI container in a network namespace that the [`Cable`] gives, on a
//! copy-on-write root that is gone when the instance is gone.

mod cable;
mod meter;
mod settings;

use std::sync::Arc;

use async_trait::async_trait;
use controller::id::{ProviderId, TenantName};
use controller::ports::{CloudError, CloudErrorKind, InstanceSeen, Launch, Southbound};

pub use cable::{Cable, CableError, CableRequest};
pub use meter::CgroupMeter;
pub use settings::{LocalSettings, SettingsError, Template};

/// A local cloud. Its instances outlive it, and any later one with the same settings finds them again.
pub struct LocalCloud {
    settings: LocalSettings,
    _cable: Arc<dyn Cable>,
}

impl std::fmt::Debug for LocalCloud {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LocalCloud")
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

impl LocalCloud {
    /// A cloud as it is set.
    pub fn new(settings: LocalSettings, cable: Arc<dyn Cable>) -> Result<Self, SettingsError> {
        settings.check()?;
        Ok(Self {
            settings,
            _cable: cable,
        })
    }

    /// The last lines that an instance wrote to its standard output and error, `limit` bytes at most: why it did not get
    /// healthy. Empty where it has written nothing or is not known.
    pub fn log_tail(&self, _tenant: &TenantName, _id: &ProviderId, _limit: usize) -> String {
        String::new()
    }

    fn unfinished(&self, operation: &str) -> CloudError {
        CloudError {
            cloud: self.settings.cloud.clone(),
            kind: CloudErrorKind::Denied,
            operation: operation.to_owned(),
            detail: "this cloud is being built".to_owned(),
        }
    }
}

#[async_trait]
impl Southbound for LocalCloud {
    async fn list(&self, _tenant: &TenantName) -> Result<Vec<InstanceSeen>, CloudError> {
        Err(self.unfinished("list instances"))
    }

    async fn launch(&self, launch: &Launch) -> Result<InstanceSeen, CloudError> {
        Err(self.unfinished(&format!("launch {}", launch.instance.id)))
    }

    async fn terminate(&self, _tenant: &TenantName, id: &ProviderId) -> Result<(), CloudError> {
        Err(self.unfinished(&format!("terminate {id}")))
    }
}
